import { builtinTypes } from '../schema/builtinTypes.ts';
import { badRequest } from '../status.ts';
import type { Dict } from '../json.ts';
import { groupOf } from '../json.ts';

/**
 * Reads the protobuf form of built-in objects, which kubectl's imperative commands (create, auth can-i) send and cannot
 * be talked out of. Answers are always JSON.
 */

const magic = Buffer.from('k8s\0');

interface Field {
  name: string;
  type: string;
}

const layouts = new Map<string, Map<number, Field>>();

function layoutOf(type: string): Map<number, Field> {
  let layout = layouts.get(type);
  if (layout !== undefined) return layout;
  layout = new Map();
  for (const field of (builtinTypes[type] ?? '').split(' ')) {
    const found = /^([^:]+?)!?:(.+)@(\d+)$/.exec(field);
    if (found !== null) layout.set(Number(found[3]), { name: found[1] ?? '', type: found[2] ?? '' });
  }
  layouts.set(type, layout);
  return layout;
}

type Wire = number | Buffer;

function* wireFields(bytes: Buffer): Generator<[number, Wire]> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined || shift > 63n) throw badRequest('proto: illegal wireType or unexpected EOF');
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = tag >>> 3;
    switch (tag & 7) {
      case 0:
        yield [number, Number(BigInt.asIntN(64, varint()))];
        break;
      case 1:
        yield [number, bytes.readDoubleLE(at)];
        at += 8;
        break;
      case 2: {
        const length = Number(varint());
        yield [number, bytes.subarray(at, at + length)];
        at += length;
        break;
      }
      case 5:
        yield [number, bytes.readFloatLE(at)];
        at += 4;
        break;
      default:
        throw badRequest('proto: illegal wireType');
    }
  }
}

function first(bytes: Buffer, number: number): Wire | undefined {
  for (const [found, value] of wireFields(bytes)) if (found === number) return value;
  return undefined;
}

function textOf(wire: Wire | undefined): string {
  return wire === undefined ? '' : wire.toString();
}

function timeOf(bytes: Buffer, micro: boolean): string | undefined {
  const seconds = first(bytes, 1);
  if (typeof seconds !== 'number') return undefined;
  const nanos = Number(first(bytes, 2) ?? 0);
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  return micro ? `${whole}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z` : `${whole}Z`;
}

/** A message that JSON shows as one string or raw value. */
function special(type: string, wire: Wire): unknown {
  if (typeof wire === 'number') return type === 'bool' ? wire !== 0 : wire;
  switch (type) {
    case 'bytes':
      return wire.toString('base64');
    case 'time':
    case 'microtime':
      return timeOf(wire, type === 'microtime');
    case 'intstr':
      return Number(first(wire, 1) ?? 0) === 0 ? Number(first(wire, 2) ?? 0) : textOf(first(wire, 3));
    case 'any': {
      const raw = textOf(first(wire, 1));
      return raw === '' ? undefined : (JSON.parse(raw) as unknown);
    }
    default:
      return wire.toString();
  }
}

/** Quantities stand where the client has a string and the wire a message of one string. */
function mapValue(type: string, wire: Wire | undefined): unknown {
  if (wire === undefined) return '';
  if (type === 'string' && Buffer.isBuffer(wire) && wire[0] === 0x0a && wire[1] === wire.length - 2) return textOf(first(wire, 1));
  return value(type, wire);
}

function value(type: string, wire: Wire): unknown {
  return builtinTypes[type] !== undefined && Buffer.isBuffer(wire) ? message(type, wire) : special(type, wire);
}

/** Go sends what is empty; JSON leaves it out. */
function isEmpty(name: string, found: unknown): boolean {
  if (found === undefined || found === '') return true;
  const dropped = ['status', 'strategy', 'updateStrategy', 'generation', 'nodePort', 'healthCheckNodePort'];
  return dropped.includes(name) && (found === 0 || JSON.stringify(found) === '{}');
}

function message(type: string, bytes: Buffer): Dict {
  const layout = layoutOf(type);
  const out: Dict = {};
  for (const [number, wire] of wireFields(bytes)) {
    const field = layout.get(number);
    if (field === undefined) continue;
    const { name, type: kind } = field;
    if (name.startsWith('~')) {
      if (Buffer.isBuffer(wire)) Object.assign(out, message(kind, wire));
    } else if (kind.startsWith('[]')) {
      out[name] = [...((out[name] as unknown[] | undefined) ?? []), value(kind.slice(2), wire)];
    } else if (kind.startsWith('{}') && Buffer.isBuffer(wire)) {
      out[name] = { ...(out[name] as Dict | undefined), [textOf(first(wire, 1))]: mapValue(kind.slice(2), first(wire, 2)) };
    } else {
      const found = value(kind, wire);
      if (!isEmpty(name, found)) out[name] = found;
    }
  }
  return out;
}

function typeOf(apiVersion: string, kind: string): string {
  const named: Readonly<Record<string, string>> = {
    'v1/Event': 'CoreV1Event',
    'events.k8s.io/v1/Event': 'EventsV1Event',
    'authentication.k8s.io/v1/TokenRequest': 'AuthenticationV1TokenRequest',
  };
  return named[`${apiVersion}/${kind}`] ?? `V1${kind}`;
}

export function isProtobuf(contentType: string): boolean {
  return contentType.startsWith('application/vnd.kubernetes.protobuf');
}

/** The object of a protobuf body. */
export function decodeProtobuf(body: Buffer): Dict {
  if (!body.subarray(0, 4).equals(magic))
    throw badRequest('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  const unknown = body.subarray(4);
  const typeMeta = first(unknown, 1);
  const raw = first(unknown, 2);
  const apiVersion = Buffer.isBuffer(typeMeta) ? textOf(first(typeMeta, 1)) : '';
  const kind = Buffer.isBuffer(typeMeta) ? textOf(first(typeMeta, 2)) : '';
  const type = typeOf(apiVersion, kind);
  if (builtinTypes[type] === undefined)
    throw badRequest(`no kind "${kind}" is registered for version "${apiVersion}" of group "${groupOf(apiVersion)}"`);
  return { apiVersion, kind, ...(Buffer.isBuffer(raw) ? message(type, raw) : {}) };
}
