import type { Cause } from './cause.ts';

/** Why a list is not in; those of `heraldlb doctor`, which looks for the same. */
type UnreadReason = 'RightMissing' | 'CrdMissing' | 'NotRead';

const NEXT: Readonly<Record<UnreadReason, string>> = {
  RightMissing: 'kubectl apply the roles of manifests/base/rbac.yaml',
  CrdMissing: 'kubectl apply -k manifests/crds',
  NotRead: 'look at the API server, and into the log of the controller',
};

/** @param message one sentence, with the answer of the API server in it */
export function unreadCause(message: string): Cause {
  const reason = reasonOf(message);
  return { reason, message, next: NEXT[reason], docs: `docs/troubleshoot.md#${reason.toLowerCase()}` };
}

function reasonOf(message: string): UnreadReason {
  if (/: 403 /.test(message)) return 'RightMissing';
  return /: 404 /.test(message) ? 'CrdMissing' : 'NotRead';
}
