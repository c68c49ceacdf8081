// Why: OVSDB sends JSON texts one after another with nothing between them (RFC 7047, 4), so where one ends is found by counting braces.
// A streaming parser would do it too, at eight times the CPU time: docs/decisions/0045-ovn.md.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const BLANKS: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** The stream is not a sequence of JSON objects and arrays, or one of them is too long; the rest cannot be read. */
export class SplitError extends Error {
  override readonly name = 'SplitError';
}

/**
 * Splits a byte stream into JSON texts, however it is divided into chunks.
 * @param maxBytes of one text
 * @param take called with each text, parsed
 * @returns a function to call with each chunk; it throws `SplitError`
 */
export function makeSplitter(maxBytes: number, take: (message: unknown) => void): (piece: Buffer) => void {
  /** Pieces of a text that has not ended. */
  let kept: Buffer[] = [];
  let keptBytes = 0;
  let depth = 0;
  let inString = false;
  let escaped = false;

  function parse(text: Buffer): unknown {
    try {
      return JSON.parse(text.toString('utf8'));
    } catch (error) {
      throw new SplitError('what came is not JSON', { cause: error });
    }
  }

  function end(last: Buffer): void {
    const text = kept.length === 0 ? last : Buffer.concat([...kept, last]);
    kept = [];
    keptBytes = 0;
    take(parse(text));
  }

  /** Whether a text ends with this byte. */
  function isLast(byte: number): boolean {
    if (inString) {
      if (escaped) escaped = false;
      else if (byte === BACKSLASH) escaped = true;
      else if (byte === QUOTE) inString = false;
      return false;
    }
    if (byte === QUOTE) inString = true;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1;
      return depth === 0;
    }
    return false;
  }

  return (piece) => {
    let start = 0;
    for (let at = 0; at < piece.length; at += 1) {
      const byte = piece[at] as number;
      if (depth === 0 && byte !== OPEN_BRACE && byte !== OPEN_BRACKET) {
        if (!BLANKS.has(byte)) throw new SplitError('what came is neither an object nor an array of JSON');
        start = at + 1;
        continue;
      }
      if (!isLast(byte)) continue;
      end(piece.subarray(start, at + 1));
      start = at + 1;
    }
    if (start === piece.length) return;
    kept.push(piece.subarray(start));
    keptBytes += piece.length - start;
    if (keptBytes > maxBytes) throw new SplitError(`one message is longer than ${maxBytes} bytes`);
  };
}
