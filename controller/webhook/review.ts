import { GROUP } from '../../src/api/kind.ts';
import { record, text } from '../../src/cluster/json.ts';
import { type AdmissionVerdict, type AdmissionWorld, denialText, isConfigKind, reviewWrite, takenText } from '../../src/ipam/admission.ts';
import { type ClaimRequest, reviewClaim } from '../../src/ipam/claimAdmission.ts';

/** The answer of admission.k8s.io/v1, as far as HeraldLB gives one. */
export interface ReviewResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
  readonly warnings?: readonly string[];
}

/**
 * Who takes a whole namespace away is not to be held up by one object in it: the namespace would stay half deleted for ever.
 */
const CARETAKERS = new Set(
  ['namespace-controller', 'generic-garbage-collector'].map((name) => `system:serviceaccount:kube-system:${name}`),
);

/** Longer ones are cut by the API server itself. */
const MAX_WARNING = 240;
const MAX_WARNINGS = 10;

/**
 * @param review the body of the request, whatever is in it
 * @param world undefined: the cluster is not known yet
 * @throws Error when it is no AdmissionReview
 */
export function answerReview(review: unknown, apiGroup: string, world: AdmissionWorld | undefined): ReviewResponse {
  const request = record(record(review)?.['request']);
  const uid = text(request?.['uid']);
  if (request === undefined || uid === undefined || uid === '') throw new Error('no AdmissionReview with a request and its uid');
  const ask = questionOf(request, apiGroup);
  const username = text(record(request['userInfo'])?.['username']) ?? '';
  if (ask === undefined || CARETAKERS.has(username)) return { uid, allowed: true };
  if (world === undefined) return { uid, allowed: true, warnings: ['HeraldLB has not read the cluster yet: this write was not checked'] };
  return responseOf(uid, ask.verdict(world), request['dryRun'] === true && ask.mayMove);
}

interface Question {
  readonly verdict: (world: AdmissionWorld) => AdmissionVerdict;
  /** Such an object has to do with who has which address. */
  readonly mayMove: boolean;
}

function questionOf(request: Readonly<Record<string, unknown>>, apiGroup: string): Question | undefined {
  const gvk = record(request['kind']) ?? {};
  const kind = text(gvk['kind']) ?? '';
  const operation = text(request['operation']);
  if (operation !== 'CREATE' && operation !== 'UPDATE' && operation !== 'DELETE') return undefined;
  const write: ClaimRequest = { operation, object: request['object'] ?? undefined, oldObject: request['oldObject'] ?? undefined };
  // In our own group whatever group the others are of.
  if (kind === 'AddressClaim') return gvk['group'] === GROUP ? { verdict: (world) => reviewClaim(write, world), mayMove: true } : undefined;
  if (gvk['group'] !== apiGroup || !isConfigKind(kind)) return undefined;
  return { verdict: (world) => reviewWrite({ ...write, kind }, world), mayMove: kind === 'IPAddressPool' };
}

function responseOf(uid: string, { denials, warnings, taken }: AdmissionVerdict, tellsMoves: boolean): ReviewResponse {
  const moves = taken.length === 0 ? 'renumbers no Service' : `takes from running Services: ${takenText(taken)}`;
  const all = [...(tellsMoves || (taken.length > 0 && denials.length === 0) ? [moves] : []), ...warnings].map(short);
  const said = all.length === 0 ? {} : { warnings: all.slice(0, MAX_WARNINGS) };
  const [first] = denials;
  if (first === undefined) return { uid, allowed: true, ...said };
  return { uid, allowed: false, status: { code: 422, reason: first.reason, message: denials.map(denialText).join('\n') }, ...said };
}

function short(warning: string): string {
  return warning.length > MAX_WARNING ? `${warning.slice(0, MAX_WARNING - 1)}…` : warning;
}
