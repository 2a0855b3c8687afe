import { type Raw, integer, text } from '../../cluster/json.ts';
import type { Draft } from './draft.ts';
import { records, seconds, whenTrue } from './fields.ts';
import { type SourceObject, given } from './sourceObject.ts';

/** Whom a session is with, in either form of Cilium's configuration. */
export interface Neighbour {
  readonly object: SourceObject;
  readonly path: string;
  readonly localAsn: number;
  readonly peerAsn: number;
  readonly hops: number;
}

/** The fields of a BGPPeer that both forms have. @param raw timers and graceful restart */
export function sessionFields(
  draft: Draft,
  { object, path, localAsn, peerAsn, hops }: Neighbour,
  { timers, restart, port }: { readonly timers: Raw; readonly restart: Raw; readonly port: number | undefined },
): object {
  if (peerAsn === 0)
    draft.lose('Approximated', object, `${path}.peerASN`, 'took every AS number; every one but ours is taken now (dynamicASN: external)');
  if (port !== undefined && port > 16_384) draft.lose('NoEquivalent', object, `${path}.peerPort`, `${port} is above 16384`);
  const connect = integer(timers['connectRetryTimeSeconds']);
  const restarts = restart['enabled'] === true;
  return given({
    myASN: localAsn,
    ...(peerAsn === 0 ? { dynamicASN: 'external' } : { peerASN: peerAsn }),
    peerPort: port === 179 ? undefined : port,
    connectTime: connect === undefined ? undefined : `${Math.min(connect, 65_535)}s`,
    holdTime: seconds(timers['holdTimeSeconds']),
    keepaliveTime: seconds(timers['keepAliveTimeSeconds']),
    ebgpMultiHop: whenTrue(hops > 1 && peerAsn !== localAsn),
    enableGracefulRestart: whenTrue(restarts),
    gracefulRestartTime: restarts ? seconds(restart['restartTimeSeconds']) : undefined,
  });
}

/** Unicast families of a list; both when there is none. */
export function familiesOf(raw: unknown): ('ipv4' | 'ipv6')[] {
  const all = records(raw);
  if (all.length === 0) return ['ipv4', 'ipv6'];
  return (['ipv4', 'ipv6'] as const).filter((afi) => all.some((one) => one['afi'] === afi && one['safi'] === 'unicast'));
}

export function passwordOf(draft: Draft, object: SourceObject, path: string, raw: unknown): object {
  const name = text(raw);
  if (name === undefined || name === '') return {};
  draft.lose(
    'SecretToCopy',
    object,
    path,
    `make a Secret ${draft.namespace}/${name} of type kubernetes.io/basic-auth with the same key password`,
  );
  return { passwordSecret: { name } };
}
