// Bytes: written, joined, and read from a stream that comes in parts of any length.

export const CHUNK_MAX = 65_536;

export const text = (string) => new TextEncoder().encode(string);

/** Bytes from byte arrays, buffers, strings (as UTF-8) and lists of numbers. */
export function concat(...parts) {
  const all = parts.map((part) => (typeof part === 'string' ? text(part) : new Uint8Array(part)));
  const out = new Uint8Array(all.reduce((length, part) => length + part.length, 0));
  all.reduce((at, part) => (out.set(part, at), at + part.length), 0);
  return out;
}

/** `number` as `length` big-endian bytes. */
export function uint(length, number) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
  return bytes.subarray(8 - length);
}

/** A variable-length integer (RFC 9000 section 16) in its shortest form. */
export function varint(number) {
  const power = number < 0x40 ? 0 : number < 0x4000 ? 1 : number < 0x4000_0000 ? 2 : 3;
  const bytes = uint(1 << power, number).slice();
  bytes[0] |= power << 6;
  return bytes;
}

/** Reads from parts: bytes, or an iterable of bytes. What is asked for and not there is an error. */
export class Source {
  #parts;
  #held = new Uint8Array(0);

  constructor(parts) {
    const given = parts instanceof Uint8Array ? [parts] : parts;
    this.#parts = given[Symbol.asyncIterator]?.() ?? given[Symbol.iterator]();
  }

  /** Whether no byte is left. */
  async ended() {
    return !(await this.#has(1));
  }

  async take(length) {
    if (!(await this.#has(length))) throw new Error('the bytes end too early');
    return this.#cut(length);
  }

  /** Between 1 and `most` bytes, as soon as there are some. */
  async some(most) {
    if (!(await this.#has(1))) throw new Error('the bytes end too early');
    return this.#cut(Math.min(most, this.#held.length));
  }

  /** All that is left, at most `most` bytes. */
  async rest(most) {
    if (await this.#has(most + 1)) throw new Error('more bytes than expected');
    return this.#cut(this.#held.length);
  }

  async varint() {
    const [first] = await this.take(1);
    const bytes = concat([first & 0x3f], await this.take((1 << (first >> 6)) - 1));
    const number = bytes.reduce((number, byte) => number * 256 + byte, 0);
    if (!Number.isSafeInteger(number)) throw new Error('a length beyond what there can be');
    return number;
  }

  /** Says that no more will be read: closes what the parts come from. */
  async close() {
    await this.#parts.return?.();
  }

  async #has(length) {
    const parts = [this.#held];
    let held = this.#held.length;
    while (held < length) {
      const { done, value } = await this.#parts.next();
      if (done) break;
      parts.push(value);
      held += value.length;
    }
    if (parts.length > 1) this.#held = concat(...parts);
    return held >= length;
  }

  #cut(length) {
    const bytes = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return bytes;
  }
}
