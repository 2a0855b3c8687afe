import type { MessageContext } from '../../../src/wire/bgp/message.ts';

/** One broken (or merely odd) message, and what RFC 4271, RFC 7606 and their kin want done about it. */
export interface Row {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly context?: Partial<MessageContext>;
  /**
   * `2/6 reset`, `3/5 withdraw`, `3/9 discard`; several faults of one UPDATE behind each other; `ok` when there is nothing
   * to object to. A third part is the NOTIFICATION's data in hex.
   */
  readonly expected: string;
}

const bytes = (hex: string): number[] => [...Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')];
const u16 = (value: number): string => value.toString(16).padStart(4, '0');
const u8 = (value: number): string => value.toString(16).padStart(2, '0');
const MARKER = 'ff'.repeat(16);
const size = (hex: string): number => hex.replaceAll(/\s/g, '').length / 2;

/** A message whose header is right. */
const message = (type: number, body: string): Uint8Array => Uint8Array.from(bytes(`${MARKER}${u16(19 + size(body))}${u8(type)}${body}`));
/** A message with any header. */
const raw = (hex: string): Uint8Array => Uint8Array.from(bytes(hex));
const header = (length: number, type: number, body = ''): Uint8Array => raw(`${MARKER}${u16(length)}${u8(type)}${body}`);

const open = (options: string, { version = '04', asn = 'fc01', hold = '005a', id = 'c0000202' } = {}): Uint8Array =>
  message(1, `${version}${asn}${hold}${id}${options}`);
const capabilities = (hex: string): string => `${u8(size(hex) + 2)}02${u8(size(hex))}${hex}`;

const attribute = (flags: string, code: number, value: string): string => `${flags}${u8(code)}${u8(size(value))}${value}`;
const wide = (flags: string, code: number, value: string): string => `${flags}${u8(code)}${u16(size(value))}${value}`;
const update = (attributes: string, nlri = '20cb007101', withdrawn = ''): Uint8Array =>
  message(2, `${u16(size(withdrawn))}${withdrawn}${u16(size(attributes))}${attributes}${nlri}`);

const ORIGIN = attribute('40', 1, '00');
const AS_PATH = attribute('40', 2, '02010000fc01');
const NEXT_HOP = attribute('40', 3, 'c0000202');
const BASE = ORIGIN + AS_PATH + NEXT_HOP;
const MP_NEXT_HOP = '20010db8000000000000000000000002';
const mpReach = (value: string): string => attribute('80', 14, value);
const MP_REACH = mpReach(`00020110${MP_NEXT_HOP}008020010db8000100000000000000000001`);
const MP_UNREACH = attribute('80', 15, '0002014020010db800020000');
const MP_BASE = MP_REACH + ORIGIN + AS_PATH;
const IBGP = { ebgp: false };
const AS2 = { as4: false };
const LONG = { extended: true };

const row = (name: string, message_: Uint8Array, expected: string, context?: Partial<MessageContext>): Row =>
  context === undefined ? { name, bytes: message_, expected } : { name, bytes: message_, expected, context };

const HEADER: readonly Row[] = [
  row('§6.1 marker: first byte not ones', raw(`00${'ff'.repeat(15)}001304`), '1/1 reset'),
  row('§6.1 marker: last byte not ones', raw(`${'ff'.repeat(15)}fe001304`), '1/1 reset'),
  row('§6.1 marker: all zero', raw(`${'00'.repeat(16)}001304`), '1/1 reset'),
  row('§6.1 length 0', header(0, 4), '1/2 reset 0000'),
  row('§6.1 length 18', header(18, 4), '1/2 reset 0012'),
  row('§6.1 length beyond the bytes', header(20, 2), '1/2 reset 0014'),
  row('§6.1 UPDATE of 22', header(22, 2, '000000'), '1/2 reset 0016'),
  row('§6.1 OPEN of 28', header(28, 1, '04fc01005ac0000202'), '1/2 reset 001c'),
  row('§6.1 NOTIFICATION of 20', header(20, 3, '06'), '1/2 reset 0014'),
  row('§6.1 NOTIFICATION without anything', header(19, 3), '1/2 reset 0013'),
  row('§6.1 KEEPALIVE with a body', header(20, 4, '00'), '1/2 reset 0014'),
  row('§6.1 KEEPALIVE of 4096', header(4096, 4, '00'.repeat(4077)), '1/2 reset 1000'),
  row('§6.1 length 4097 without RFC 8654', header(4097, 2, '00'.repeat(4078)), '1/2 reset 1001'),
  row('§6.1 length 65535 without RFC 8654', header(65_535, 2, '00'.repeat(65_516)), '1/2 reset ffff'),
  row('RFC 8654 §4 OPEN of 4097', header(4097, 1, `04fc01005ac0000202${'00'.repeat(4069)}`), '1/2 reset 1001', LONG),
  row('RFC 8654 §4 KEEPALIVE of 4097', header(4097, 4, '00'.repeat(4078)), '1/2 reset 1001', LONG),
  row('§6.1 type 0', header(19, 0), '1/3 reset 00'),
  row('§6.1 type 6', header(19, 6), '1/3 reset 06'),
  row('§6.1 type 255', header(19, 255), '1/3 reset ff'),
  row('§6.1 type 255 and length 18: the length is told', header(18, 255), '1/2 reset 0012'),
  row('RFC 2918 ROUTE-REFRESH of 22', header(22, 5, '000100'), '1/2 reset 0016'),
  row('RFC 2918 ROUTE-REFRESH of 24, plain', header(24, 5, '0001000100'), '1/2 reset 0018'),
  row('RFC 7313 §5 begin of 24', header(24, 5, '0001010100'), `7/1 reset ${MARKER}0018050001010100`),
  row('RFC 7313 §5 end of 25', header(25, 5, '000102010000'), `7/1 reset ${MARKER}001905000102010000`),
  row('RFC 2918 ROUTE-REFRESH for an unknown family', header(23, 5, '40040047'), 'ok'),
  row('RFC 7313 §5 unknown subtype', header(23, 5, '0001ff01'), 'ok'),
  row('NOTIFICATION without data', header(21, 3, '0602'), 'ok'),
  row('NOTIFICATION with unknown numbers', header(25, 3, 'ffff01020304'), 'ok'),
  row('NOTIFICATION 0/0', header(21, 3, '0000'), 'ok'),
  row('NOTIFICATION shutdown text longer than its data', header(23, 3, '0602ff41'), 'ok'),
  row('NOTIFICATION hard reset without the inner code', header(21, 3, '0609'), 'ok'),
];

const OPEN: readonly Row[] = [
  row('§6.2 version 3', open('00', { version: '03' }), '2/1 reset 0004'),
  row('§6.2 version 5', open('00', { version: '05' }), '2/1 reset 0004'),
  row('§6.2 version 0', open('00', { version: '00' }), '2/1 reset 0004'),
  row('RFC 7607 AS 0', open('00', { asn: '0000' }), '2/2 reset'),
  row('§6.2 hold time 1', open('00', { hold: '0001' }), '2/6 reset'),
  row('§6.2 hold time 2', open('00', { hold: '0002' }), '2/6 reset'),
  row('§6.2 hold time 0', open('00', { hold: '0000' }), 'ok'),
  row('§6.2 hold time 3', open('00', { hold: '0003' }), 'ok'),
  row('RFC 6286 identifier 0', open('00', { id: '00000000' }), '2/3 reset 00000000'),
  row('RFC 6286 identifier that is no host address', open('00', { id: 'ffffffff' }), 'ok'),
  row('AS_TRANS alone', open('00', { asn: '5ba0' }), 'ok'),
  row('§6.2 options length beyond the message', open('05'), '2/0 reset'),
  row('§6.2 options length below the message', open('000202ff'), '2/0 reset'),
  row('§6.2 options of one byte', open('0102'), '2/0 reset'),
  row('§6.2 parameter beyond the options', open('030205ff'), '2/0 reset'),
  row('§6.2 authentication parameter (deprecated)', open('03010100'), '2/4 reset'),
  row('§6.2 unknown parameter 77', open('034d0100'), '2/4 reset'),
  row('§6.2 parameter 0', open('020000'), '2/4 reset'),
  row('RFC 5492 empty capabilities parameter', open('020200'), 'ok'),
  row('RFC 5492 capability cut behind its code', open(capabilities('01')), '2/0 reset'),
  row('RFC 5492 capability longer than its parameter', open(capabilities('010400010001').replace('0104', '01ff')), '2/0 reset'),
  row('RFC 5492 unknown capability, no value', open(capabilities('8000')), 'ok'),
  row('RFC 5492 unknown capability 0', open(capabilities('0001ff')), 'ok'),
  row('RFC 5492 unknown capability of 250 bytes', open(capabilities(`c8fa${'ab'.repeat(250)}`)), 'ok'),
  row('RFC 5492 unknown capability one byte short', open(capabilities('c803abab')), '2/0 reset'),
  row('RFC 5492 the same capability ten times', open(capabilities('0200'.repeat(10))), 'ok'),
  row('RFC 4760 multiprotocol, no value', open(capabilities('0100')), '2/0 reset'),
  row('RFC 4760 multiprotocol of 3', open(capabilities('0103000100')), '2/0 reset'),
  row('RFC 4760 multiprotocol of 5', open(capabilities('01050001000100')), '2/0 reset'),
  row('RFC 4760 multiprotocol for an unknown family', open(capabilities('0104400400ff')), 'ok'),
  row('RFC 6793 four-octet AS, no value', open(capabilities('4100')), '2/0 reset'),
  row('RFC 6793 four-octet AS of 2', open(capabilities('4102fc01')), '2/0 reset'),
  row('RFC 6793 four-octet AS of 8', open(capabilities('41080000fc0100000000')), '2/0 reset'),
  row('RFC 2918 route refresh with a value', open(capabilities('0201ff')), 'ok'),
  row('RFC 8654 extended message with a value', open(capabilities('060100')), 'ok'),
  row('RFC 4724 restart, no value', open(capabilities('4000')), '2/0 reset'),
  row('RFC 4724 restart of 1', open(capabilities('400100')), '2/0 reset'),
  row('RFC 4724 restart without a family', open(capabilities('4002c078')), 'ok'),
  row('RFC 4724 restart with half a family', open(capabilities('4004c0780001')), '2/0 reset'),
  row('RFC 7911 add-path of 3', open(capabilities('4503000101')), '2/0 reset'),
  row('RFC 7911 add-path with mode 9', open(capabilities('450400010109')), 'ok'),
  row('RFC 7911 add-path, no value', open(capabilities('4500')), 'ok'),
  row('RFC 8950 extended next hop of 5', open(capabilities('05050001000100')), '2/0 reset'),
  row('RFC 9234 role of 0', open(capabilities('0900')), '2/0 reset'),
  row('RFC 9234 role of 2', open(capabilities('09020303')), '2/0 reset'),
  row('RFC 9234 unknown role', open(capabilities('0901ff')), 'ok'),
  row('RFC 9494 long-lived restart of 6', open(capabilities('47060001018000ff')), '2/0 reset'),
  row('FQDN capability with lengths beyond it', open(capabilities('4903ff41ff')), 'ok'),
  row('RFC 9072 extended form of nothing', open('ffff0000'), 'ok'),
  row('RFC 9072 extended form for a short list', open('ffff00050200020200'), 'ok'),
  row('RFC 9072 any length byte that is not zero', open('01ff00050200020200'), 'ok'),
  row('RFC 9072 extended length too great', open('ffff00060200020200'), '2/0 reset'),
  row('RFC 9072 extended length too small', open('ffff00040200020200'), '2/0 reset'),
  row('RFC 9072 cut inside the extended length', open('ffff00'), '2/0 reset'),
  row('RFC 9072 cut behind the length byte', open('ff'), '2/0 reset'),
  row('RFC 9072 parameter with a one-byte length inside', open('ffff000402020200'), '2/0 reset'),
];

const LISTS: readonly Row[] = [
  row('§6.3 withdrawn length beyond the message', message(2, '00ff0000'), '3/1 reset'),
  row('§6.3 withdrawn length 65535', message(2, 'ffff0000'), '3/1 reset'),
  row('§6.3 withdrawn length that eats the attribute length', message(2, '00020000'), '3/1 reset'),
  row('§6.3 attribute length beyond the message', message(2, '000000ff'), '3/1 reset'),
  row('§6.3 attribute length one too great', message(2, `0000${u16(size(BASE) + 6)}${BASE}20cb007101`), '3/1 reset'),
  row('RFC 7606 §5.3 withdrawn prefix of 33 bits', message(2, '000621c000020100 0000'.replaceAll(' ', '')), '3/10 reset'),
  row('RFC 7606 §5.3 withdrawn prefix of 255 bits', message(2, '0002ffc00000'), '3/10 reset'),
  row('RFC 7606 §5.3 withdrawn prefix cut off', message(2, '000220c00000'), '3/10 reset'),
  row('RFC 7606 §5.3 NLRI of 33 bits', update(BASE, '21cb00710100'), '3/10 reset'),
  row('RFC 7606 §5.3 NLRI of 255 bits', update(BASE, 'ff00'), '3/10 reset'),
  row('RFC 7606 §5.3 NLRI cut off', update(BASE, '20cb0071'), '3/10 reset'),
  row('RFC 7606 §5.3 second NLRI cut off', update(BASE, '20cb00710118'), '3/10 reset'),
  row('§4.3 host bits set', update(BASE, '09cbff'), 'ok'),
  row('§4.3 the default route', update(BASE, '00'), 'ok'),
  row('§4.3 one prefix twice', update(BASE, '20cb00710120cb007101'), 'ok'),
  row('§4.3 one prefix announced and withdrawn', update(BASE, '20cb007101', '20cb007101'), 'ok'),
  row('RFC 7606 §4 attribute beyond the list', update(`${BASE}4005ff00000064`), '3/1 withdraw'),
  row('RFC 7606 §4 one byte left', update(`${BASE}40`), '3/1 withdraw'),
  row('RFC 7606 §4 two bytes left', update(`${BASE}4005`), '3/1 withdraw'),
  row('RFC 7606 §4 three bytes left with extended length', update(`${BASE}500500`), '3/1 withdraw'),
  row('RFC 7606 §4 extended length of 65535', update(`${BASE}d063ffff00`), '3/1 withdraw'),
  row('RFC 7606 §3 g ORIGIN twice', update(BASE + ORIGIN), '3/1 discard'),
  row('RFC 7606 §3 g MED three times', update(BASE + attribute('80', 4, '00000001').repeat(3)), '3/1 discard 3/1 discard'),
  row('RFC 7606 §3 g unknown attribute twice', update(BASE + attribute('c0', 99, '00').repeat(2)), '3/1 discard'),
  row('RFC 7606 §3 g MP_REACH_NLRI twice', update(MP_BASE + MP_REACH, ''), '3/1 reset'),
  row('RFC 7606 §3 g MP_UNREACH_NLRI twice', update(MP_UNREACH + MP_UNREACH, ''), '3/1 reset'),
  row('RFC 7606 §3 d no attributes at all', update(''), '3/3 withdraw 01'),
  row('RFC 7606 §3 d no ORIGIN', update(AS_PATH + NEXT_HOP), '3/3 withdraw 01'),
  row('RFC 7606 §3 d no AS_PATH', update(ORIGIN + NEXT_HOP), '3/3 withdraw 02'),
  row('RFC 7606 §3 d no NEXT_HOP', update(ORIGIN + AS_PATH), '3/3 withdraw 03'),
  row('RFC 7606 §3 d MP_REACH_NLRI without AS_PATH', update(MP_REACH + ORIGIN, ''), '3/3 withdraw 02'),
  row('RFC 4760 §3 MP_REACH_NLRI needs no NEXT_HOP', update(MP_BASE, ''), 'ok'),
  row('RFC 4760 §3 NEXT_HOP beside MP_REACH_NLRI', update(MP_BASE + NEXT_HOP, ''), 'ok'),
  row('§4.3 attributes without a route', update(BASE, ''), 'ok'),
  row('RFC 4724 §2 End-of-RIB', message(2, '00000000'), 'ok'),
  row('RFC 4724 §2 End-of-RIB for IPv6', update(attribute('80', 15, '000201'), ''), 'ok'),
  row('RFC 4724 §2 End-of-RIB for an unknown family', update(attribute('80', 15, '400447'), ''), 'ok'),
];

const FLAGS: readonly Row[] = [
  ['ORIGIN optional', attribute('c0', 1, '00') + AS_PATH + NEXT_HOP],
  ['ORIGIN non-transitive', attribute('00', 1, '00') + AS_PATH + NEXT_HOP],
  ['AS_PATH optional', ORIGIN + attribute('c0', 2, '02010000fc01') + NEXT_HOP],
  ['NEXT_HOP optional', ORIGIN + AS_PATH + attribute('80', 3, 'c0000202')],
  ['MED transitive', BASE + attribute('c0', 4, '00000001')],
  ['MED well-known', BASE + attribute('40', 4, '00000001')],
  ['ATOMIC_AGGREGATE optional', BASE + attribute('c0', 6, '')],
  ['AGGREGATOR non-transitive', BASE + attribute('80', 7, '0000fc01c0000202')],
  ['COMMUNITIES non-transitive', BASE + attribute('80', 8, 'fde80001')],
  ['COMMUNITIES well-known', BASE + attribute('40', 8, 'fde80001')],
  ['extended communities well-known', BASE + attribute('40', 16, '0002fde800000001')],
  ['large communities non-transitive', BASE + attribute('80', 32, '000000010000000200000003')],
].map(([name, attributes]) => row(`RFC 7606 §3 c flags: ${name}`, update(attributes ?? ''), '3/4 withdraw'));

const ATTRIBUTES: readonly Row[] = [
  ...FLAGS,
  row('§4.3 partial bit on a transitive attribute', update(BASE + attribute('e0', 8, 'fde80001')), 'ok'),
  row('§4.3 unused flag bits', update(`${attribute('4f', 1, '00')}${AS_PATH}${NEXT_HOP}`), 'ok'),
  row('§4.3 extended length for a short attribute', update(`${wide('50', 1, '00')}${AS_PATH}${NEXT_HOP}`), 'ok'),
  row('RFC 7606 §7.1 ORIGIN of 0', update(attribute('40', 1, '') + AS_PATH + NEXT_HOP), '3/5 withdraw 400100'),
  row('RFC 7606 §7.1 ORIGIN of 2', update(attribute('40', 1, '0000') + AS_PATH + NEXT_HOP), '3/5 withdraw 4001020000'),
  row('RFC 7606 §7.1 ORIGIN 3', update(attribute('40', 1, '03') + AS_PATH + NEXT_HOP), '3/6 withdraw 40010103'),
  row('RFC 7606 §7.1 ORIGIN 255', update(attribute('40', 1, 'ff') + AS_PATH + NEXT_HOP), '3/6 withdraw 400101ff'),
  row('RFC 7606 §7.2 AS_PATH segment of no members', update(ORIGIN + attribute('40', 2, '0200') + NEXT_HOP), '3/11 withdraw'),
  row('RFC 7606 §7.2 AS_PATH segment type 0', update(ORIGIN + attribute('40', 2, '00010000fc01') + NEXT_HOP), '3/11 withdraw'),
  row('RFC 7606 §7.2 AS_PATH segment type 5', update(ORIGIN + attribute('40', 2, '05010000fc01') + NEXT_HOP), '3/11 withdraw'),
  row('RFC 7606 §7.2 AS_PATH cut off', update(ORIGIN + attribute('40', 2, '02020000fc01') + NEXT_HOP), '3/11 withdraw'),
  row('RFC 7606 §7.2 AS_PATH one byte left', update(ORIGIN + attribute('40', 2, '02010000fc0102') + NEXT_HOP), '3/11 withdraw'),
  row('RFC 7606 §7.2 AS_PATH of two-byte numbers', update(ORIGIN + attribute('40', 2, '0201fc01') + NEXT_HOP), '3/11 withdraw'),
  row('RFC 7606 §7.2 AS_PATH of four-byte numbers', update(ORIGIN + attribute('40', 2, '02010000fc01') + NEXT_HOP), '3/11 withdraw', AS2),
  row('RFC 5065 §5 confederation segment from outside', update(ORIGIN + attribute('40', 2, '03010000fc01') + NEXT_HOP), '3/11 withdraw'),
  row('RFC 5065 §3 confederation segment from inside', update(ORIGIN + attribute('40', 2, '03010000fc01') + NEXT_HOP), 'ok', IBGP),
  row('§6.3 empty AS_PATH from outside (the check is optional)', update(ORIGIN + attribute('40', 2, '') + NEXT_HOP), 'ok'),
  row('§4.3 AS_PATH of 255 members', update(ORIGIN + wide('50', 2, `02ff${'0000fc01'.repeat(255)}`) + NEXT_HOP), 'ok'),
  row('RFC 7606 §7.3 NEXT_HOP of 0', update(ORIGIN + AS_PATH + attribute('40', 3, '')), '3/5 withdraw 400300'),
  row('RFC 7606 §7.3 NEXT_HOP of 3', update(ORIGIN + AS_PATH + attribute('40', 3, 'c00002')), '3/5 withdraw'),
  row('RFC 7606 §7.3 NEXT_HOP of 16', update(ORIGIN + AS_PATH + attribute('40', 3, MP_NEXT_HOP)), '3/5 withdraw'),
  row('§6.3 NEXT_HOP 0.0.0.0', update(ORIGIN + AS_PATH + attribute('40', 3, '00000000')), '3/8 withdraw'),
  row('§6.3 NEXT_HOP 127.0.0.1', update(ORIGIN + AS_PATH + attribute('40', 3, '7f000001')), '3/8 withdraw'),
  row('§6.3 NEXT_HOP 224.0.0.1', update(ORIGIN + AS_PATH + attribute('40', 3, 'e0000001')), '3/8 withdraw'),
  row('§6.3 NEXT_HOP 255.255.255.255', update(ORIGIN + AS_PATH + attribute('40', 3, 'ffffffff')), '3/8 withdraw'),
  row('RFC 7606 §7.4 MED of 3', update(BASE + attribute('80', 4, '000001')), '3/5 withdraw'),
  row('RFC 7606 §7.5 LOCAL_PREF from outside', update(BASE + attribute('40', 5, '00000064')), '3/9 discard'),
  row('RFC 7606 §7.5 LOCAL_PREF of 5 from inside', update(BASE + attribute('40', 5, '0000006400')), '3/5 withdraw', IBGP),
  row('RFC 7606 §7.6 ATOMIC_AGGREGATE of 1', update(BASE + attribute('40', 6, '00')), '3/5 discard'),
  row('RFC 7606 §7.7 AGGREGATOR of 6 among four-byte numbers', update(BASE + attribute('c0', 7, 'fc01c0000202')), '3/5 discard'),
  row(
    'RFC 7606 §7.7 AGGREGATOR of 8 among two-byte numbers',
    update(ORIGIN + attribute('40', 2, '0201fc01') + NEXT_HOP + attribute('c0', 7, '0000fc01c0000202')),
    '3/5 discard',
    AS2,
  ),
  row('RFC 7606 §7.7 AGGREGATOR of 0', update(BASE + attribute('c0', 7, '')), '3/5 discard'),
  row('RFC 7606 §7.8 COMMUNITIES of 0', update(BASE + attribute('c0', 8, '')), '3/5 withdraw'),
  row('RFC 7606 §7.8 COMMUNITIES of 3', update(BASE + attribute('c0', 8, 'fde800')), '3/5 withdraw'),
  row('RFC 7606 §7.8 COMMUNITIES of 6', update(BASE + attribute('c0', 8, 'fde80001fde8')), '3/5 withdraw'),
  row('RFC 7606 §7.9 ORIGINATOR_ID from outside', update(BASE + attribute('80', 9, 'c0000202')), '3/9 discard'),
  row('RFC 7606 §7.9 ORIGINATOR_ID of 5', update(BASE + attribute('80', 9, 'c000020200')), '3/5 withdraw', IBGP),
  row('RFC 7606 §7.10 CLUSTER_LIST from outside', update(BASE + attribute('80', 10, 'c0000202')), '3/9 discard'),
  row('RFC 7606 §7.10 CLUSTER_LIST of 0', update(BASE + attribute('80', 10, '')), '3/5 withdraw', IBGP),
  row('RFC 7606 §7.10 CLUSTER_LIST of 6', update(BASE + attribute('80', 10, 'c0000202c000')), '3/5 withdraw', IBGP),
  row('RFC 7606 §7.14 extended communities of 7', update(BASE + attribute('c0', 16, '0002fde8000000')), '3/5 withdraw'),
  row('RFC 7606 §7.14 extended communities of 0', update(BASE + attribute('c0', 16, '')), '3/5 withdraw'),
  row('RFC 7606 §7.15 IPv6 extended communities of 19', update(BASE + attribute('c0', 25, '00'.repeat(19))), '3/5 withdraw'),
  row('RFC 8092 §6 large communities of 0', update(BASE + attribute('c0', 32, '')), '3/5 withdraw'),
  row('RFC 8092 §6 large communities of 13', update(BASE + attribute('c0', 32, '00'.repeat(13))), '3/5 withdraw'),
  row('RFC 6793 §6 AS4_PATH cut off', update(BASE + attribute('c0', 17, '02020000fc01')), '3/5 discard'),
  row('RFC 6793 §6 AS4_PATH segment of no members', update(BASE + attribute('c0', 17, '0200')), '3/9 discard'),
  row('RFC 6793 §6 AS4_AGGREGATOR of 6', update(BASE + attribute('c0', 18, 'fc01c0000202')), '3/5 discard'),
  row('RFC 9234 §5 OTC of 3', update(BASE + attribute('c0', 35, '00fc01')), '3/5 withdraw'),
  row('§6.3 unknown well-known attribute', update(BASE + attribute('40', 99, '00')), '3/2 reset 40630100'),
  row('§6.3 attribute 0, well-known', update(BASE + attribute('40', 0, '')), '3/2 reset 400000'),
  row('unknown transitive attribute of any content', update(BASE + attribute('c0', 28, 'deadbeef')), 'ok'),
  row('ENTROPY_LABEL with a partial bit (2023)', update(BASE + attribute('e0', 28, '')), 'ok'),
  row('ATTR_SET with nonsense inside (RFC 6368)', update(BASE + attribute('c0', 128, 'ffffffffffff')), 'ok'),
  row('attribute 255 with extended length 0', update(BASE + wide('d0', 255, '')), 'ok'),
  row('attribute with extended length of 3,000 bytes', update(BASE + wide('d0', 200, 'ab'.repeat(3000))), 'ok'),
  row('RFC 8654 attribute of 65,000 bytes', update(BASE + wide('d0', 200, 'ab'.repeat(65_000))), 'ok', LONG),
  row(
    'two faults: the stronger one is not lost',
    update(BASE + attribute('c0', 7, '') + attribute('80', 4, '00')),
    '3/5 discard 3/5 withdraw',
  ),
];

/** RFC 7606 §5.2: what is wrong in an UPDATE whose announced routes nobody can see ends the session. */
const HIDDEN: readonly Row[] = [
  row('RFC 7606 §5.2 MED of 3, no routes', update(BASE + attribute('80', 4, '000001'), ''), '3/5 reset 800403000001'),
  row('RFC 7606 §5.2 MED of 3, withdrawn routes alone', update(BASE + attribute('80', 4, '000001'), '', '20cb007101'), '3/5 reset'),
  row('RFC 7606 §5.2 MED of 3 beside MP_UNREACH_NLRI', update(MP_UNREACH + attribute('80', 4, '000001'), ''), '3/5 reset'),
  row(
    'RFC 7606 §5.2 MED of 3 beside an empty MP_REACH_NLRI',
    update(`${mpReach(`00020110${MP_NEXT_HOP}00`)}${ORIGIN}${AS_PATH}800403000001`, ''),
    '3/5 reset',
  ),
  row('RFC 7606 §5.2 MED of 3 beside MP_REACH_NLRI', update(`${MP_BASE}800403000001`, ''), '3/5 withdraw'),
  row(
    'RFC 7606 §5.2 MED of 3 beside routes of a family that nobody knows',
    update(`${mpReach('4004470007ff')}${ORIGIN}${AS_PATH}800403000001`, ''),
    '3/5 withdraw',
  ),
  row('RFC 7606 §5.2 a list cut off in MP_REACH_NLRI', update(`${ORIGIN + AS_PATH}800eff000201`, ''), '3/1 reset'),
  row('RFC 7606 §5.2 discarded attribute, no routes', update(BASE + attribute('c0', 7, ''), ''), '3/5 discard'),
  row('RFC 7606 §5.2 empty MP_REACH_NLRI alone', update(mpReach(`00020110${MP_NEXT_HOP}00`), ''), 'ok'),
];

const AS_ZERO: readonly Row[] = [
  row('RFC 7607 §2 AS 0 in AS_PATH', update(ORIGIN + attribute('40', 2, '02020000fc0100000000') + NEXT_HOP), '3/11 withdraw'),
  row(
    'RFC 7607 §2 AS 0 in AS_PATH of two-byte numbers',
    update(ORIGIN + attribute('40', 2, '0202fc010000') + NEXT_HOP),
    '3/11 withdraw',
    AS2,
  ),
  row('RFC 7607 §2 AS 0 in AGGREGATOR', update(BASE + attribute('c0', 7, '00000000c0000202')), '3/9 discard'),
  row('RFC 7607 §2 AS 0 in AS4_PATH', update(BASE + attribute('c0', 17, '020100000000')), '3/9 discard'),
  row('RFC 7607 §2 AS 0 in AS4_AGGREGATOR', update(BASE + attribute('c0', 18, '00000000c0000202')), '3/9 discard'),
];

const LARGE = 'ab'.repeat(60_000);

/** What is quoted whole in the data of a NOTIFICATION, and would not fit into one. */
const TOO_LARGE_TO_QUOTE: readonly Row[] = [
  row('RFC 7313 §5 begin of 4096', header(4096, 5, `00010101${'00'.repeat(4073)}`), '7/1 reset'),
  row('RFC 7313 §5 end of 60,000', header(60_023, 5, `00010201${LARGE}`), '7/1 reset', LONG),
  row(
    'RFC 7606 §7.11 MP_REACH_NLRI of 60,000 with a next hop of 255',
    update(wide('90', 14, `000201ff${LARGE}`) + ORIGIN + AS_PATH, ''),
    '3/9 reset',
    LONG,
  ),
  row('RFC 7606 §5.3 MP_UNREACH_NLRI of 60,000 with prefixes of 171 bits', update(wide('90', 15, `000201${LARGE}`), ''), '3/9 reset', LONG),
  row('§6.3 unknown well-known attribute of 60,000', update(BASE + wide('50', 99, LARGE)), '3/2 reset', LONG),
  row('RFC 7606 §3 g MP_REACH_NLRI twice, the second of 60,000', update(MP_BASE + wide('90', 14, LARGE), ''), '3/1 reset', LONG),
  row('RFC 7606 §7.4 MED of 60,000', update(BASE + wide('90', 4, LARGE)), '3/5 withdraw', LONG),
];

const MP: readonly Row[] = [
  ...[0, 4, 8, 15, 17, 24, 48].map((length) =>
    row(
      `RFC 7606 §7.11 IPv6 next hop of ${length}`,
      update(mpReach(`000201${u8(length)}${'20'.repeat(length)}0000`) + ORIGIN + AS_PATH, ''),
      '3/9 reset',
    ),
  ),
  row(
    'RFC 2545 §3 IPv6 next hop of 32',
    update(mpReach(`00020120${MP_NEXT_HOP}fe8000000000000000000000000000020000`) + ORIGIN + AS_PATH, ''),
    'ok',
  ),
  row('RFC 4760 §3 IPv4 next hop of 4', update(mpReach('00010104c00002020020cb007101') + ORIGIN + AS_PATH, ''), 'ok'),
  row('RFC 8950 §3 IPv4 with a next hop of 16', update(mpReach(`00010110${MP_NEXT_HOP}0020cb007101`) + ORIGIN + AS_PATH, ''), 'ok'),
  row('RFC 7606 §7.11 IPv4 next hop of 5', update(mpReach('00010105c0000202000020cb007101') + ORIGIN + AS_PATH, ''), '3/9 reset'),
  row('RFC 7606 §7.11 next hop beyond the attribute', update(mpReach('000201ff20') + ORIGIN + AS_PATH, ''), '3/9 reset 800e05000201ff20'),
  row('RFC 7606 §7.11 MP_REACH_NLRI of 0', update(mpReach('') + ORIGIN + AS_PATH, ''), '3/9 reset 800e00'),
  row('RFC 7606 §7.11 MP_REACH_NLRI of 4', update(mpReach('00020110') + ORIGIN + AS_PATH, ''), '3/9 reset'),
  row('RFC 7606 §7.11 no reserved byte', update(mpReach(`00020110${MP_NEXT_HOP}`) + ORIGIN + AS_PATH, ''), '3/9 reset'),
  row(
    'RFC 7606 §5.3 IPv6 prefix of 129 bits',
    update(mpReach(`00020110${MP_NEXT_HOP}0081${'20'.repeat(17)}`) + ORIGIN + AS_PATH, ''),
    '3/9 reset',
  ),
  row('RFC 7606 §5.3 IPv6 prefix cut off', update(mpReach(`00020110${MP_NEXT_HOP}008020010db8`) + ORIGIN + AS_PATH, ''), '3/9 reset'),
  row('RFC 4760 §3 no prefix', update(mpReach(`00020110${MP_NEXT_HOP}00`) + ORIGIN + AS_PATH, ''), 'ok'),
  row('RFC 4760 §3 a family that nobody knows', update(mpReach('4004470007ff') + ORIGIN + AS_PATH, ''), 'ok'),
  row('RFC 4760 §3 IPv6 multicast', update(mpReach(`00020210${MP_NEXT_HOP}00ff`) + ORIGIN + AS_PATH, ''), 'ok'),
  row(
    'RFC 7606 §3 c MP_REACH_NLRI transitive',
    update(attribute('c0', 14, `00020110${MP_NEXT_HOP}00`) + ORIGIN + AS_PATH, ''),
    '3/4 reset',
  ),
  row('RFC 7606 §7.12 MP_UNREACH_NLRI of 0', update(attribute('80', 15, ''), ''), '3/9 reset 800f00'),
  row('RFC 7606 §7.12 MP_UNREACH_NLRI of 2', update(attribute('80', 15, '0002'), ''), '3/9 reset'),
  row('RFC 7606 §5.3 withdrawn IPv6 prefix of 200 bits', update(attribute('80', 15, `000201c8${'20'.repeat(25)}`), ''), '3/9 reset'),
  row('RFC 7606 §5.3 withdrawn IPv4 prefix of 33 bits', update(attribute('80', 15, '00010121cb00710100'), ''), '3/9 reset'),
  row('RFC 7911 §3 path identifier cut off', update(BASE, '000001'), '3/10 reset', { addPath: ['ipv4'] }),
  row('RFC 7911 §3 path identifier without a prefix', update(BASE, '00000001'), '3/10 reset', { addPath: ['ipv4'] }),
  row('RFC 7911 §3 path identifiers', update(BASE, '0000000120cb0071010000000220cb007101'), 'ok', { addPath: ['ipv4'] }),
];

export const CORPUS: readonly Row[] = [...HEADER, ...OPEN, ...LISTS, ...ATTRIBUTES, ...HIDDEN, ...AS_ZERO, ...MP, ...TOO_LARGE_TO_QUOTE];
