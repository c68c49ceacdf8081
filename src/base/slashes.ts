// Why: a pattern that looks for slashes at the end of a text begins anew at each slash: of a path of 15,000 it takes the square.

/** The text without the slashes at its end. */
export function withoutEndSlashes(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === '/') end -= 1;
  return text.slice(0, end);
}
