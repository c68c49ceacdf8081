// Why: a link that is opened in a new tab shall not ask to sign in again: tabs of this page hand each other the session, which is never
// written to a disk for that. Only pages of this origin hear it.

const CHANNEL = 'xloud.session';
const ANSWER_MS = 200;

type Message =
  | { readonly kind: 'ask' }
  | { readonly kind: 'have'; readonly session: unknown }
  | { readonly kind: 'left' };

const channel = new BroadcastChannel(CHANNEL);

/** Gives the session to tabs that ask, and hears that one was signed out. @param current null: there is none to give */
export function share(current: () => unknown, left: () => void): void {
  channel.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    if (data.kind === 'left') left();
    const session = current();
    if (data.kind === 'ask' && session !== null) tell({ kind: 'have', session });
  });
}

const tell = (message: Message): void => channel.postMessage(message);

/** What another tab has; null: there is none, or it has none. */
export function askOthers(): Promise<unknown> {
  return new Promise((resolve) => {
    const hear = ({ data }: MessageEvent<Message>): void => {
      if (data.kind === 'have') end(data.session);
    };
    const timer = setTimeout(() => end(null), ANSWER_MS);
    const end = (found: unknown): void => {
      clearTimeout(timer);
      channel.removeEventListener('message', hear);
      resolve(found);
    };
    channel.addEventListener('message', hear);
    tell({ kind: 'ask' });
  });
}

/** Tells the others that one was signed out. */
export const tellLeft = (): void => tell({ kind: 'left' });
