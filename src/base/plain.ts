// Why: names, reasons and logs are others' words, and a terminal obeys some characters: what is printed has none of those.

/** A text without control characters but the ends of lines and tabulators. */
// oxlint-disable-next-line no-control-regex -- those are what it is about
export const plain = (text: string): string => text.replace(/\r(?!\n)|[^\P{Cc}\r\n\t]/gu, '');

/** JSON in which those that it allows as they are stand as escapes: it says the same. */
export const plainJson = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(
    // oxlint-disable-next-line no-control-regex -- as above
    /[\u007f-\u009f]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
