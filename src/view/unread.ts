import type { Cause } from './cause.ts';

/** Why the API server gives no list; those of `heraldlb doctor`, which looks for the same. */
export type UnreadReason = 'RightMissing' | 'CrdMissing' | 'ApiRefused' | 'ApiUnreachable' | 'NotRead';

const NEXT: Readonly<Record<UnreadReason, string>> = {
  RightMissing: 'kubectl apply the roles of manifests/base/rbac.yaml',
  CrdMissing: 'kubectl apply -k manifests/crds',
  ApiRefused: 'look at the kubeconfig, or at the service account and its token',
  ApiUnreachable: 'look at the address of the server, at DNS and at firewalls between',
  NotRead: 'look at the API server, and into the log of the controller',
};

/** @param message one sentence, with the answer of the API server in it */
export function unreadCause(message: string): Cause {
  const reason = reasonOf(message);
  return { reason, message, next: NEXT[reason], docs: docsOfUnread(reason) };
}

export function docsOfUnread(reason: UnreadReason): string {
  return `docs/troubleshoot.md#${reason.toLowerCase()}`;
}

const BY_STATUS: Readonly<Record<number, UnreadReason>> = {
  0: 'ApiUnreachable',
  401: 'ApiRefused',
  403: 'RightMissing',
  404: 'CrdMissing',
};

/** @param status of HTTP; 0: there was no answer */
export function unreadReason(status: number): UnreadReason {
  return BY_STATUS[status] ?? 'NotRead';
}

function reasonOf(message: string): UnreadReason {
  const status = /: (\d{3}) /.exec(message)?.[1];
  if (status !== undefined) return unreadReason(Number(status));
  return SILENT.test(message) ? unreadReason(0) : 'NotRead';
}

/** What Node says of a connection that there is none, or no more. */
const SILENT = /\bE[A-Z]{4,}|no answer in time|socket|closed|hang up|GOAWAY/i;
