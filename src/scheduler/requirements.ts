// Why: flavors and aggregates are compared in a small language of operators, the same for aggregates' metadata and for what a
// host has: `>= 4`, `s== intel`, `<in> avx`, `<or> a <or> b`. A text that begins with none of them must be equal.

type Operator = (value: string, words: readonly string[]) => boolean;

const numbers =
  (holds: (value: number, wanted: number) => boolean): Operator =>
  (value, [wanted = '']) =>
    value.trim() !== '' && holds(Number(value), Number(wanted));
const texts =
  (holds: (value: string, wanted: string) => boolean): Operator =>
  (value, [wanted = '']) =>
    holds(value, wanted);

const atLeast = numbers((value, wanted) => value >= wanted);

const operators: Readonly<Record<string, Operator>> = {
  // what `=` always meant here: at least
  '=': atLeast,
  '>=': atLeast,
  '<=': numbers((value, wanted) => value <= wanted),
  '==': numbers((value, wanted) => value === wanted),
  '!=': numbers((value, wanted) => value !== wanted && !Number.isNaN(value) && !Number.isNaN(wanted)),
  's==': texts((value, wanted) => value === wanted),
  's!=': texts((value, wanted) => value !== wanted),
  's<': texts((value, wanted) => value < wanted),
  's<=': texts((value, wanted) => value <= wanted),
  's>': texts((value, wanted) => value > wanted),
  's>=': texts((value, wanted) => value >= wanted),
  '<in>': texts((value, wanted) => value.includes(wanted)),
  '<all-in>': (value, words) => words.every((word) => value.includes(word)),
  // the words at even places; those between are `<or>` again
  '<or>': (value, words) => words.some((word, index) => index % 2 === 0 && word === value),
};

/** The function that tells whether a value meets a requirement; values that are no numbers meet none of numbers. */
export function requirement(text: string): (value: string) => boolean {
  const [first = '', ...words] = text.split(/\s+/).filter((word) => word !== '');
  const operator = Object.hasOwn(operators, first) ? operators[first] : undefined;
  if (operator === undefined) return (value) => value === text;
  return (value) => words.length > 0 && operator(value, words);
}
