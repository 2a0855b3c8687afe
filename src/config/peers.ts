import type { z } from 'zod';
import type { bgpPeerSpec } from '../api/bgpPeer.ts';
import { durationMs } from '../api/fields.ts';
import { type Ip, ipFamily, parseIp } from '../net/ip.ts';
import { problemText } from './conditions.ts';
import type { Peer } from './config.ts';
import { type Fault, fault } from './fault.ts';
import type { ConfigObject } from './object.ts';
import { buildExtras } from './peerExtras.ts';
import { type Recipe, type Version, compared } from './place.ts';
import type { Problem } from './problem.ts';
import { type Password, type Secrets, isOfSecret, refusedPassword, secretPassword } from './secret.ts';

type Written = z.output<typeof bgpPeerSpec>;
/** Without what means the same as its absence. */
type Spec = Omit<Written, 'dynamicASN'> & { readonly dynamicASN?: Exclude<Written['dynamicASN'], ''> };

const DEFAULT_HOLD_MS = 90_000;
/** In bytes: the kernel's limit. */
const LONGEST_PASSWORD = 80;

export interface PeerSurroundings {
  readonly bfdProfiles: ReadonlySet<string>;
  /** Of BFDProfiles that are not in force, or not as they are written: the first error. */
  readonly bfdErrors: ReadonlyMap<string, Problem>;
  /** Absent where Secrets are not read: a reference to one is then taken as it is. */
  readonly secrets: Secrets | undefined;
}

function buildPeer(
  object: ConfigObject<Written>,
  written: Written,
  around: PeerSurroundings,
): { readonly value: Peer; readonly faults: readonly Fault[] } {
  const spec = withoutBlanks(written);
  const address = optionalIp(spec.peerAddress, 'spec.peerAddress');
  const source = optionalIp(spec.sourceAddress, 'spec.sourceAddress');
  const router = optionalIp(spec.routerID, 'spec.routerID');
  const timers = buildTimers(spec);
  const password = buildPassword(spec, object.ref.namespace, around.secrets);
  const { extras, faults: wrong } = buildExtras(spec);
  const faults = [
    ...wrong,
    ...address.faults,
    ...source.faults,
    ...router.faults,
    ...timers.faults,
    ...password.faults,
    ...contradictions(spec),
    ...references(spec, around),
  ];
  faults.push(...addressFaults(address.ip, source.ip, router.ip));
  const peer: Peer = {
    name: object.ref.name,
    myAsn: spec.myASN,
    peerAsn: spec.peerASN ?? spec.dynamicASN ?? 'external',
    port: spec.peerPort,
    holdTimeMs: timers.holdTimeMs,
    keepaliveTimeMs: timers.keepaliveTimeMs,
    nodeSelectors: (spec.nodeSelectors ?? []) as Peer['nodeSelectors'],
    gracefulRestart: spec.enableGracefulRestart ?? false,
    ebgpMultiHop: spec.ebgpMultiHop ?? false,
    dualStackAddressFamily: spec.dualStackAddressFamily,
    disableMP: spec.disableMP,
    ...extras,
    ...given({
      localAsn: spec.localASN,
      address: address.ip,
      interface: spec.interface,
      sourceAddress: source.ip,
      connectTimeMs: spec.connectTime === undefined ? undefined : durationMs(spec.connectTime),
      routerId: router.ip,
      password: password.value,
      bfdProfile: spec.bfdProfile,
      vrf: spec.vrf,
    }),
  };
  return { value: peer, faults };
}

function withoutBlanks(written: Written): Spec {
  const entries = Object.entries(written).filter(([name, value]) => value !== '' && !(name === 'peerASN' && value === 0));
  return Object.fromEntries(entries) as Spec;
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the fields that were not given. */
function given<T extends object>(fields: T): Given<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
}

function addressFaults(address: Ip | undefined, source: Ip | undefined, router: Ip | undefined): Fault[] {
  const faults: Fault[] = [];
  if (router !== undefined && (ipFamily(router) !== 'ipv4' || router === '0.0.0.0')) {
    faults.push(fault('InvalidField', 'spec.routerID', `${router} is no non-zero IPv4 address`));
  }
  if (address !== undefined && source !== undefined && ipFamily(address) !== ipFamily(source)) {
    faults.push(fault('ConflictingFields', 'spec.sourceAddress', `${source} is of another family than peerAddress ${address}`));
  }
  return faults;
}

function optionalIp(written: string | undefined, path: string): { readonly ip: Ip | undefined; readonly faults: readonly Fault[] } {
  if (written === undefined) return { ip: undefined, faults: [] };
  const ip = parseIp(written);
  return { ip, faults: ip === undefined ? [fault('InvalidField', path, `${JSON.stringify(written)} is no IP address`)] : [] };
}

interface Timers {
  readonly holdTimeMs: number;
  readonly keepaliveTimeMs: number;
  readonly faults: readonly Fault[];
}

function buildTimers(spec: Spec): Timers {
  const hold = spec.holdTime === undefined ? undefined : durationMs(spec.holdTime);
  const keepalive = spec.keepaliveTime === undefined ? undefined : durationMs(spec.keepaliveTime);
  const holdTimeMs = hold ?? (keepalive === undefined ? DEFAULT_HOLD_MS : keepalive * 3);
  // RFC 4271 §10: a third of the hold time.
  const keepaliveTimeMs = keepalive ?? holdTimeMs / 3;
  const connectMs = spec.connectTime === undefined ? undefined : durationMs(spec.connectTime);
  return { holdTimeMs, keepaliveTimeMs, faults: timerFaults(spec, holdTimeMs, keepaliveTimeMs, connectMs) };
}

const MAX_SECONDS_MS = 65_535_000;

function timerFaults(spec: Spec, holdTimeMs: number, keepaliveTimeMs: number, connectMs: number | undefined): Fault[] {
  const faults: Fault[] = [];
  // RFC 4271 §4.2: a Hold Time is zero or at least three seconds.
  if (holdTimeMs !== 0 && (holdTimeMs < 3000 || holdTimeMs > MAX_SECONDS_MS)) faults.push(holdFault(spec, holdTimeMs));
  if (keepaliveTimeMs > holdTimeMs)
    faults.push(fault('InvalidTimer', 'spec.keepaliveTime', `${spec.keepaliveTime} is longer than the hold time`));
  if (connectMs !== undefined && (connectMs < 1000 || connectMs > MAX_SECONDS_MS || connectMs % 1000 !== 0)) {
    faults.push(fault('InvalidTimer', 'spec.connectTime', `${spec.connectTime} is not whole seconds between 1s and 65535s`));
  }
  return faults;
}

function holdFault({ holdTime, keepaliveTime }: Spec, holdTimeMs: number): Fault {
  const range = 'neither 0 nor between 3s and 65535s';
  if (holdTime !== undefined) return fault('InvalidTimer', 'spec.holdTime', `${holdTime} is ${range}`);
  return fault('InvalidTimer', 'spec.keepaliveTime', `${keepaliveTime} gives a hold time of ${holdTimeMs} ms, which is ${range}`);
}

function buildPassword(spec: Spec, namespace: string | undefined, secrets: PeerSurroundings['secrets']): Password {
  const { name, namespace: other = '' } = spec.passwordSecret ?? {};
  if (name === undefined || name === '') return { value: spec.password, faults: [] };
  if (spec.password !== undefined)
    return refusedPassword('ConflictingFields', 'spec.password', 'password and passwordSecret exclude each other');
  if (other !== '' && namespace !== undefined && other !== namespace)
    return refusedPassword('InvalidSecret', 'spec.passwordSecret.namespace', `Secrets are read in ${namespace} alone, not in ${other}`);
  if (secrets === undefined) return { value: undefined, faults: [] };
  const taker = { what: spec.tcpAO === undefined ? 'TCP MD5' : 'TCP-AO', longest: LONGEST_PASSWORD };
  return secretPassword(name, secrets.get(name), 'spec.passwordSecret.name', taker);
}

function contradictions(spec: Spec): Fault[] {
  const faults: Fault[] = [];
  if ((spec.peerASN === undefined) === (spec.dynamicASN === undefined)) {
    faults.push(fault('ConflictingFields', 'spec.peerASN', 'exactly one of peerASN and dynamicASN must be set'));
  }
  if (spec.ebgpMultiHop === true && spec.peerASN === spec.myASN) {
    faults.push(fault('ConflictingFields', 'spec.ebgpMultiHop', `the session is iBGP: peerASN equals myASN (${spec.myASN})`));
  }
  return faults;
}

function references(spec: Spec, around: PeerSurroundings): Fault[] {
  const { bfdProfile: name } = spec;
  if (name === undefined || around.bfdProfiles.has(name)) return [];
  const error = around.bfdErrors.get(name);
  if (error === undefined) return [fault('UnknownReference', 'spec.bfdProfile', `there is no BFDProfile ${name}`)];
  // Who asked for BFD with a key gets no session without BFD: a dead node would keep its routes for the whole hold time, and nobody would know.
  const reason = isOfSecret(error) ? 'InvalidSecret' : 'UnknownReference';
  return [fault(reason, 'spec.bfdProfile', `BFDProfile ${name} is not in force: ${problemText(error)}`)];
}

export function peerRecipe(around: PeerSurroundings): Recipe<Written, Peer> {
  return {
    build: (object, spec) => buildPeer(object, spec, around),
    keep: ({ bfdProfile, ...earlier }) =>
      bfdProfile !== undefined && around.bfdProfiles.has(bfdProfile) ? { ...earlier, bfdProfile } : earlier,
    ground: compared(({ value }, placed) => placed.filter((other) => isSameRouter(value, other.value)).map((other) => twin(value, other))),
  };
}

/**
 * Two sessions of one node with one router would fight over its address. Where both have node selectors these may well
 * be disjoint, and labels of nodes are not known here.
 */
function isSameRouter(a: Peer, b: Peer): boolean {
  if (a.nodeSelectors.length > 0 && b.nodeSelectors.length > 0) return false;
  return routerOf(a) === routerOf(b);
}

/** What tells connections of one router from those of others; the same router has the same text. */
function routerOf({ address, listenRange, defaultGateway, interface: name, vrf, sourceAddress }: Peer): string {
  if (address !== undefined) return JSON.stringify([address, vrf, sourceAddress]);
  if (listenRange !== undefined) return JSON.stringify([listenRange, vrf]);
  return JSON.stringify(defaultGateway === undefined ? [name] : [defaultGateway, vrf]);
}

function twin(peer: Peer, other: Version<Peer>): Fault {
  const [field, value] = wayOf(peer);
  return fault('DuplicateEntry', `spec.${field}`, `BGPPeer ${other.name} has a session with ${value} on the same nodes`);
}

function wayOf(peer: Peer): readonly [field: string, value: string | undefined] {
  if (peer.address !== undefined) return ['peerAddress', peer.address];
  if (peer.listenRange !== undefined) return ['listenRange', peer.listenRange];
  return peer.defaultGateway === undefined
    ? ['interface', peer.interface]
    : ['autoDiscovery', `the ${peer.defaultGateway} default gateway`];
}
