import type { RouteSet, SessionConfig } from '../../src/bgp/session.ts';
import type { Capability } from '../../src/wire/bgp/capability.ts';
import { type Message, encodeMessage } from '../../src/wire/bgp/message.ts';
import { A, B, Host, Simulation, config } from './simulation.ts';

export const MP4: Capability = { type: 'multiprotocol', afi: 1, safi: 1 };
export const MP6: Capability = { type: 'multiprotocol', afi: 2, safi: 1 };

/** A speaker of ours that dials a router of which only the words are there, and which says what the test has it say. */
export class Scripted {
  readonly sim = new Simulation();
  readonly us: Host;

  constructor(settings: Partial<SessionConfig> = {}, restarting = false) {
    this.sim.scripted = true;
    this.us = this.sim.add(new Host('us', A, config(settings), restarting));
    this.sim.step(this.us, { type: 'start' });
  }

  /** Of the connection that we dial. */
  get conn(): string {
    return this.us.state.out.wire?.conn ?? '';
  }

  desire(routes: readonly RouteSet[]): void {
    this.sim.step(this.us, { type: 'desired', routes });
  }

  /** The router takes our connection. @param nextHops what our interface has beside the address of the connection */
  connect(nextHops: { readonly ipv4?: typeof A; readonly ipv6?: typeof A } = {}, local = A): void {
    this.sim.step(this.us, { type: 'tcpConnected', conn: this.conn, local, remote: this.us.state.config.peerAddress, nextHops });
  }

  say(...messages: readonly Message[]): void {
    for (const message of messages) this.sim.step(this.us, { type: 'bytes', conn: this.conn, data: encodeMessage(message) });
  }

  /** From then on our messages are read as this router does. */
  open(capabilities: readonly Capability[], asn = 64_513): void {
    const { myAsn, localAsn = myAsn, addPath, families } = this.us.state.config;
    const has = (type: Capability['type']): boolean => capabilities.some((capability) => capability.type === type);
    const ids = addPath === true && has('addPath') ? families : [];
    this.us.readAs = { as4: has('fourOctetAs'), ebgp: asn !== localAsn, addPath: ids, extended: has('extendedMessage') };
    this.say({ type: 'open', asn, holdTimeSeconds: 90, routerId: B, capabilities });
  }

  /** Up to Established. */
  greet(capabilities: readonly Capability[], asn = 64_513): void {
    this.connect();
    this.open(capabilities, asn);
    this.say({ type: 'keepalive' });
  }

  /** The messages we have sent, as bytes: most hold one, a burst many. */
  rawUpdates(): Uint8Array[] {
    return this.us.effects.flatMap(({ effect }) => (effect.type === 'send' ? split(effect.bytes) : [])).filter((bytes) => bytes[18] === 2);
  }

  notices(): string[] {
    return this.us.sentOf('notification').map(({ code, subcode }) => `${code}/${subcode}`);
  }

  dials(): number[] {
    return this.us.effects.flatMap(({ at, effect }) => (effect.type === 'connect' ? [at] : []));
  }
}

function split(bytes: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = ((bytes[at + 16] ?? 0) << 8) | (bytes[at + 17] ?? 0);
    messages.push(bytes.subarray(at, at + length));
    at += length;
  }
  return messages;
}
