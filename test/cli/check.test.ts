import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCheck } from '../../src/cli/checkCommand.ts';

const EXAMPLES = new URL('../../manifests/examples/', import.meta.url).pathname;
let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'hlb-check-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const POOL = 'apiVersion: heraldlb.io/v1\nkind: IPAddressPool\nmetadata: {name: a}\nspec: {addresses: [192.0.2.0/24]}\n';
const CLAIM = 'apiVersion: heraldlb.io/v1\nkind: AddressClaim\nmetadata: {name: c}\nspec: {addresses: [192.0.2.300]}\n';
const ADVERTISEMENT = '---\napiVersion: heraldlb.io/v1\nkind: L2Advertisement\nmetadata: {name: a}\n';

const BOMB = [
  'a: &a [x,x,x,x,x,x,x,x,x]',
  ...'bcde'.split('').map((name, at) => `${name}: &${name} [${`*${'abcd'[at]},`.repeat(9)}]`),
].join('\n');

function check(text: string, strict = false): { code: number; out: string } {
  const file = join(directory, 'x.yaml');
  writeFileSync(file, text);
  return checkPath(file, strict);
}

function checkPath(path: string, strict = false): { code: number; out: string } {
  const lines: string[] = [];
  const code = runCheck({ filename: [path], apiGroup: 'heraldlb.io', ...(strict ? { strict } : {}) }, (line) => lines.push(line));
  return { code, out: lines.join('\n') };
}

describe('heraldlb check', () => {
  const examples = readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml') && name !== 'service.yaml');
  it.each(examples)('has nothing to say against the example %s', (name) => {
    const { code, out } = checkPath(join(EXAMPLES, name), true);
    expect(out).toMatch(/1 files, [1-9]\d* objects, .*: 0 errors, 0 warnings$/);
    expect(code).toBe(0);
  });

  it.each([
    ['a bad address', POOL.replace('192.0.2.0/24', 'nonsense'), /^error IPAddressPool\/a spec\.addresses\[0\]: .*nonsense/m],
    ['two objects of one name', `${POOL}---\n${POOL}${ADVERTISEMENT}`, /^error IPAddressPool\/a metadata\.name: /m],
    [
      'a version that is not read',
      POOL.replace('/v1', '/v1beta1'),
      /^error IPAddressPool\/a apiVersion: heraldlb\.io\/v1beta1 is not read/m,
    ],
    ['an AddressClaim to what is no address', `${POOL}---\n${CLAIM}`, /^error AddressClaim\/c spec\.addresses\[0\]: is no IP address/m],
    [
      'a kind that is misspelt',
      POOL.replace('IPAddressPool', 'IpAddressPool'),
      /^error IpAddressPool\/a kind: is not there: the kinds are IPAddressPool, /m,
    ],
    ['an alias of nothing', `${POOL}---\na: *nope\n`, /^error .*x\.yaml:5:\d+: Unresolved alias/m],
    ['aliases without end', BOMB, /^error .*x\.yaml:1:1: Excessive alias count/m],
    ['no YAML', `${POOL}---\na: [1\n`, /^error .*x\.yaml:\d+:\d+: /m],
  ])('fails on %s', (_, text, line) => {
    const { code, out } = check(text);
    expect(out).toMatch(line);
    expect(code).toBe(1);
  });

  it.each([
    ['a pool without advertisement', POOL, /^warning IPAddressPool\/a no advertisement/m],
    [
      'an AddressClaim to what no pool has',
      `${POOL}${ADVERTISEMENT}---\n${CLAIM.replace('192.0.2.300', '198.51.100.1')}`,
      /^warning AddressClaim\/c Address 198\.51\.100\.1 is in no usable IPAddressPool\.$/m,
    ],
    [
      'two AddressClaims to one address',
      `${POOL}${ADVERTISEMENT}---\n${CLAIM.replace('.300', '.3')}---\n${CLAIM.replace('.300', '.3').replace('name: c', 'name: d')}`,
      /^warning AddressClaim\/d Address 192\.0\.2\.3 is kept by AddressClaim "c" for no Service yet\.$/m,
    ],
    ['no pool', ADVERTISEMENT, /^warning there is no IPAddressPool/m],
  ])('warns of %s, which fails only when strict', (_, text, line) => {
    expect(check(text).out).toMatch(line);
    expect([check(text).code, check(text, true).code]).toEqual([0, 1]);
  });

  it('counts other kinds, and reads the items of a List', () => {
    const list = 'apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service}\n- {apiVersion: v1, kind: Secret}\n';
    expect(check(`${POOL}${ADVERTISEMENT}---\n${list}`)).toEqual({
      code: 0,
      out: '1 files, 2 objects, 2 of other kinds ignored: 0 errors, 0 warnings',
    });
  });

  it('tells of objects without a name once each', () => {
    const nameless = 'apiVersion: heraldlb.io/v1\nkind: IPAddressPool\nspec: {addresses: [192.0.2.0/24]}\n';
    expect(check(`${nameless}---\n${nameless}`).out.split('\n').slice(0, -1)).toEqual([
      'error IPAddressPool/? metadata.name: is missing',
      'error IPAddressPool/? metadata.name: is missing',
    ]);
  });

  it('cannot read what is not there', () => expect(checkPath(join(directory, 'none')).code).toBe(2));
});
