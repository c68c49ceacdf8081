// Why: who looks at servers sees what others do to them without reloading: the service tells which changed, over a stream that carries
// the token in a header as any request does. Where the stream is away, it is asked again and again instead.

import { signal } from '@preact/signals';
import { currentToken, urlOf } from './api.ts';
import { expired } from './session.ts';

export interface News {
  readonly ids: readonly string[];
  /** More changed than are named. */
  readonly more: boolean;
}

export type LiveState = 'live' | 'asking' | 'off';

export const liveState = signal<LiveState>('off');

type Hear = (news: News) => void;

const hearers = new Set<Hear>();

/** Calls whoever wants to hear of changes; gives what ends that. */
export function onNews(hear: Hear): () => void {
  hearers.add(hear);
  return () => hearers.delete(hear);
}

const EVERYTHING: News = { ids: [], more: true };
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** Without a word for this long a stream is dead: it says something every fifteen seconds. */
const SILENCE_MS = 40_000;

interface Told {
  readonly event: string;
  readonly data: string;
}

/** Messages in what has come of a stream, and the rest that is not whole yet. */
export function messagesIn(text: string): { readonly told: readonly Told[]; readonly rest: string } {
  const parts = text.split('\n\n');
  const rest = parts.pop() ?? '';
  const told = parts.flatMap((part) => {
    const lines = part.split('\n');
    const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    const event = field('event');
    return event === undefined ? [] : [{ event, data: field('data') ?? '{}' }];
  });
  return { told, rest };
}

const tell = (news: News): void => {
  for (const hear of hearers) hear(news);
};

/** Reads one stream to its end. True: the token is no longer good. */
async function follow(token: string, stop: AbortSignal): Promise<boolean> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  const response = await fetch(urlOf('root', 'dashboard/events'), {
    headers: { 'X-Auth-Token': token, Accept: 'text/event-stream' },
    cache: 'no-store',
    credentials: 'omit',
    signal: AbortSignal.any([stop, silence.signal]),
  });
  if (response.status === 401) return true;
  if (!response.ok || response.body === null) throw new Error(`${response.status}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return false;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      const { told, rest } = messagesIn(text + value);
      text = rest;
      for (const { event, data } of told) {
        if (event === 'hello') {
          liveState.value = 'live';
          // what happened before there was a stream
          tell(EVERYTHING);
        } else if (event === 'servers') tell(JSON.parse(data) as News);
        else if (event === 'expired') return true;
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

const pause = (ms: number, stop: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    stop.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });

/** Listens until it is told to stop. */
export function listen(): () => void {
  const stop = new AbortController();
  const run = async (): Promise<void> => {
    let waitMs = FIRST_WAIT_MS;
    while (!stop.signal.aborted) {
      const token = currentToken();
      const beganMs = Date.now();
      if (token !== null && !expired.value) {
        const isOver = await follow(token, stop.signal).catch(() => false);
        if (isOver && currentToken() === token) expired.value = true;
      }
      if (stop.signal.aborted) break;
      liveState.value = 'asking';
      waitMs = Date.now() - beganMs > LONGEST_WAIT_MS ? FIRST_WAIT_MS : Math.min(waitMs * 2, LONGEST_WAIT_MS);
      await pause(waitMs, stop.signal);
      if (!expired.value) tell(EVERYTHING);
    }
    liveState.value = 'off';
  };
  void run();
  // whatever the stream missed
  const seldom = setInterval(() => {
    if (!expired.value && document.visibilityState === 'visible') tell(EVERYTHING);
  }, 60_000);
  return () => {
    clearInterval(seldom);
    stop.abort();
  };
}
