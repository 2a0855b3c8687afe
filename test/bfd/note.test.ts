import { expect, it } from 'vitest';
import { appendNote, noteOf } from '../../src/bfd/note.ts';

const PACKET = Uint8Array.from({ length: 24 }, (_, i) => (i === 3 ? 24 : i));
const NOTE = Uint8Array.of(1, 4, 10, 0, 0, 1, 10, 0, 0, 9);
const KEY = new TextEncoder().encode('correct horse');

it.each([undefined, KEY])('what is added to a packet is read back, whatever is behind is not (key: %s)', (key) => {
  const datagram = appendNote(PACKET, NOTE, key);
  expect(datagram.subarray(0, 24)).toEqual(PACKET);
  expect(noteOf(datagram, key)).toEqual(NOTE);
  expect(noteOf(PACKET, key)).toBeUndefined();
  for (let length = 24; length < datagram.length; length++) expect(noteOf(datagram.subarray(0, length), key)).toBeUndefined();
});

it('with a key nothing is believed that is signed with another, not signed, or changed', () => {
  expect(noteOf(appendNote(PACKET, NOTE, undefined), KEY)).toBeUndefined();
  expect(noteOf(appendNote(PACKET, NOTE, new TextEncoder().encode('another')), KEY)).toBeUndefined();
  const datagram = appendNote(PACKET, NOTE, KEY);
  for (let at = 0; at < datagram.length; at++) {
    const changed = datagram.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(noteOf(changed, KEY)).toBeUndefined();
  }
});
