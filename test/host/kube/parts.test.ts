import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBackoff } from '../../../src/host/kube/backoff.ts';
import { deepEqual, mergePatchOf } from '../../../src/host/kube/deepEqual.ts';
import { errorFromAnswer, isAlreadyExists, isConflict, isRetryable, retryAfterMsOf } from '../../../src/host/kube/kubeError.ts';
import { jsonPieces } from '../../../src/host/kube/jsonPieces.ts';
import { microTime } from '../../../src/host/kube/lease.ts';
import { jsonLines } from '../../../src/host/kube/lines.ts';
import { isOlder } from '../../../src/host/kube/listing.ts';
import { collectionPath, customResource, keyOf, NODES, objectPath, SERVICES } from '../../../src/host/kube/resource.ts';
import { createStore } from '../../../src/host/kube/store.ts';

describe('resource paths', () => {
  const peers = customResource('metallb.io', 'v1beta2', 'bgppeers', 'BGPPeer');
  it.each([
    [collectionPath(SERVICES), '/api/v1/services'],
    [collectionPath(SERVICES, 'a'), '/api/v1/namespaces/a/services'],
    [collectionPath(NODES, 'ignored'), '/api/v1/nodes'],
    [collectionPath(peers, 'm'), '/apis/metallb.io/v1beta2/namespaces/m/bgppeers'],
    [objectPath(SERVICES, { namespace: 'a', name: 'b' }, 'status'), '/api/v1/namespaces/a/services/b/status'],
    [objectPath(NODES, { name: '../x' }), '/api/v1/nodes/..%2Fx'],
  ])('%s', (path, expected) => expect(path).toBe(expected));

  it('keys by namespace and name', () => {
    expect([keyOf({ namespace: 'a', name: 'b' }), keyOf({ name: 'n' }), keyOf({ namespace: '', name: 'n' })]).toEqual(['a/b', 'n', 'n']);
  });
});

describe('errors', () => {
  it.each([
    ['5', 5000],
    ['0', 0],
    ['100000', 60_000],
    ['Thu, 01 Jan 1970 00:00:12 GMT', 2000],
    ['nonsense', undefined],
    [undefined, undefined],
  ])('RFC 9110 §10.2.3: Retry-After %s', (header, expected) => expect(retryAfterMsOf(header, 10_000)).toBe(expected));

  it('reads a Status object, and survives a proxy that sends none', () => {
    const status = { kind: 'Status', reason: 'AlreadyExists', message: 'x exists', details: { retryAfterSeconds: 3 } };
    const error = errorFromAnswer('POST /x', 409, status, undefined);
    expect(error).toMatchObject({ status: 409, reason: 'AlreadyExists', message: 'POST /x: 409 x exists', retryAfterMs: 3000 });
    expect([isAlreadyExists(error), isConflict(error), isRetryable(error)]).toEqual([true, false, false]);
    const proxy = errorFromAnswer('GET /x', 502, '<html>Bad gateway', '1');
    expect(proxy).toMatchObject({ reason: 'HTTP502', message: 'GET /x: 502 <html>Bad gateway', retryAfterMs: 1000 });
    expect(isRetryable(proxy)).toBe(true);
  });
});

async function read(bytes: Uint8Array, cuts: readonly number[]): Promise<unknown[]> {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let i = 1; i < at.length; i += 1) yield bytes.subarray(at[i - 1], at[i]);
  }
  const values: unknown[] = [];
  for await (const value of jsonLines(chunks())) values.push(value);
  return values;
}

describe('jsonLines', () => {
  it('reads the same values however the bytes are cut', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue()), fc.array(fc.nat()), async (values, cuts) => {
        const text = values.map((value) => `${JSON.stringify(value)}\n`).join('');
        const seen = await read(new TextEncoder().encode(text), cuts);
        expect(JSON.stringify(seen)).toBe(JSON.stringify(values));
      }),
    ));

  it('throws when the stream ends inside a value, after having given what came before', async () => {
    await expect(read(new TextEncoder().encode('{"a":1}\n{"b":'), [])).rejects.toThrow('cut inside a JSON value');
  });
});

/** RFC 7396 §2. */
function applyMerge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const isObject = typeof target === 'object' && target !== null && !Array.isArray(target);
  const result: Record<string, unknown> = isObject ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = applyMerge(result[name], value);
  }
  return result;
}

describe('merge patches', () => {
  const json = fc.dictionary(
    fc.constantFrom('a', 'b', 'c'),
    fc.oneof(fc.nat(3), fc.array(fc.nat(2)), fc.dictionary(fc.constantFrom('x', 'y'), fc.nat(2))),
  );

  it('turn one value into the other (RFC 7396)', () =>
    fc.assert(
      fc.property(json, json, (before, after) => {
        const patch = mergePatchOf(before, after);
        expect(applyMerge(before, patch ?? {})).toEqual({ ...after });
        expect(patch === undefined).toBe(deepEqual(before, after));
      }),
    ));
});

describe('small things', () => {
  it('writes MicroTime with six digits', () => {
    expect(microTime(Date.UTC(2026, 0, 2, 3, 4, 5, 6))).toBe('2026-01-02T03:04:05.006000Z');
    expect(microTime(Date.UTC(2026, 0, 2, 3, 4, 5))).toBe('2026-01-02T03:04:05.000000Z');
  });

  it('compares versions as numbers, not as text', () => {
    expect([isOlder('9', '10'), isOlder('10', '9'), isOlder('9', '9'), isOlder('', '9'), isOlder('x', '9')]).toEqual([
      true,
      false,
      false,
      undefined,
      undefined,
    ]);
  });

  it('backs off exponentially up to a limit, and from the start after a success', () => {
    const backoff = createBackoff(100, 1000);
    const delays = Array.from({ length: 12 }, () => backoff.next());
    for (const [index, delay] of delays.entries()) {
      const ceiling = Math.min(100 * 2 ** index, 1000);
      expect(delay).toBeGreaterThanOrEqual(ceiling / 2);
      expect(delay).toBeLessThanOrEqual(ceiling);
    }
    backoff.reset();
    expect(backoff.next(5000)).toBeGreaterThanOrEqual(5000);
    backoff.reset();
    expect(backoff.next()).toBeLessThanOrEqual(100);
  });
});

const make = (): ReturnType<typeof createStore<{ node: string; n: number }>> =>
  createStore<{ node: string; n: number }>({ node: (value) => [value.node] }, (a, b) => a.n === b.n);

describe('the store', () => {
  it('tells each follower once what was set or deleted since, and nothing when it was no change', () => {
    const store = make();
    store.set('a', { node: 'n', n: 1 });
    const [one, two] = [store.follow(), store.follow()];
    store.set('a', { node: 'm', n: 1 });
    store.set('b', { node: 'n', n: 1 });
    store.delete('a');
    store.delete('never');
    expect([...one.take()]).toEqual([
      ['b', undefined],
      ['a', { node: 'n', n: 1 }],
    ]);
    store.set('c', { node: 'n', n: 1 });
    two.stop();
    store.set('d', { node: 'n', n: 1 });
    expect([one, one, two].map((each) => [...each.take().keys()])).toEqual([['c', 'd'], [], ['b', 'a', 'c']]);
  });

  it('files values under their indexes, through changes and deletions', () => {
    const store = make();
    store.set('a', { node: 'n1', n: 1 });
    store.set('b', { node: 'n1', n: 2 });
    store.set('a', { node: 'n2', n: 3 });
    expect(store.by('node', 'n1')).toEqual([{ node: 'n1', n: 2 }]);
    expect(store.by('node', 'n2')).toEqual([{ node: 'n2', n: 3 }]);
    store.delete('b');
    expect(store.by('node', 'n1')).toEqual([]);
    expect(() => store.by('other', 'x')).toThrow('no index other');
  });

  it('counts real changes only', () => {
    const store = make();
    expect(store.set('a', { node: 'n1', n: 1 })).toBe(true);
    expect(store.set('a', { node: 'n1', n: 1 })).toBe(false);
    expect(store.delete('b')).toBe(false);
    expect(store.version).toBe(1);
    expect(store.delete('a')).toBe(true);
    expect([store.version, store.size]).toEqual([2, 0]);
  });
});

describe('jsonPieces', () => {
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.constant(undefined),
      tie('list'),
      tie('object'),
    ),
    list: fc.array(tie('value'), { maxLength: 150 }),
    object: fc.dictionary(fc.string(), tie('value')),
  }));

  it('are together what JSON.stringify gives', () => {
    const check = (value: unknown): void => {
      expect([...jsonPieces(value as object)].join('')).toBe(JSON.stringify(value));
    };
    fc.assert(fc.property(json.object, check));
  });

  it('are short, of thousands of elements too', () => {
    const claims = Array.from({ length: 10_000 }, (_, i) => ({
      ip: `10.0.${i >> 8}.${i & 255}`,
      services: [`team-${i % 50}/service-${i}`],
    }));
    const pieces = [...jsonPieces({ kind: 'NodeState', status: { version: '1', claims } })];
    expect(pieces.join('')).toBe(JSON.stringify({ kind: 'NodeState', status: { version: '1', claims } }));
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(32 * 1024);
  });
});
