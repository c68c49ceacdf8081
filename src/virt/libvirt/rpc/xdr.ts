// Why: libvirt's messages are XDR (RFC 4506): big-endian, everything padded to four bytes. The reader trusts no length it
// finds: whatever arrives ends in a value or in an XdrError, and nothing is allocated that was not received.

import { limits } from '../../../base/limits.ts';

/** What was received is not what the protocol allows, or what is to be sent does not fit into it. */
export class XdrError extends Error {
  override readonly name = 'XdrError';
}

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const UUID_BYTES = 16;
const padding = (length: number): number => -length & 3;

/** Collects values; `finish` gives the bytes. Methods return the writer, to be chained. */
export class XdrWriter {
  #buffer = Buffer.allocUnsafe(256);
  #length = 0;

  // May replace the buffer: take its offset before naming the buffer to write to.
  #grow(bytes: number): number {
    const offset = this.#length;
    const needed = offset + bytes;
    if (needed > limits.libvirtMessageBytes) throw new XdrError('message longer than libvirt accepts');
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, offset);
      this.#buffer = larger;
    }
    this.#length = needed;
    return offset;
  }

  u32(value: number): this {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
      throw new XdrError(`not an unsigned int: ${value}`);
    const offset = this.#grow(4);
    this.#buffer.writeUInt32BE(value, offset);
    return this;
  }

  i32(value: number): this {
    if (!Number.isInteger(value) || value < -0x8000_0000 || value > 0x7fff_ffff)
      throw new XdrError(`not an int: ${value}`);
    const offset = this.#grow(4);
    this.#buffer.writeInt32BE(value, offset);
    return this;
  }

  u64(value: number | bigint): this {
    if (typeof value === 'number' && !Number.isSafeInteger(value))
      throw new XdrError(`not an unsigned hyper: ${value}`);
    const big = BigInt(value);
    if (big < 0n || big > 0xffff_ffff_ffff_ffffn) throw new XdrError(`not an unsigned hyper: ${value}`);
    const offset = this.#grow(8);
    this.#buffer.writeBigUInt64BE(big, offset);
    return this;
  }

  i64(value: number | bigint): this {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new XdrError(`not a hyper: ${value}`);
    const big = BigInt(value);
    if (BigInt.asIntN(64, big) !== big) throw new XdrError(`not a hyper: ${value}`);
    const offset = this.#grow(8);
    this.#buffer.writeBigInt64BE(big, offset);
    return this;
  }

  f64(value: number): this {
    const offset = this.#grow(8);
    this.#buffer.writeDoubleBE(value, offset);
    return this;
  }

  bool(value: boolean): this {
    return this.u32(value ? 1 : 0);
  }

  /** Bytes of a length that both ends know. */
  fixed(bytes: Uint8Array): this {
    const offset = this.#grow(bytes.length + padding(bytes.length));
    this.#buffer.set(bytes, offset);
    this.#buffer.fill(0, offset + bytes.length, this.#length);
    return this;
  }

  opaque(bytes: Uint8Array): this {
    return this.u32(bytes.length).fixed(bytes);
  }

  /** UTF-8. A NUL is refused: C on the other end would take the text before it for the whole. */
  string(text: string): this {
    if (text.includes('\0')) throw new XdrError('text with a NUL character');
    const bytes = Buffer.from(text);
    if (bytes.length > limits.libvirtStringBytes) throw new XdrError(`text of ${bytes.length} bytes`);
    return this.opaque(bytes);
  }

  optional<T>(value: T | null, write: (value: T) => unknown): this {
    this.bool(value !== null);
    if (value !== null) write(value);
    return this;
  }

  optionalString(text: string | null): this {
    return this.optional(text, (present) => this.string(present));
  }

  list<T>(values: readonly T[], write: (value: T) => unknown): this {
    this.u32(values.length);
    for (const value of values) write(value);
    return this;
  }

  uuid(text: string): this {
    if (!UUID.test(text)) throw new XdrError(`not a UUID: ${text}`);
    return this.fixed(Buffer.from(text.replaceAll('-', ''), 'hex'));
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}

/** Reads values one after the other; throws XdrError where the bytes do not hold what is asked for. */
export class XdrReader {
  readonly #buffer: Buffer;
  #offset = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  get remaining(): number {
    return this.#buffer.length - this.#offset;
  }

  #take(bytes: number): number {
    if (bytes > this.remaining) throw new XdrError(`${bytes} bytes expected, ${this.remaining} left`);
    const offset = this.#offset;
    this.#offset += bytes;
    return offset;
  }

  u32(): number {
    return this.#buffer.readUInt32BE(this.#take(4));
  }

  i32(): number {
    return this.#buffer.readInt32BE(this.#take(4));
  }

  u64(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(8));
  }

  i64(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8));
  }

  /** An unsigned hyper as a number: exact up to 2^53, rounded above (nanoseconds after 104 days of CPU time). */
  u64Number(): number {
    const offset = this.#take(8);
    return this.#buffer.readUInt32BE(offset) * 0x1_0000_0000 + this.#buffer.readUInt32BE(offset + 4);
  }

  i64Number(): number {
    return Number(this.i64());
  }

  f64(): number {
    return this.#buffer.readDoubleBE(this.#take(8));
  }

  bool(): boolean {
    const value = this.u32();
    if (value > 1) throw new XdrError(`not a boolean: ${value}`);
    return value === 1;
  }

  /** A view of `length` bytes, not a copy. */
  fixed(length: number): Buffer {
    const offset = this.#take(length);
    this.#take(padding(length));
    return this.#buffer.subarray(offset, offset + length);
  }

  opaque(): Buffer {
    return this.fixed(this.u32());
  }

  string(): string {
    const length = this.u32();
    if (length > limits.libvirtStringBytes) throw new XdrError(`text of ${length} bytes`);
    return this.fixed(length).toString('utf8');
  }

  optional<T>(read: () => T): T | null {
    return this.bool() ? read() : null;
  }

  optionalString(): string | null {
    return this.optional(() => this.string());
  }

  list<T>(read: (reader: this) => T): T[] {
    const count = this.u32();
    // Every element takes at least four bytes, so a longer list cannot be in this message.
    if (count * 4 > this.remaining) throw new XdrError(`list of ${count} in ${this.remaining} bytes`);
    const values: T[] = [];
    for (let index = 0; index < count; index += 1) values.push(read(this));
    return values;
  }

  uuid(): string {
    const hex = this.fixed(UUID_BYTES).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  /** Asserts that the message holds nothing more. */
  end(): void {
    if (this.remaining !== 0) throw new XdrError(`${this.remaining} bytes too many`);
  }
}
