// Why: a screen and a serial line in the page are the service's own pages of them, in a frame: what they need stays with them.

import { useEffect, useState } from 'preact/hooks';
import { messageOf, post } from '../lib/api.ts';
import type { Server } from '../lib/types.ts';
import { t } from '../lib/words.ts';

type Kind = 'screen' | 'serial' | 'log';

const asked: Readonly<Record<'screen' | 'serial', { readonly protocol: string; readonly type: string }>> = {
  screen: { protocol: 'vnc', type: 'novnc' },
  serial: { protocol: 'serial', type: 'serial' },
};

/** The address of a page: a serial line's is its socket, and the page stands there too. */
export const pageOf = (url: string): string => url.replace(/^ws/, 'http');

/** Only a page of a web server may be shown, whatever an answer says. */
const isPage = (url: string): boolean => /^https?:\/\//.test(url);

function Frame({ id, kind }: { id: string; kind: 'screen' | 'serial' }) {
  const [url, setUrl] = useState<string | null>(null);
  const [problem, setProblem] = useState('');
  const [again, setAgain] = useState(0);
  useEffect(() => {
    setUrl(null);
    setProblem('');
    post<{ remote_console: { url: string } }>('compute', `/servers/${id}/remote-consoles`, {
      remote_console: asked[kind],
    }).then(
      ({ remote_console }) => setUrl(pageOf(remote_console.url)),
      (error: unknown) => setProblem(messageOf(error)),
    );
  }, [id, kind, again]);
  if (problem !== '') return <p class="plan bad">{problem}</p>;
  if (url === null || !isPage(url)) return <div class="console-frame skeleton" />;
  const isOurs = new URL(url).origin === location.origin;
  return (
    <>
      {isOurs ? (
        <iframe key={url} class="console-frame" src={url} title={t(`console.${kind}.title`)} />
      ) : (
        <p class="plan warn">{t('console.elsewhere')}</p>
      )}
      <p class="console-foot">
        <button type="button" class="quiet" onClick={() => setAgain(again + 1)}>
          {t('console.again')}
        </button>
        <a href={url} target="_blank" rel="noopener noreferrer">
          {t('console.alone')}
        </a>
      </p>
    </>
  );
}

function Log({ id }: { id: string }) {
  const [text, setText] = useState<string | null>(null);
  const [problem, setProblem] = useState('');
  const read = (): void => {
    post<{ output: string }>('compute', `/servers/${id}/action`, { 'os-getConsoleOutput': { length: 400 } }).then(
      ({ output }) => setText(output),
      (error: unknown) => setProblem(messageOf(error)),
    );
  };
  useEffect(() => {
    read();
    const timer = setInterval(read, 5_000);
    return () => clearInterval(timer);
  }, [id]);
  if (problem !== '') return <p class="plan bad">{problem}</p>;
  return (
    <pre class="console-log" tabIndex={0} aria-label={t('console.log.title')}>
      {text ?? t('loading')}
    </pre>
  );
}

export function Console({ server }: { server: Server }) {
  const [kind, setKind] = useState<Kind>('screen');
  return (
    <section class="card" aria-label={t('tab.console')}>
      <div class="chips" role="group" aria-label={t('console.kind')}>
        {(['screen', 'serial', 'log'] as const).map((name) => (
          <button key={name} type="button" class="chip" aria-pressed={kind === name} onClick={() => setKind(name)}>
            {t(`console.${name}`)}
          </button>
        ))}
      </div>
      {kind === 'log' ? <Log id={server.id} /> : <Frame id={server.id} kind={kind} />}
    </section>
  );
}
