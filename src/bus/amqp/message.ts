// Why: processes of two releases speak to each other while the one replaces the other. Every message says in which version it is written:
// of a known one what is not known is passed over, an unknown one is refused in words.

/** The version that this program writes and the only one that it reads. */
export const VERSION = 1;

export type Fields = Readonly<Record<string, unknown>>;

export const encode = (fields: Fields): Buffer => Buffer.from(JSON.stringify({ v: VERSION, ...fields }));

/** What a message says, as text of JSON; null: it is none of ours. */
export function fieldsOf(content: Uint8Array): Fields | null {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(content).toString('utf8'));
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as Fields) : null;
  } catch {
    return null;
  }
}

/** As `fieldsOf`, of this version. */
export function decode(content: Uint8Array): Fields | null {
  const fields = fieldsOf(content);
  return fields?.['v'] === VERSION ? fields : null;
}
