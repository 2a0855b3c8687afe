import type { Reader, Writer } from '../cursor.ts';
import { CeaseError, ErrorCode, errorName } from './iana.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

/** RFC 4271 §4.5: error code (1), error subcode (1), data. */
export interface Notification {
  readonly type: 'notification';
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

export function decodeNotification(reader: Reader): Notification {
  return { type: 'notification', code: reader.u8(), subcode: reader.u8(), data: reader.rest().slice() };
}

export function encodeNotification(writer: Writer, notification: Notification): void {
  writer.u8(notification.code);
  writer.u8(notification.subcode);
  writer.raw(notification.data);
}

/** RFC 9003 §2: Administrative Shutdown and Reset carry a UTF-8 text of at most 255 bytes behind a length byte. */
export function shutdownData(text: string | undefined): Uint8Array {
  if (text === undefined || text === '') return new Uint8Array(0);
  const words = encodeUtf8(text, 255);
  const data = new Uint8Array(words.length + 1);
  data[0] = words.length;
  data.set(words, 1);
  return data;
}

/** @returns what the peer says about its shutdown or reset, with control characters taken out; undefined when it says nothing usable. */
export function shutdownText(notification: Notification): string | undefined {
  const { code, subcode, data } = unwrapHardReset(notification);
  if (code !== ErrorCode.cease || (subcode !== CeaseError.shutdown && subcode !== CeaseError.reset)) return undefined;
  const length = data[0] ?? 0;
  if (length === 0 || length > data.length - 1) return undefined;
  // The words come from outside and end in logs and terminals.
  const text = decodeUtf8(data.subarray(1, 1 + length))?.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ');
  return text?.trim() === '' ? undefined : text?.trim();
}

/** RFC 8538 §3.1: a Hard Reset carries the code, subcode and data of the real reason. */
export function unwrapHardReset(notification: Notification): Notification {
  const [code, subcode] = notification.data;
  if (notification.code !== ErrorCode.cease || notification.subcode !== CeaseError.hardReset) return notification;
  if (code === undefined || subcode === undefined) return notification;
  return { type: 'notification', code, subcode, data: notification.data.subarray(2) };
}

export function notificationName(notification: Notification): string {
  return errorName(notification.code, notification.subcode);
}
