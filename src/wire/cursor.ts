/** Called when a reader is asked for more than there is; must throw what the protocol answers with. */
export type OnShort = (wanted: number, left: number) => never;

/** Reads big-endian fields from a part of a buffer, and never beyond it. Views it returns share the buffer. */
export class Reader {
  readonly bytes: Uint8Array;
  readonly end: number;
  offset: number;
  readonly #onShort: OnShort;

  constructor(bytes: Uint8Array, onShort: OnShort, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.offset = start;
    this.end = end;
    this.#onShort = onShort;
  }

  get left(): number {
    return this.end - this.offset;
  }

  u8(): number {
    const at = this.#advance(1);
    return this.bytes[at] ?? 0;
  }

  u16(): number {
    const at = this.#advance(2);
    return ((this.bytes[at] ?? 0) << 8) | (this.bytes[at + 1] ?? 0);
  }

  u24(): number {
    return (this.u8() << 16) | this.u16();
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  /** A view of the next `length` bytes. */
  take(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.bytes.subarray(at, at + length);
  }

  rest(): Uint8Array {
    return this.take(this.left);
  }

  /** A reader for the next `length` bytes alone, which this one skips. */
  sub(length: number, onShort: OnShort = this.#onShort): Reader {
    const at = this.#advance(length);
    return new Reader(this.bytes, onShort, at, at + length);
  }

  #advance(length: number): number {
    const at = this.offset;
    if (at + length > this.end) this.#onShort(length, this.end - at);
    this.offset = at + length;
    return at;
  }
}

/** Writes big-endian fields into a fixed buffer. Throws RangeError when it is full (a caller's bug). */
export class Writer {
  readonly bytes: Uint8Array;
  offset: number;

  constructor(bytes: Uint8Array, offset = 0) {
    this.bytes = bytes;
    this.offset = offset;
  }

  u8(value: number): void {
    this.bytes[this.skip(1)] = value;
  }

  u16(value: number): void {
    this.setU16(this.skip(2), value);
  }

  u24(value: number): void {
    this.u8(value >>> 16);
    this.u16(value & 0xffff);
  }

  u32(value: number): void {
    this.u16(value >>> 16);
    this.u16(value & 0xffff);
  }

  raw(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.skip(bytes.length));
  }

  /** Leaves `length` bytes to be filled in later. @returns their offset */
  skip(length: number): number {
    const at = this.offset;
    if (at + length > this.bytes.length) throw new RangeError(`no room for ${length} bytes at ${at} of ${this.bytes.length}`);
    this.offset = at + length;
    return at;
  }

  /** Fills in a length that was not known when its place was passed. */
  setU16(at: number, value: number): void {
    this.bytes[at] = value >>> 8;
    this.bytes[at + 1] = value & 0xff;
  }

  /** A view of all that was written since `start`. */
  written(start = 0): Uint8Array {
    return this.bytes.subarray(start, this.offset);
  }
}
