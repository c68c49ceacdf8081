// Why: `docs/actions.md` is derived: what may be asked of a server in which state, and what becomes of it.

import type { Transition, Transitions } from '../domain/servers/transition.ts';
import { actions, instantActions, unrecorded } from '../ops/actions.ts';
import { eventName } from '../ops/engine/saga.ts';

const HEAD = `# Actions of a server

From which states each may be asked, and where it leads (\`make docs\` reads it off the program). A server in another state is answered
409 in Nova's words; one that is locked too, but for administrators, unless *lock* says that it does not matter. *verb* is what the
driver of the server's host must be able to do: where it can't, the answer is 501, or 400 where the server would move.
A task of *none* means that nothing may be under way.
`;

const code = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(', ');

const tasksOf = ({ tasks }: Transition): string => {
  if (tasks === null) return 'any';
  const named = tasks.filter((task) => task !== null);
  if (named.length > HALF) return 'any but those that take it away';
  return [...(tasks.includes(null) ? ['none'] : []), ...(named.length === 0 ? [] : [code(named)])].join(', ');
};

/** As many as no row names one by one. */
const HALF = 12;

const COLUMNS = ['what', 'asked in', 'while', 'task', 'leads to', 'lock', 'verb'] as const;

const row = (name: string, transition: Transition): string[] => [
  `\`${name}\`: ${transition.summary}`,
  transition.from === null ? 'any' : code(transition.from) || 'new',
  tasksOf(transition),
  transition.task === null ? '' : `\`${transition.task}\``,
  transition.to === null ? '' : `\`${transition.to}\``,
  transition.lockable ? 'heeded' : '',
  transition.verb === null ? '' : `\`${transition.verb}\``,
];

const table = (columns: readonly string[], rows: readonly (readonly string[])[]): string =>
  [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const rowsOf = (name: string, transitions: Transitions): string[][] =>
  Object.entries(transitions).map(([key, transition]) => row(key === 'plain' ? name : key, transition));

const record = (name: string, events: readonly string[], notification: string | null): string[] => [
  `\`${name}\``,
  events.length === 0 ? 'none' : code(events),
  notification === null ? 'nobody is told' : `\`instance.${notification}\``,
];

const recorded = (): string[][] => [
  ...[...actions.values()].map(({ name, notification, steps }) =>
    record(
      name,
      steps.map((step) => eventName({ name }, step)),
      notification,
    ),
  ),
  ...instantActions.map(({ name, event, notification }) => record(name, event === null ? [] : [event], notification)),
];

/** The page as Markdown. */
export function actionsPage(): string {
  const carried = [...actions.values()].flatMap(({ name, transitions }) => rowsOf(name, transitions));
  const instant = instantActions.flatMap(({ name, transitions }) => rowsOf(name, transitions));
  return [
    HEAD,
    '## Carried out by a worker\n',
    `${table(COLUMNS, carried)}\n`,
    '## Done as soon as it is asked for, and recorded\n',
    `${table(COLUMNS, instant)}\n`,
    '## Checked alike, and not recorded\n',
    `${table(COLUMNS, rowsOf('', unrecorded))}\n`,
    '## What is recorded and told\n',
    'The record of each in `os-instance-actions`, its events there, and its notification.\n',
    `${table(['action', 'events', 'notification'], recorded())}\n`,
  ].join('\n');
}
