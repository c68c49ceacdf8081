// Why: what may become of an option of nova.conf, and the few ways in which most of them are read.

/** What stands in nova.conf for an option. */
export interface Given {
  /** The last value, with what it names in its place. */
  readonly text: string;
  readonly values: readonly string[];
  /** The value's parts between commas. */
  readonly list: readonly string[];
  readonly isTrue: boolean;
  /** What another option has, by `section.option`; null: it does not stand there. */
  readonly other: (name: string) => string | null;
}

/** Options of ours with their values, and how they differ from what stood there; or why there are none. */
export type Outcome =
  | { readonly set: Readonly<Record<string, unknown>>; readonly changed?: string }
  | { readonly ignored: string };

/** A text: it is ignored, for this reason. */
export type Fate = string | ((given: Given) => Outcome);

export const set = (path: string, value: unknown, changed?: string): Outcome => ({
  set: { [path]: value },
  ...(changed === undefined ? {} : { changed }),
});
export const ignored = (why: string): Outcome => ({ ignored: why });

/** @throws Error for what is no number */
export function numberOf(text: string): number {
  const value = Number(text);
  // what it is instead may be a password
  if (text.trim() === '' || !Number.isFinite(value)) throw new Error('it is no number');
  return value;
}

export const text =
  (path: string): Fate =>
  (given) =>
    set(path, given.text);
export const number =
  (path: string): Fate =>
  (given) =>
    set(path, numberOf(given.text));
export const yesNo =
  (path: string): Fate =>
  ({ isTrue }) =>
    set(path, isTrue ? 'yes' : 'no');
export const list =
  (path: string): Fate =>
  (given) =>
    set(path, given.list);
/** Only where the ratio itself does not stand there: Nova takes the first one for new hosts alone. */
export const initialRatio =
  (kind: 'cpu' | 'ram' | 'disk'): Fate =>
  (given) =>
    given.other(`DEFAULT.${kind}_allocation_ratio`) === null
      ? set(`compute.${kind}_allocation_ratio`, numberOf(given.text), 'holds for every host, not only for new ones')
      : ignored(`${kind}_allocation_ratio is taken`);

/** @throws Error for what is no JSON, without saying what it is */
function objectsOf(value: string): object | readonly object[] {
  try {
    return JSON.parse(value) as object;
  } catch {
    throw new Error('it is no JSON');
  }
}

/** Records that Nova writes as JSON, one an option or several in a list. */
export const records =
  (path: string): Fate =>
  ({ values }) => {
    const parsed = values.flatMap(objectsOf);
    const asTexts = parsed.map((one) =>
      Object.fromEntries(Object.entries(one).map(([name, of]) => [name, String(of)])),
    );
    return set(path, asTexts);
  };

const TLS = /[?&]ssl=(?:1|true|yes|on)(?:&|$)/i;

/**
 * `rabbit://user:password@host:5672/` as AMQP's own address; several hosts become the first.
 * @param tls whether another option says so, beside `?ssl=1`
 * @throws Error for another broker's
 */
export function amqpOf(url: string, tls = false): { readonly url: string; readonly changed: string } {
  const found = /^(?:rabbit|kombu\+?\w*|amqps?):\/\/([^,/?]+)((?:,[^/?]*)?)(\/[^?]*)?/.exec(url);
  if (found === null) throw new Error('only RabbitMQ is spoken with');
  const [, first, more, vhost = '/'] = found as unknown as [string, string, string, string?];
  const path = vhost === '/' || vhost === '' ? '' : `/${encodeURIComponent(vhost.slice(1))}`;
  const scheme = tls || TLS.test(url) || url.startsWith('amqps:') ? 'amqps' : 'amqp';
  return {
    url: `${scheme}://${first}${path}`,
    changed: more === '' ? `rabbit:// is ${scheme}:// here` : 'of several brokers the first is taken',
  };
}
