import type { Peer } from '../../config/config.ts';
import type { Ip } from '../../net/ip.ts';
import { type SessionFacts, type SessionReason, type SessionTrouble, sessionTrouble } from '../../view/sessionTrouble.ts';
import type { Facts, Finding, Reach, WireFacts } from './contract.ts';
import { fail, pass, warn } from './finding.ts';

const REACH: Readonly<Record<Exclude<Reach, 'open'>, string>> = {
  refused: 'the connection is refused',
  timeout: 'nothing answers',
  noRoute: 'there is no route to it',
};

const REASON: Readonly<Record<Exclude<Reach, 'open'>, SessionReason>> = {
  refused: 'ConnectionRefused',
  timeout: 'NoAnswer',
  noRoute: 'NoRouteToRouter',
};

export function judgePeers(facts: Facts): Finding[] {
  return [...(facts.wire?.peers ?? [])].map(([name, probe]) => judgePeer(facts, name, probe));
}

function judgePeer(facts: Facts, name: string, probe: Probe): Finding {
  const check = `peer ${name}`;
  const { address, port, reach } = probe;
  const session = facts.cluster?.nodeState?.bgp?.find(({ peer }) => peer === name || peer.startsWith(`${name}@`));
  if (session?.state === 'Established') return pass(check, `the session with ${address} is established`);
  const lastError = session?.lastError;
  const known = troubleOf(facts, name, lastError);
  if (reach !== 'open') return fail(check, known?.reason ?? REASON[reach], unreachedText(facts, probe, reach, lastError));
  return known === undefined ? pass(check, `${address} takes connections on port ${port}`) : fail(check, known.reason, known.message);
}

function unreachedText({ wire }: Facts, { address, port }: Probe, reach: keyof typeof REACH, lastError: string | undefined): string {
  const said = lastError === undefined ? '' : `; the session's last error: ${lastError}`;
  // That the host is there at all tells a firewall from a wrong address.
  const alive = reach !== 'refused' && wire?.echoes.get(address) === 'reply' ? ', though it answers pings' : '';
  return `${REACH[reach]} on port ${port} of ${address}${said}${alive}`;
}

type Probe = WireFacts['peers'] extends ReadonlyMap<string, infer P> ? P : never;

/** The speaker knows more than a probe can: what it says of the session is what `explain` says. */
function troubleOf({ config }: Facts, name: string, lastError: string | undefined): SessionTrouble | undefined {
  const peer = config?.peers.find((each) => each.name === name);
  return lastError === undefined || peer === undefined ? undefined : sessionTrouble(lastError, peerFacts(peer));
}

function peerFacts({ password, sourceAddress, passive, listenRange, holdTimeMs, localAsn, myAsn, peerAsn }: Peer): SessionFacts {
  return {
    hasKey: password !== undefined,
    waits: passive === true || listenRange !== undefined,
    ...(sourceAddress === undefined ? {} : { source: sourceAddress }),
    holdTimeMs,
    myAsn: localAsn ?? myAsn,
    peerAsn,
  };
}

export function judgeEchoes({ wire, node }: Facts): Finding[] {
  if (wire === undefined) return [];
  const silent = (ip: Ip): boolean => wire.echoes.get(ip) === 'timeout';
  const peers = [...wire.peers].filter(([, { address, reach }]) => silent(address) && reach === 'open');
  const gateways = node.gateways.filter(silent);
  return [
    ...gateways.map((ip) => warn(`gateway ${ip}`, 'GatewaySilent', 'it does not answer pings: it is down, or filters them')),
    ...peers.map(([name, { address }]) =>
      warn(`peer ${name}`, 'PeerSilent', `${address} takes connections and does not answer pings: it filters them`),
    ),
    ...node.gateways.filter((ip) => wire.echoes.get(ip) === 'reply').map((ip) => pass(`gateway ${ip}`, 'answers pings')),
  ];
}

/** One host answers for a VIP: this one, when it owns it, or one other. */
export function judgeDuplicates({ wire, cluster }: Facts): Finding[] {
  const { claims = [], problems = [] } = cluster?.nodeState ?? {};
  const answers = [...(wire?.answers ?? [])];
  const reported = problems.filter(({ reason }) => reason === 'AddressInUse');
  const found = answers.filter(([ip, macs]) => macs.length > (claims.some((claim) => claim.ip === ip) ? 0 : 1));
  const all = [
    ...reported.map(({ object, message }) => fail(`VIP ${object ?? ''}`, 'AddressInUse', `the speaker says: ${message}`)),
    ...found.filter(([ip]) => !reported.some(({ object }) => object === ip)).map(([ip, macs]) => duplicate(ip, macs)),
  ];
  if (all.length > 0 || answers.length === 0) return all;
  return [pass('VIPs', 'one host at most answers for each')];
}

function duplicate(ip: Ip, macs: readonly string[]): Finding {
  const message = macs.length === 1 ? `${macs.join()} answers, and this node owns it` : `${macs.join(' and ')} answer for it`;
  return fail(`VIP ${ip}`, 'AddressInUse', message);
}
