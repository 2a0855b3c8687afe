import { createHash, randomBytes } from 'node:crypto';
import { record, text } from '../../src/cluster/json.ts';
import { GROUP } from '../../src/api/kind.ts';
import type { KubeClient } from '../../src/host/kube/kubeClient.ts';

/** Who may look, and until when. Instants are on the clock of performance.now(). */
export interface Visitor {
  readonly user: string;
  readonly validUntilMs: number;
}

export type Admission =
  | { readonly admitted: true; readonly session: string; readonly visitor: Visitor }
  | { readonly admitted: false; readonly status: 401 | 403 | 429; readonly text: string };

const SESSION_MS = 3_600_000;
/** A bearer token is asked about again after so long. */
const BEARER_MS = 60_000;
const MAX_SESSIONS = 256;
/** Reviews cost the API server something: so many at once, and one more each second. */
const BURST = 10;
const REFILL_MS = 1000;
/** Longer than any token of Kubernetes. */
const MAX_TOKEN = 16_384;

/** What the page shows; who may not read it by kubectl is not shown it either. */
const RIGHTS = (namespace: string): readonly object[] => [
  { group: GROUP, resource: 'nodestates', verb: 'list', namespace },
  { group: '', resource: 'services', verb: 'list' },
];

/** Asks the API server who a token is of and what its owner may read. The tokens themselves are not kept. */
export class Access {
  readonly #client: KubeClient;
  readonly #namespace: string;
  readonly #sessions = new Map<string, Visitor>();
  #allowance = BURST;
  #refilledMs = performance.now();

  constructor(client: KubeClient, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  visitor(session: string): Visitor | undefined {
    const found = this.#sessions.get(session);
    if (found === undefined || found.validUntilMs > performance.now()) return found;
    this.#sessions.delete(session);
    return undefined;
  }

  leave(session: string): void {
    this.#sessions.delete(session);
  }

  /** @throws KubeError when the API server cannot be asked */
  async login(token: string): Promise<Admission> {
    return this.#admit(token, randomBytes(32).toString('base64url'), SESSION_MS);
  }

  /** @throws KubeError when the API server cannot be asked */
  async bearer(token: string): Promise<Admission> {
    const session = `bearer ${createHash('sha256').update(token).digest('base64url')}`;
    const visitor = this.visitor(session);
    return visitor === undefined ? this.#admit(token, session, BEARER_MS) : { admitted: true, session, visitor };
  }

  async #admit(token: string, session: string, lifetimeMs: number): Promise<Admission> {
    if (token === '' || token.length > MAX_TOKEN) return { admitted: false, status: 401, text: 'This is no token.' };
    if (!this.#mayAsk()) return { admitted: false, status: 429, text: 'Too many attempts: try again in some seconds.' };
    const user = await this.#userOf(token);
    if (user === undefined) return { admitted: false, status: 401, text: 'The API server does not know this token.' };
    for (const attributes of RIGHTS(this.#namespace)) {
      if (!(await this.#allows(user, attributes)))
        return { admitted: false, status: 403, text: `${user.name} may not list NodeStates in ${this.#namespace} and all Services.` };
    }
    const visitor = { user: user.name, validUntilMs: performance.now() + lifetimeMs };
    this.#remember(session, visitor);
    return { admitted: true, session, visitor };
  }

  #remember(session: string, visitor: Visitor): void {
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size >= MAX_SESSIONS && oldest !== undefined) this.#sessions.delete(oldest);
    this.#sessions.set(session, visitor);
  }

  #mayAsk(): boolean {
    const nowMs = performance.now();
    this.#allowance = Math.min(BURST, this.#allowance + (nowMs - this.#refilledMs) / REFILL_MS);
    this.#refilledMs = nowMs;
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }

  async #userOf(token: string): Promise<User | undefined> {
    const status = await this.#review('authentication.k8s.io', 'tokenreviews', 'TokenReview', { token });
    const user = record(status['user']);
    const name = text(user?.['username']) ?? '';
    if (status['authenticated'] !== true || user === undefined || name === '') return undefined;
    return { name, facts: { user: name, uid: user['uid'], groups: user['groups'], extra: user['extra'] } };
  }

  async #allows({ facts }: User, resourceAttributes: object): Promise<boolean> {
    const spec = { ...facts, resourceAttributes };
    const status = await this.#review('authorization.k8s.io', 'subjectaccessreviews', 'SubjectAccessReview', spec);
    return status['allowed'] === true && status['denied'] !== true;
  }

  async #review(group: string, plural: string, kind: string, spec: object): Promise<Readonly<Record<string, unknown>>> {
    const path = `/apis/${group}/v1/${plural}`;
    const body = { apiVersion: `${group}/v1`, kind, metadata: {}, spec };
    const answer = await this.#client.request({ method: 'POST', path, body, timeoutMs: 10_000 });
    return record(record(answer)?.['status']) ?? {};
  }
}

interface User {
  readonly name: string;
  /** As a SubjectAccessReview wants them. */
  readonly facts: object;
}
