// Why: whether a guest became what its template and user data say is known inside alone. What it keeps about that is read here, and not
// believed: whoever owns the guest writes those files, so all of it is bounded and anything may be missing.

/** What cloud-init keeps in a guest, as text; null: no such file. */
export interface CloudInitFiles {
  /** Of `/run/cloud-init`, from their beginnings. */
  readonly status: string | null;
  readonly result: string | null;
  /** The end of what its commands printed. */
  readonly log: string | null;
}

export interface CloudInitStatus {
  /** Who said so; null: nobody. */
  readonly source: 'agent' | 'console' | null;
  readonly status: 'not_run' | 'running' | 'done' | 'error' | 'unknown';
  /** What it is at. */
  readonly stage: string | null;
  readonly datasource: string | null;
  readonly errors: readonly string[];
  /** What newer ones tell apart from errors. */
  readonly warnings: readonly string[];
  /** From its beginning to its end. */
  readonly seconds: number | null;
  readonly log: string | null;
}

const MOST_PROBLEMS = 20;
const LONGEST_TEXT = 500;
const MOST_SECONDS = 1_000_000;
const LOG_LINES = 100;
const STAGES = ['init-local', 'init', 'modules-config', 'modules-final'] as const;

type Record = Readonly<{ [key: string]: unknown }>;
const isRecord = (value: unknown): value is Record =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const recordAt = (value: unknown, key: string): Record => {
  const found = isRecord(value) ? value[key] : undefined;
  return isRecord(found) ? found : {};
};
const textOf = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value.slice(0, LONGEST_TEXT).toWellFormed() : null;
const textsOf = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : []).slice(0, MOST_PROBLEMS).flatMap((one) => textOf(one) ?? []);
const uniqueTexts = (texts: readonly string[]): readonly string[] => [...new Set(texts)].slice(0, MOST_PROBLEMS);

/** The part of a document of cloud-init's that every version has; null: it is none, or half of one. */
function documentIn(text: string | null): Record | null {
  if (text === null) return null;
  try {
    const parsed: unknown = JSON.parse(text);
    return isRecord(parsed) ? recordAt(parsed, 'v1') : null;
  } catch {
    return null;
  }
}

const warningsOf = (part: Record): readonly string[] =>
  Object.values(recordAt(part, 'recoverable_errors')).flatMap(textsOf);

function secondsOf(status: Record): number | null {
  const began = recordAt(status, 'init-local')['start'];
  const ended = recordAt(status, 'modules-final')['finished'];
  if (typeof began !== 'number' || typeof ended !== 'number') return null;
  const seconds = Math.round((ended - began) * 10) / 10;
  return seconds >= 0 && seconds <= MOST_SECONDS ? seconds : null;
}

function byFiles(files: CloudInitFiles): CloudInitStatus {
  const [status, result] = [documentIn(files.status), documentIn(files.result)];
  const parts = [...STAGES.map((stage) => recordAt(status, stage)), result ?? {}];
  const errors = uniqueTexts(parts.flatMap((part) => textsOf(part['errors'])));
  const began = status !== null || result !== null;
  const isOver = result !== null || recordAt(status, 'modules-final')['finished'] != null;
  const ended = errors.length > 0 ? 'error' : 'done';
  return {
    source: 'agent',
    status: !began ? 'not_run' : isOver ? ended : 'running',
    stage: isOver ? null : textOf(status?.['stage']),
    datasource: textOf(result?.['datasource']) ?? textOf(status?.['datasource']),
    errors,
    warnings: uniqueTexts(parts.flatMap(warningsOf)),
    seconds: status === null ? null : secondsOf(status),
    log: files.log?.toWellFormed() ?? null,
  };
}

const BEGINS = /Cloud-init v\. \S{1,64} running '([\w:-]{1,40})'/;
/** What stands between two words of a line; null: they are not both there. Found in one pass, however long a line the guest writes. */
function between(line: string, before: string, behind: string): string | null {
  const from = line.indexOf(before);
  const to = line.indexOf(behind, from + before.length);
  return from < 0 || to < 0 ? null : line.slice(from + before.length, to);
}
const endOf = (line: string): string | null =>
  line.includes('Cloud-init v. ') && line.includes(' finished at ') ? between(line, 'Datasource ', '.  Up ') : null;
const failureIn = (line: string): string | null => {
  const module = between(line, 'Running module ', ' failed');
  return module === null ? null : textOf(`Running module ${module} failed`);
};
const ITS_WORDS = /cloud-init\[\d+\]: |ci-info: |Cloud-init v\. /;

/** What its own words on the console come to, of the last boot that is seen there. */
function byConsole(text: string): CloudInitStatus | null {
  const lines = text.split(/\r?\n/);
  const first = lines.findLastIndex((line) => BEGINS.exec(line)?.[1] === 'init-local');
  const own = lines.slice(Math.max(first, 0)).filter((line) => ITS_WORDS.test(line));
  const stage = own.findLast((line) => BEGINS.test(line));
  const end = own.findLast((line) => endOf(line) !== null);
  if (stage === undefined && end === undefined) return null;
  const errors = uniqueTexts(own.flatMap((line) => failureIn(line) ?? []));
  const ended = errors.length > 0 ? 'error' : 'done';
  return {
    source: 'console',
    status: end === undefined ? 'running' : ended,
    stage: end === undefined ? (BEGINS.exec(stage ?? '')?.[1] ?? null) : null,
    datasource: end === undefined ? null : textOf(endOf(end)),
    ...{ errors, warnings: [], seconds: null },
    log: own.slice(-LOG_LINES).join('\n').toWellFormed(),
  };
}

const unknown: CloudInitStatus = {
  ...{ source: null, status: 'unknown', stage: null, datasource: null },
  ...{ errors: [], warnings: [], seconds: null, log: null },
};

/** @param files what the guest's agent gave; null: none answers, and what is on the console counts */
export const cloudInitStatus = (files: CloudInitFiles | null, console: string): CloudInitStatus =>
  files === null ? (byConsole(console) ?? unknown) : byFiles(files);
