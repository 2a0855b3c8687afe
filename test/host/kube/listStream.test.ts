import { describe, expect, it } from 'vitest';
import { ListStream } from '../../../src/host/kube/listStream.ts';

const LIST = {
  kind: 'ServiceList',
  apiVersion: 'v1',
  metadata: { resourceVersion: '12', continue: 'abc"items":[' },
  items: [
    { metadata: { name: 'a' }, spec: { items: [1, [2, { x: '}]' }]], 'é "q" \\': 'snow ☃, 😀' } },
    { metadata: { name: 'b', note: '\\' }, empty: {}, list: [], text: '","items":[' },
    { metadata: { name: 'c' } },
  ],
};

interface Read {
  readonly items: unknown[];
  readonly heads: unknown[];
  readonly whole: unknown;
}

function read(text: string, size: number): Read {
  const [items, heads]: [unknown[], unknown[]] = [[], []];
  const stream = new ListStream((item, head) => {
    items.push(item);
    heads.push(head);
  });
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) stream.push(bytes.subarray(at, at + size));
  return { items, heads, whole: stream.end() };
}

describe('a list that is read while it comes', () => {
  it.each([1, 2, 3, 7, 64, 100_000])('hands over each item, whole, wherever the pieces of %d bytes part it', (size) => {
    for (const text of [JSON.stringify(LIST), JSON.stringify(LIST, undefined, 2), `${JSON.stringify(LIST)}\n`]) {
      const { items, heads, whole } = read(text, size);
      expect(items).toEqual(LIST.items);
      expect(heads).toEqual(LIST.items.map(() => LIST.metadata));
      expect(whole).toEqual({ ...LIST, items: [] });
    }
  });

  it.each([1, 5, 4096])('keeps the items until the end where the metadata comes after them', (size) => {
    const { apiVersion, items, kind, metadata } = LIST;
    const found = read(JSON.stringify({ apiVersion, items, kind, metadata }), size);
    expect(found.items).toEqual([]);
    expect(found.whole).toEqual(LIST);
  });

  it('takes what is no list for what it is', () => {
    for (const value of [
      { ...LIST, items: null },
      { ...LIST, items: [] },
      { spec: { items: [1] } },
      { a: ['items'], 'x"items': [1] },
      {},
      7,
    ]) {
      for (const size of [1, 4096]) expect(read(JSON.stringify(value), size)).toEqual({ items: [], heads: [], whole: value });
    }
  });

  it('throws at what was cut, or is no JSON, wherever that is', () => {
    const text = JSON.stringify(LIST);
    for (let length = 0; length < text.length; length++) expect(() => read(text.slice(0, length), 50)).toThrow(SyntaxError);
    expect(() => read('<html>{"items":[1,2]}</html>', 50)).toThrow(SyntaxError);
    expect(() => read('{"metadata":{},"items":[{"a":1}{"b":2}]}', 50)).toThrow(SyntaxError);
  });
});
