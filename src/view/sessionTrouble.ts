/** Why a BGP session is not up, made of the last error that a speaker reports of it. Stable codes. */
export type SessionReason =
  | 'ConnectionRefused'
  | 'NoAnswer'
  /** Connections are signed, and nobody answers: what a wrong key looks like. */
  | 'KeyNotAccepted'
  | 'NoRouteToRouter'
  /** The address that the BGPPeer asks for as the source is not the node's. */
  | 'SourceNotLocal'
  | 'BadPeerAs'
  | 'BadRouterId'
  | 'UnacceptableHoldTime'
  | 'UnsupportedCapability'
  | 'OpenRefused'
  | 'HoldTimerExpired'
  | 'PrefixLimit'
  | 'RejectedByRouter'
  | 'EndedByRouter'
  | 'BfdDown'
  /** The session is up, but BFD does not guard it. */
  | 'BfdNotGuarding'
  | 'ProtocolError'
  | 'ConnectionLost'
  /** The connection is up, and no OPEN comes on it. */
  | 'NoOpen'
  /** Only the router may connect, and has not. */
  | 'NotConnected'
  | 'Connecting';

export interface SessionTrouble {
  readonly reason: SessionReason;
  readonly message: string;
}

/** What of the configuration tells two troubles apart that look the same on the wire. */
export interface SessionFacts {
  readonly hasKey: boolean;
  /** Never dials: passive, or a range of addresses. */
  readonly waits: boolean;
  /** Asked for as the source of connections. */
  readonly source?: string;
  readonly holdTimeMs: number;
  readonly myAsn: number;
  readonly peerAsn: number | 'internal' | 'external';
}

interface Rule {
  readonly match: RegExp;
  readonly reason: (facts: SessionFacts) => SessionReason;
  readonly text: (facts: SessionFacts, isSent: boolean) => string;
}

const NO_KEY = 'a firewall is between, only one side has a password, or it is more than one hop away';

/** The first that matches counts. */
const RULES: readonly Rule[] = [
  { match: /BFD Down/, reason: () => 'BfdDown', text: () => 'BFD says that the path to the router is down' },
  {
    match: /Bad Peer AS/,
    reason: () => 'BadPeerAs',
    text: ({ myAsn, peerAsn }, isSent) =>
      isSent ? `the router has another AS number than peerASN ${peerAsn}` : `the router does not expect AS ${myAsn} of this node`,
  },
  { match: /Bad BGP Identifier/, reason: () => 'BadRouterId', text: () => 'the router does not take the router ID, or has the same one' },
  {
    match: /Unacceptable Hold Time/,
    reason: () => 'UnacceptableHoldTime',
    text: ({ holdTimeMs }, isSent) =>
      isSent ? "the router's hold time is below 3 s" : `a hold time of ${holdTimeMs / 1000} s is too short for the router`,
  },
  {
    match: /Unsupported Capability/,
    reason: () => 'UnsupportedCapability',
    text: (_, isSent) =>
      isSent ? 'the router does not offer a family that is asked for' : 'the router does not take what this node offers',
  },
  { match: /OPEN Message Error/, reason: () => 'OpenRefused', text: () => 'the OPEN was refused' },
  { match: /Hold Timer Expired/, reason: () => 'HoldTimerExpired', text: () => 'nothing came from the other side for the hold time' },
  { match: /Maximum Number of Prefixes/, reason: () => 'PrefixLimit', text: () => 'the router takes no more prefixes' },
  {
    match: /Connection Rejected/,
    reason: () => 'RejectedByRouter',
    text: () => 'the router rejects the connection: it may already have a session with this address',
  },
  { match: /^received Cease/, reason: () => 'EndedByRouter', text: () => 'the router ended the session' },
  {
    match: /Message (?:Header )?Error|Finite State Machine/,
    reason: () => 'ProtocolError',
    text: () => 'the two sides do not understand each other',
  },
  {
    match: /ECONNREFUSED/,
    reason: () => 'ConnectionRefused',
    text: () => 'the router refuses connections: nothing listens there for this node',
  },
  {
    match: /ConnectTimeout|ETIMEDOUT/,
    reason: ({ hasKey }) => (hasKey ? 'KeyNotAccepted' : 'NoAnswer'),
    text: ({ hasKey }) =>
      hasKey
        ? 'the router does not answer connections that are signed with this password: it has another one or none, or a firewall is between'
        : `the router does not answer: ${NO_KEY}`,
  },
  { match: /^NoOpen/, reason: () => 'NoOpen', text: () => 'the router takes connections and says nothing: no OPEN comes' },
  {
    match: /EADDRNOTAVAIL/,
    reason: () => 'SourceNotLocal',
    text: ({ source }) => `the node has no address ${source ?? ''} to dial from, which the sourceAddress of the BGPPeer asks for`,
  },
  {
    match: /^sent Cease\/(?:Administrative|Other Configuration Change|Peer De-configured)/,
    reason: () => 'Connecting',
    text: () => 'this node ended the session to begin it anew',
  },
  { match: /EHOSTUNREACH|ENETUNREACH/, reason: () => 'NoRouteToRouter', text: () => 'the node has no way to the router' },
];

/** @param lastError as NodeState has it: `received OPEN Message Error/Bad Peer AS`; undefined: there was none yet */
export function sessionTrouble(lastError: string | undefined, facts: SessionFacts): SessionTrouble {
  if (lastError === undefined || lastError === '') {
    return facts.waits
      ? { reason: 'NotConnected', message: 'no router has connected, and only the router may' }
      : { reason: 'Connecting', message: 'the session is not up yet, and nothing has gone wrong so far' };
  }
  const rule = RULES.find(({ match }) => match.test(lastError));
  const said = `(${lastError})`;
  if (rule === undefined) return { reason: 'ConnectionLost', message: `the connection was lost ${said}` };
  return { reason: rule.reason(facts), message: `${rule.text(facts, lastError.startsWith('sent '))} ${said}` };
}
