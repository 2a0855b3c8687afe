import { randomBytes } from 'node:crypto';
import { unauthorized } from '../status.ts';

export interface User {
  name: string;
  groups: readonly string[];
  uid: string;
  extra?: Record<string, string[]>;
}

export interface TokenSpec {
  name: string;
  groups?: readonly string[];
  uid?: string;
  /** Milliseconds since 1970; from then on the token is 401. */
  expiresAt?: number;
}

export const adminToken = 'kubelab-admin';

const admin: TokenSpec = { name: 'kubernetes-admin', groups: ['system:masters'] };
const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'], uid: '' };

/** Bearer tokens and the users behind them. */
export class Tokens {
  private specs = new Map<string, TokenSpec>([[adminToken, admin]]);
  private open: boolean;

  /** `open`: a request without a token is the administrator's. */
  constructor(specs: Readonly<Record<string, TokenSpec>>, open: boolean) {
    this.open = open;
    for (const [token, spec] of Object.entries(specs)) this.specs.set(token, spec);
  }

  mint(spec: TokenSpec): string {
    const token = `kl.${randomBytes(18).toString('base64url')}`;
    this.specs.set(token, spec);
    return token;
  }

  mintFor(namespace: string, name: string, uid: string, ttlMs: number | undefined): string {
    return this.mint({
      ...serviceAccountUser(namespace, name, uid),
      ...(ttlMs === undefined ? {} : { expiresAt: Date.now() + ttlMs }),
    });
  }

  expire(token: string): void {
    const spec = this.specs.get(token);
    if (spec !== undefined) this.specs.set(token, { ...spec, expiresAt: 0 });
  }

  lookUp(token: string): User | undefined {
    const spec = this.specs.get(token);
    if (spec === undefined || (spec.expiresAt !== undefined && spec.expiresAt <= Date.now())) return undefined;
    return { name: spec.name, groups: [...(spec.groups ?? []), 'system:authenticated'], uid: spec.uid ?? '' };
  }

  /** The user of an Authorization header; throws 401. */
  authenticate(header: string | undefined): User {
    const token = /^Bearer\s+(.+)$/i.exec(header ?? '')?.[1]?.trim();
    if (token === undefined)
      return this.open ? { name: admin.name, groups: [...(admin.groups ?? []), 'system:authenticated'], uid: '' } : anonymous;
    const user = this.lookUp(token);
    if (user === undefined) throw unauthorized();
    return user;
  }
}

export function serviceAccountUser(namespace: string, name: string, uid: string): User {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    uid,
  };
}
