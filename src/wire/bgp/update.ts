import type { Family } from '../../net/ip.ts';
import { Reader, type Writer } from '../cursor.ts';
import { type Attribute, Flag, type UpdateContext } from './attribute.ts';
import { type RawAttribute, decodeAttribute } from './attributeDecode.ts';
import { encodeAttribute } from './attributeEncode.ts';
import { familyOf } from './family.ts';
import { AttributeCode, ErrorCode, UpdateError } from './iana.ts';
import { type FaultAction, type Malformed, MalformedError, attempt, failUpdate, isMalformed, malformed } from './malformed.ts';
import { type NlriRun, scanNlri } from './nlri.ts';

/**
 * RFC 4271 §4.3.
 *
 *     withdrawn routes length (2)  withdrawn routes  total path attribute length (2)  path attributes  NLRI
 */
export interface Update {
  readonly type: 'update';
  readonly withdrawn: NlriRun;
  /** Those that could be read, in the order of the message. */
  readonly attributes: readonly Attribute[];
  readonly nlri: NlriRun;
  /** What was wrong, short of a reason to reset the session (RFC 7606). */
  readonly faults: readonly Malformed[];
}

/** @param body the message without its header. Fails only where the session has to go. */
export function decodeUpdate(body: Reader, context: UpdateContext): Update {
  const addPath = context.addPath.includes('ipv4');
  const withdrawn = decodeRun(body.take(body.u16()), addPath);
  const attributeBytes = body.take(body.u16());
  const nlri = decodeRun(body.rest(), addPath);
  const { attributes, faults } = decodeAttributes(attributeBytes, context);
  const announces = nlri.count > 0 || attributes.some(isReach);
  if (!announces) refuseHidden(faults);
  const missing = announces ? missingAttribute(attributes, faults, nlri) : undefined;
  if (missing !== undefined) {
    faults.push(malformed(ErrorCode.update, UpdateError.missingWellKnown, Uint8Array.of(missing), 'treat-as-withdraw'));
  }
  return { type: 'update', withdrawn, attributes, nlri, faults };
}

/** RFC 4271 §6.3: both lengths have to fit into the message. */
export function updateTooShort(): never {
  return failUpdate(UpdateError.malformedList, 'session-reset');
}

/** RFC 7606 §3 j: routes that cannot be read cannot be withdrawn either. */
function decodeRun(bytes: Uint8Array, addPath: boolean): NlriRun {
  return scanNlri(bytes, 'ipv4', addPath) ?? failUpdate(UpdateError.invalidNetwork, 'session-reset');
}

/** Of a family that is unknown here it is not known how many. */
function isReach(attribute: Attribute): boolean {
  return attribute.type === 'mpReach' && attribute.nlri?.count !== 0;
}

/**
 * RFC 7606 §5.2: where attributes are wrong and no announced route is to be seen, the routes may well be in what could not be
 * read, so that nobody knows what to withdraw.
 */
function refuseHidden(faults: readonly Malformed[]): void {
  const fault = faults.find(({ action }) => action !== 'attribute-discard');
  if (fault !== undefined) throw new MalformedError({ ...fault, action: 'session-reset' });
}

function decodeAttributes(bytes: Uint8Array, context: UpdateContext): { attributes: Attribute[]; faults: Malformed[] } {
  const attributes: Attribute[] = [];
  const faults: Malformed[] = [];
  const seen = new Set<number>();
  let at = 0;
  while (at < bytes.length) {
    const raw = attributeAt(bytes, at);
    if (raw === undefined) {
      // RFC 7606 §4: the total length is trusted, so that the NLRI behind it is known.
      faults.push(malformed(ErrorCode.update, UpdateError.malformedList, bytes.subarray(at), 'treat-as-withdraw'));
      break;
    }
    at += raw.whole.length;
    const result = seen.has(raw.code) ? repeated(raw) : attempt(() => decodeAttribute(raw, context));
    seen.add(raw.code);
    if (!isMalformed(result)) attributes.push(result);
    else if (result.action === 'session-reset') throw new MalformedError(result);
    else faults.push(result);
  }
  return { attributes, faults };
}

function attributeAt(bytes: Uint8Array, at: number): RawAttribute | undefined {
  const flags = bytes[at] ?? 0;
  const header = (flags & Flag.extendedLength) === 0 ? 3 : 4;
  if (at + header > bytes.length) return undefined;
  const length = header === 3 ? (bytes[at + 2] ?? 0) : ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  const end = at + header + length;
  if (end > bytes.length) return undefined;
  return { flags, code: bytes[at + 1] ?? 0, whole: bytes.subarray(at, end), value: bytes.subarray(at + header, end) };
}

/** RFC 7606 §3 g: the first one counts, except that two lists of routes leave no way to know what was meant. */
function repeated(raw: RawAttribute): Malformed {
  const action = raw.code === AttributeCode.mpReach || raw.code === AttributeCode.mpUnreach ? 'session-reset' : 'attribute-discard';
  return malformed(ErrorCode.update, UpdateError.malformedList, raw.code === 0 ? undefined : raw.whole, action);
}

/** RFC 7606 §3 d. @returns the code of a mandatory attribute that is neither there nor already found malformed. */
function missingAttribute(attributes: readonly Attribute[], faults: readonly Malformed[], nlri: NlriRun): number | undefined {
  if (faults.some((fault) => fault.action === 'treat-as-withdraw')) return undefined;
  const has = (type: Attribute['type']): boolean => attributes.some((attribute) => attribute.type === type);
  if (!has('origin')) return AttributeCode.origin;
  if (!has('asPath')) return AttributeCode.asPath;
  if (nlri.count > 0 && !has('nextHop')) return AttributeCode.nextHop;
  return undefined;
}

const SEVERITY: readonly FaultAction[] = ['attribute-discard', 'treat-as-withdraw', 'afi-disable', 'session-reset'];

/** RFC 7606 §3 h: of several faults the strongest action counts. */
export function updateAction(update: Update): FaultAction | undefined {
  let worst = -1;
  for (const fault of update.faults) worst = Math.max(worst, SEVERITY.indexOf(fault.action));
  return SEVERITY[worst];
}

/** RFC 4724 §2. @returns the family whose table is complete; undefined for any other UPDATE. */
export function endOfRib(update: Update): Family | undefined {
  if (update.withdrawn.count > 0 || update.nlri.count > 0 || update.faults.length > 0) return undefined;
  const [only, ...more] = update.attributes;
  if (only === undefined) return 'ipv4';
  if (more.length > 0 || only.type !== 'mpUnreach' || only.nlri?.count !== 0) return undefined;
  return familyOf(only.afi, only.safi);
}

export function encodeUpdate(writer: Writer, update: Update, as4: boolean): void {
  writer.u16(update.withdrawn.bytes.length);
  writer.raw(update.withdrawn.bytes);
  const lengthAt = writer.skip(2);
  for (const attribute of update.attributes) encodeAttribute(writer, attribute, as4);
  writer.setU16(lengthAt, writer.offset - lengthAt - 2);
  writer.raw(update.nlri.bytes);
}
