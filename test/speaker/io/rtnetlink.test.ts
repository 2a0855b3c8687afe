import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LinkTable } from '../../../speaker/io/linkTable.ts';
import {
  LINK_FLAG,
  type RtBody,
  type RtMessage,
  decodeRtnetlink,
  encodeAddressDump,
  encodeLinkDump,
} from '../../../speaker/io/rtnetlink.ts';

/** The datagrams of a vector, one a line. */
function vector(name: string): Uint8Array[] {
  const text = readFileSync(new URL(`../../vectors/rtnetlink/${name}.hex`, import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => Uint8Array.from(Buffer.from(line, 'hex')));
}

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
}

function u16(value: number): string {
  return Buffer.from(Uint16Array.of(value).buffer).toString('hex');
}

function u32(value: number): string {
  return Buffer.from(Uint32Array.of(value).buffer).toString('hex');
}

function message(type: number, body: string, { flags = 0, sequence = 0 } = {}): string {
  const length = 16 + bytes(body).length;
  return u32(length) + u16(type) + u16(flags) + u32(sequence) + u32(0) + body + '00'.repeat((4 - (length % 4)) % 4);
}

function attribute(type: number, value: string): string {
  const length = 4 + bytes(value).length;
  return u16(length) + u16(type) + value + '00'.repeat((4 - (length % 4)) % 4);
}

/** ifinfomsg */
function linkBody(index: number, attributes: string, { family = '00', hardware = 1, flags = 0 } = {}): string {
  return `${family}00${u16(hardware)}${u32(index)}${u32(flags)}00000000${attributes}`;
}

/** ifaddrmsg */
function addressBody(index: number, attributes: string, { prefix = 24, flags = 0, scope = 0 } = {}): string {
  return `02${[prefix, flags, scope].map((each) => each.toString(16).padStart(2, '0')).join('')}${u32(index)}${attributes}`;
}

const NAME = attribute(3, Buffer.from('eth0\0').toString('hex'));
const LOCAL = attribute(2, 'c0000201');

function bodies(hex: string): RtBody[] {
  return decodeRtnetlink(bytes(hex)).map(({ body }) => body);
}

describe('what the kernel says', () => {
  const messages = [...vector('links'), ...vector('addresses')].flatMap(decodeRtnetlink);

  it('is read as it was meant', () => {
    expect(messages.filter(({ body }) => body.kind === 'done').map(({ sequence, body }) => [sequence, body])).toEqual([
      [7, { kind: 'done', errno: 0 }],
      [8, { kind: 'done', errno: 0 }],
    ]);
    const table = new LinkTable();
    for (const { body } of messages) table.apply(body);
    const links = table.list();
    expect(links.map(({ name }) => name)).toEqual(['lo', 'br0', 'a1', 'a0']);
    const bridge = links.find(({ name }) => name === 'br0');
    expect(bridge).toMatchObject({ kind: 'bridge', up: false, mtu: 1500 });
    expect(bridge?.addresses.map(({ ip, prefixLength }) => [ip, prefixLength])).toEqual([
      ['192.0.2.1', 24],
      ['2001:db8::1', 64],
    ]);
    expect(links.find(({ name }) => name === 'a0')).toMatchObject({
      kind: 'veth',
      mac: '02:00:00:00:00:aa',
      master: bridge?.index,
      running: false,
    });
    expect(links.find(({ name }) => name === 'lo')).toMatchObject({ up: true, running: true, loopback: true, mac: undefined, mtu: 65_536 });
  });
});

describe('requests', () => {
  it('ask for every link, without statistics', () => {
    expect(Buffer.from(encodeLinkDump(7)).toString('hex')).toBe(
      `28000000 1200 0103 07000000 00000000 ${'00'.repeat(16)} 0800 1d00 08000000`.replaceAll(' ', ''),
    );
  });

  it('ask for every address', () => {
    expect(Buffer.from(encodeAddressDump(8)).toString('hex')).toBe(
      `18000000 1600 0103 08000000 00000000 ${'00'.repeat(8)}`.replaceAll(' ', ''),
    );
  });
});

describe('messages', () => {
  it('of a bridge about its ports are not about links', () => {
    expect(bodies(message(17, linkBody(3, NAME, { family: '07' })) + message(16, linkBody(3, NAME, { family: '07' })))).toEqual([]);
    expect(bodies(message(17, linkBody(3, NAME)))).toEqual([{ kind: 'linkGone', index: 3 }]);
  });

  it('of a tunnel have no MAC, of a port its master', () => {
    const attributes =
      NAME +
      attribute(1, 'c00002010000') +
      attribute(10, u32(9)) +
      attribute(0x8000 + 18, attribute(1, Buffer.from('gre\0').toString('hex')));
    expect(bodies(message(16, linkBody(3, attributes, { hardware: 778, flags: LINK_FLAG.noarp })))).toEqual([
      { kind: 'link', link: { index: 3, name: 'eth0', flags: 0x80, mac: undefined, mtu: 0, master: 9, kind: 'gre' } },
    ]);
  });

  it('of a point-to-point link name the own address, and their flags go beyond eight', () => {
    const attributes = attribute(1, 'c00002fe') + LOCAL + attribute(8, u32(0x180));
    expect(bodies(message(20, addressBody(3, attributes, { prefix: 32, flags: 0x80, scope: 253 })))).toEqual([
      { kind: 'address', address: { index: 3, ip: '192.0.2.1', prefixLength: 32, scope: 253, flags: 0x180 } },
    ]);
    expect(bodies(message(21, addressBody(3, LOCAL, { flags: 0x40 })))).toEqual([
      { kind: 'addressGone', address: { index: 3, ip: '192.0.2.1', prefixLength: 24, scope: 0, flags: 0x40 } },
    ]);
  });

  it.each([
    [
      'a refusal',
      message(2, u32(-16 >>> 0) + '00'.repeat(16), { sequence: 5 }),
      { sequence: 5, interrupted: false, body: { kind: 'error', errno: 16 } },
    ],
    ['the end of a torn list', message(3, u32(0), { flags: 0x10 }), { sequence: 0, interrupted: true, body: { kind: 'done', errno: 0 } }],
    ['an end that failed', message(3, u32(-105 >>> 0)), { sequence: 0, interrupted: false, body: { kind: 'done', errno: 105 } }],
    ['an end without a body', message(3, ''), { sequence: 0, interrupted: false, body: { kind: 'done', errno: 0 } }],
  ] satisfies [string, string, RtMessage][])('%s', (_, hex, wanted) => {
    expect(decodeRtnetlink(bytes(hex))).toEqual([wanted]);
  });

  it.each([
    ['a link without a name', message(16, linkBody(3, ''))],
    ['a link cut off in its fixed part', message(16, '00000100030000')],
    ['an address of five bytes', message(20, addressBody(3, attribute(2, 'c000020101')))],
    ['an address without one', message(20, addressBody(3, ''))],
    ['a message of another kind', message(24, '00'.repeat(12))],
    ['a length that ends beyond the datagram', message(16, linkBody(3, NAME)).replace(/^../, 'ff')],
    ['a length shorter than a header', `0f000000${message(16, linkBody(3, NAME)).slice(8)}`],
    ['a length of zero', '00'.repeat(64)],
    ['an attribute of length zero before the name', message(16, linkBody(3, `00000300${NAME}`))],
    ['an attribute that is longer than the message', message(16, linkBody(3, `ff000300${NAME}`))],
  ])('%s is left out', (_, hex) => {
    expect(bodies(hex)).toEqual([]);
  });

  it('before a broken one are kept', () => {
    expect(bodies(`${message(17, linkBody(3, ''))}ffffffff`)).toEqual([{ kind: 'linkGone', index: 3 }]);
  });

  it('may be any bytes: nothing is thrown, nothing runs on for ever', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (random) => {
        expect(Array.isArray(decodeRtnetlink(random))).toBe(true);
      }),
    );
    const good = [...vector('links'), ...vector('addresses')];
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(...good), damage, fc.nat(), (datagram, changes, cut) => {
        const broken = datagram.slice(0, cut % 3 === 0 ? cut % (datagram.length + 1) : datagram.length);
        for (const [place, value] of changes) if (broken.length > 0) broken[place % broken.length] = value;
        const table = new LinkTable();
        for (const { body } of decodeRtnetlink(broken)) table.apply(body);
        expect(table.list().every(({ name }) => name !== '')).toBe(true);
      }),
    );
  });
});

function fill(table: LinkTable, hex: string): boolean[] {
  return bodies(hex).map((body) => table.apply(body));
}

describe('the table', () => {
  const link = message(16, linkBody(3, NAME));
  const address = message(20, addressBody(3, LOCAL));

  it('says whether a message changed anything', () => {
    const table = new LinkTable();
    expect(fill(table, link + link + address + address)).toEqual([true, false, true, false]);
    expect(fill(table, message(21, addressBody(3, LOCAL)) + message(21, addressBody(3, LOCAL)))).toEqual([true, false]);
    expect(fill(table, message(17, linkBody(3, '')) + message(17, linkBody(3, '')))).toEqual([true, false]);
  });

  it('forgets what a whole list does not name, and keeps what came as an event meanwhile', () => {
    const table = new LinkTable();
    const other = message(16, linkBody(4, attribute(3, Buffer.from('eth1').toString('hex'))));
    fill(table, link + other + address);
    table.begin('links');
    fill(table, other);
    expect(table.finish('links')).toBe(true);
    expect(table.list().map(({ name }) => name)).toEqual(['eth1']);
    fill(table, link);
    table.begin('addresses');
    expect(table.finish('addresses')).toBe(true);
    expect(table.finish('addresses')).toBe(false);
    expect(table.list().map(({ addresses }) => addresses)).toEqual([[], []]);
  });

  it('forgets the addresses of a link that went, before another takes its index', () => {
    const table = new LinkTable();
    fill(table, link + address + message(17, linkBody(3, '')) + link);
    expect(table.list()).toMatchObject([{ index: 3, addresses: [] }]);
  });
});
