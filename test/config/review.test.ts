import { describe, expect, it } from 'vitest';
import { CONFIG_KINDS, type ConfigKind, type ParseContext, type RawObjects, parseConfig } from '../../src/config/parse.ts';
import { selectorMatches } from '../../src/config/selector.ts';

interface Written {
  readonly kind: ConfigKind;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec: unknown;
}

function rawOf(objects: readonly Written[]): RawObjects {
  return Object.fromEntries(CONFIG_KINDS.map((kind) => [kind, objects.filter((object) => object.kind === kind)])) as unknown as RawObjects;
}

function object(kind: ConfigKind, name: string, spec: unknown, metadata: object = {}): Written {
  return { kind, metadata: { name, namespace: 'h', creationTimestamp: '2026-01-01T00:00:00Z', ...metadata }, spec };
}

const YOUNG = { creationTimestamp: '2026-02-01T00:00:00Z' };

function pool(name: string, addresses: unknown, metadata: object = {}): Written {
  return object('IPAddressPool', name, { addresses }, metadata);
}

function peer(name: string, spec: object = {}, metadata: object = {}): Written {
  return object('BGPPeer', name, { myASN: 64512, peerASN: 65001, peerAddress: '10.9.0.1', ...spec }, metadata);
}

function parse(objects: readonly Written[], context: Partial<ParseContext> = {}): ReturnType<typeof parseConfig> {
  return parseConfig(rawOf(objects), { generation: 1, ...context });
}

function said({ problems }: ReturnType<typeof parseConfig>): string[] {
  return problems.map(({ object: { name }, severity, reason, path }) => `${name} ${severity} ${reason} ${path}`);
}

function namesOf(values: readonly { readonly name: string }[]): string[] {
  return values.map(({ name }) => name);
}

describe('selectors', () => {
  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])('see no label %s that nobody wrote', (key) => {
    expect(selectorMatches({ matchExpressions: [{ key, operator: 'Exists' }] }, {})).toBe(false);
    expect(selectorMatches({ matchExpressions: [{ key, operator: 'DoesNotExist' }] }, {})).toBe(true);
    expect(selectorMatches({ matchExpressions: [{ key, operator: 'NotIn', values: ['x'] }] }, {})).toBe(true);
    const inherited = Object.create({ rack: 'a' }) as Record<string, string>;
    expect(selectorMatches({ matchLabels: { rack: 'a' } }, inherited)).toBe(false);
    expect(selectorMatches({ matchLabels: { constructor: 'a' } }, Object.fromEntries([['constructor', 'a']]))).toBe(true);
  });
});

describe('fields without (full) effect', () => {
  it.each([
    ['vrf', 'red', /opens are bound to this device/],
    ['disableMP', true, /has no effect/],
  ])('%s is warned about', (field, value, text) => {
    const result = parse([peer('p', { [field]: value })]);
    expect(said(result)).toEqual([`p warning NotYetEffective spec.${field}`]);
    expect(result.problems[0]?.message).toMatch(text);
    expect(namesOf(result.config.peers)).toEqual(['p']);
  });

  it.each([{ enableGracefulRestart: true }, { localASN: 64999 }, { peerASN: undefined, dynamicASN: 'external' }])(
    'nothing is said of %o: it works',
    (spec) => {
      expect(said(parse([peer('p', spec)]))).toEqual([]);
    },
  );
});

describe('objects without a name', () => {
  it('are left out', () => {
    const result = parse([pool('a', ['10.0.0.0/24']), pool('?', ['10.3.0.0/24'], { ...YOUNG, name: undefined })]);
    expect(said(result)).toEqual(['? error InvalidField metadata.name']);
    expect(namesOf(result.config.pools)).toEqual(['a']);
  });
});
