import { describe, expect, it } from 'vitest';
import type { AddressClaim } from '../../src/config/addressClaims.ts';
import { CONFIG_KINDS, type RawObjects } from '../../src/config/parse.ts';
import { type AdmissionVerdict, type AdmissionWorld, denialText, reviewWrite, takenText } from '../../src/ipam/admission.ts';
import { reviewClaim } from '../../src/ipam/claimAdmission.ts';
import { claim, ip, service } from './support.ts';

type Spec = Readonly<Record<string, unknown>>;

function object(kind: string, name: string, spec: Spec, more: object = {}): object {
  return { apiVersion: 'heraldlb.io/v1', kind, metadata: { name, namespace: 'heraldlb-system', ...more }, spec };
}

const POOL: Spec = { addresses: ['192.0.2.0/28'], excludedAddresses: ['192.0.2.14-192.0.2.15'], avoidBuggyIPs: true };
const poolObject = (spec: Spec): object => object('IPAddressPool', 'p', spec, { creationTimestamp: '2026-01-01T00:00:00Z' });

function world(options: Partial<AdmissionWorld> = {}, pool: Spec = POOL): AdmissionWorld {
  const empty = Object.fromEntries(CONFIG_KINDS.map((kind) => [kind, []])) as unknown as RawObjects;
  const objects = { ...empty, IPAddressPool: [poolObject(pool)] };
  return { objects, services: [], namespaces: [{ name: 'default', labels: {} }], ...options };
}

/** All that an operator reads. */
function said({ denials, warnings, taken }: AdmissionVerdict): string {
  return [...denials.map(denialText), ...warnings, ...(taken.length === 0 ? [] : [`takes ${takenText(taken)}`])].join('\n');
}

const claimObject = (spec: Spec, more: object = {}): object => object('AddressClaim', 'c', spec, more);
const FOR_WEB = { serviceRef: { namespace: 'default', name: 'web' } };
const FOR_ABSENT = { serviceRef: { namespace: 'default', name: 'absent' } };
const web = service('web', { ingress: ['192.0.2.5'] });
const other = service('other', { ingress: ['192.0.2.6'] });

interface Row {
  readonly name: string;
  readonly claims?: readonly AddressClaim[];
  readonly options?: Partial<AdmissionWorld>;
  readonly object: object;
  readonly oldObject?: object;
  readonly says: RegExp;
  /** Default: it is let in. */
  readonly denied?: boolean;
}

const NOTHING = /^$/;
const AT = '2026-02-01T00:00:00Z';

const ROWS: readonly Row[] = [
  { name: 'nothing about one that can be had', object: claimObject({ ...FOR_ABSENT, addresses: ['192.0.2.7'] }), says: NOTHING },
  { name: 'nothing about one that its Service has', object: claimObject({ ...FOR_WEB, addresses: ['192.0.2.5'] }), says: NOTHING },
  { name: 'nothing about one for nobody', object: claimObject({ addresses: ['192.0.2.7'] }), says: NOTHING },
  {
    name: 'that an address is in no pool',
    object: claimObject({ ...FOR_WEB, addresses: ['198.51.100.1'] }),
    says: /^Address 198\.51\.100\.1 is in no usable IPAddressPool\.$/,
  },
  {
    name: 'that the pool excludes it',
    object: claimObject({ ...FOR_WEB, addresses: ['192.0.2.14'] }),
    says: /^IPAddressPool "p" excludes 192\.0\.2\.14\.$/,
  },
  {
    name: 'that the pool avoids it',
    object: claimObject({ ...FOR_WEB, addresses: ['192.0.2.0'] }),
    says: /^IPAddressPool "p" avoids addresses ending in \.0 and \.255, such as 192\.0\.2\.0\.$/,
  },
  {
    name: 'that an older claim keeps it for another Service',
    claims: [claim('old', 'default/else', ['192.0.2.7'])],
    object: claimObject({ ...FOR_WEB, addresses: ['192.0.2.7'] }, { creationTimestamp: AT }),
    says: /^Address 192\.0\.2\.7 is kept by AddressClaim "old" for default\/else\.$/,
  },
  {
    name: 'that an older claim keeps what this one would keep for nobody',
    claims: [claim('old', 'default/else', ['192.0.2.7'])],
    object: claimObject({ addresses: ['192.0.2.7'] }, { creationTimestamp: AT }),
    says: /kept by AddressClaim "old"/,
  },
  {
    name: 'nothing where the other claim is the younger one',
    claims: [claim('young', 'default/else', ['192.0.2.7'], { creationTimestamp: AT })],
    object: claimObject({ ...FOR_ABSENT, addresses: ['192.0.2.7'] }, { creationTimestamp: '2025-01-01T00:00:00Z' }),
    says: NOTHING,
  },
  {
    name: 'that a Service has it otherwise',
    object: claimObject({ ...FOR_ABSENT, addresses: ['192.0.2.6'] }),
    says: /^Address 192\.0\.2\.6 is in use by default\/other\.$/,
  },
  {
    name: 'that a node has it',
    options: { inUse: new Map([[ip('192.0.2.7'), 'node n1']]) },
    object: claimObject({ ...FOR_WEB, addresses: ['192.0.2.7'] }),
    says: /^Address 192\.0\.2\.7 is in use by node n1\.$/,
  },
  {
    name: 'whom it moves, once for all that it moves',
    object: claimObject({ ...FOR_WEB, addresses: ['192.0.2.7'], policy: 'Require' }),
    oldObject: claimObject({ addresses: ['192.0.2.7'] }),
    says: /^takes 192\.0\.2\.5 \(default\/web\)$/,
  },
  {
    name: 'nothing where it moves nobody',
    object: claimObject({ ...FOR_WEB, addresses: ['192.0.2.7'], policy: 'Prefer' }),
    says: NOTHING,
  },
  {
    name: 'from whom an address is handed on',
    claims: [claim('c', 'default/other', ['192.0.2.6'], { boundTo: other.key })],
    object: { ...claimObject({ ...FOR_WEB, addresses: ['192.0.2.6'] }), status: { boundTo: 'default/other' } },
    oldObject: {
      ...claimObject({ serviceRef: { namespace: 'default', name: 'other' }, addresses: ['192.0.2.6'] }),
      status: { boundTo: 'default/other' },
    },
    says: /^takes (192\.0\.2\.5 \(default\/web\), )?192\.0\.2\.6 \(default\/other\)/,
  },
  {
    name: 'nothing about one that the controller makes',
    object: claimObject({ ...FOR_WEB, addresses: ['198.51.100.1'] }, { annotations: { 'heraldlb.io/claimed-for': 'default/web' } }),
    says: NOTHING,
  },
  {
    name: 'no to what is no address',
    object: claimObject({ ...FOR_WEB, addresses: ['nonsense'] }),
    says: /^InvalidObject: AddressClaim\/c InvalidField spec\.addresses\[0\]: is no IP address, is "nonsense"$/,
    denied: true,
  },
  {
    name: 'nothing new about what was wrong before',
    object: claimObject({ ...FOR_WEB, addresses: ['nonsense'], policy: 'Prefer' }),
    oldObject: claimObject({ ...FOR_WEB, addresses: ['nonsense'] }),
    says: NOTHING,
  },
];

describe('a write of an AddressClaim is told', () => {
  it.each(ROWS)('$name', ({ claims = [], options, object: now, oldObject, says, denied = false }) => {
    const operation = oldObject === undefined ? 'CREATE' : 'UPDATE';
    const request = { operation, object: now, ...(oldObject === undefined ? {} : { oldObject }) } as const;
    const verdict = reviewClaim(request, world({ services: [web, other], claims, ...options }));
    expect(said(verdict)).toMatch(says);
    expect(verdict.denials.length > 0).toBe(denied);
  });

  it('nothing when it goes, and nothing when only its metadata changes', () => {
    const outside = claimObject({ ...FOR_WEB, addresses: ['198.51.100.1'] });
    const labelled = { ...outside, metadata: { name: 'c', annotations: { note: 'x' } } };
    expect(said(reviewClaim({ operation: 'DELETE', oldObject: outside }, world()))).toBe('');
    expect(said(reviewClaim({ operation: 'UPDATE', object: labelled, oldObject: outside }, world()))).toBe('');
  });
});

describe('an edit of a pool', () => {
  const edit = (spec: Spec, options: Partial<AdmissionWorld>): AdmissionVerdict =>
    reviewWrite({ operation: 'UPDATE', kind: 'IPAddressPool', object: poolObject(spec), oldObject: poolObject(POOL) }, world(options));

  it('that gives away what a node has from now on is refused for the Services that would lose it', () => {
    const inUse = new Map([[ip('192.0.2.5'), 'node n1']]);
    expect(said(edit({ ...POOL, onConflict: 'reassign' }, { services: [web], inUse }))).toMatch(
      /^TakesAddresses: running Services would lose 192\.0\.2\.5 \(default\/web\)/,
    );
    expect(said(edit({ ...POOL, onConflict: 'refuse' }, { services: [web], inUse }))).toBe('');
  });

  it('says which claims it leaves outside of all pools', () => {
    const claims = [claim('kept', 'default/absent', ['192.0.2.12', '192.0.2.3']), claim('apart', 'default/absent', ['198.51.100.1'])];
    const verdict = edit({ addresses: ['192.0.2.0/29'] }, { claims });
    expect(said(verdict)).toBe('AddressClaim/kept keeps 192.0.2.12, which would be in no pool');
    expect(verdict.denials).toEqual([]);
  });
});
