// Why: what may be done with a server is offered at its row and on its page alike, and what destroys is asked about first.

import { useState } from 'preact/hooks';
import { makesSense, type ServerAction, serverActions } from '../lib/actions.ts';
import { attempt } from '../lib/notices.ts';
import { refresh } from '../lib/servers.ts';
import type { Server } from '../lib/types.ts';
import { t } from '../lib/words.ts';
import { Confirm } from '../parts/dialog.tsx';
import { Menu } from '../parts/menu.tsx';

interface ActionMenuProps {
  readonly server: Server;
  readonly text?: string;
  /** Names of those that are offered elsewhere. */
  readonly without?: readonly string[];
  readonly onDeleted?: () => void;
}

export async function runAction(action: ServerAction, server: Server): Promise<boolean> {
  const done = t('act.asked', { action: t(action.words), name: server.name });
  const isDone = await attempt(done, () => action.run(server));
  void refresh();
  return isDone;
}

export function ActionMenu({ server, text, without = [], onDeleted }: ActionMenuProps) {
  const [asked, setAsked] = useState<ServerAction | null>(null);
  const offered = serverActions.filter((action) => !without.includes(action.name) && makesSense(action, server));
  return (
    <>
      <Menu
        label={t('act.menu', { name: server.name })}
        {...(text === undefined ? {} : { text })}
        items={offered.map((action) => ({
          label: t(action.words),
          ...(action.icon === undefined ? {} : { icon: action.icon }),
          danger: action.name === 'delete',
          run: () => (action.warning === undefined ? void runAction(action, server) : setAsked(action)),
        }))}
      />
      {asked?.warning && (
        <Confirm
          title={t('act.confirm', { action: t(asked.words), name: server.name })}
          text={t(asked.warning)}
          action={t(asked.words)}
          onClose={() => setAsked(null)}
          onConfirm={async () => {
            await asked.run(server);
            void refresh();
            if (asked.name === 'delete') onDeleted?.();
          }}
        />
      )}
    </>
  );
}
