// Why: one server on one line: state, size between floor and ceiling, how busy it is, where it is reached, what it costs.

import { signal } from '@preact/signals';
import { addressesOf } from '../lib/addresses.ts';
import { looks } from '../lib/looks.ts';
import { memory, money, percent } from '../lib/format.ts';
import { hrefOf } from '../lib/route.ts';
import { isElastic, sizeOf, sizes } from '../lib/servers.ts';
import { isFree } from '../lib/sizes.ts';
import { isOperator } from '../lib/session.ts';
import type { Server, Usage } from '../lib/types.ts';
import { t } from '../lib/words.ts';
import { SizeBar } from '../parts/bars.tsx';
import { Icon } from '../parts/icons.tsx';
import { Spark } from '../parts/plots.tsx';
import { Status } from '../parts/status.tsx';
import { ActionMenu } from './action-menu.tsx';

const narrow = matchMedia('(max-width: 720px)');

/** How high a row is, in pixels: on a phone it has three lines. */
export const ROW_PX = signal(narrow.matches ? 116 : 60);

narrow.addEventListener('change', ({ matches }) => {
  ROW_PX.value = matches ? 116 : 60;
});

export const rowColumns = (operator: boolean): readonly string[] => [
  'name',
  'state',
  'size',
  'load',
  'address',
  ...(operator ? ['host'] : []),
  'cost',
];

/** The share of its vCPUs that a server used. */
export const loadOf = ({ cpu, vcpus }: Usage): number => (vcpus > 0 ? cpu / vcpus : 0);

interface RowProps {
  readonly server: Server;
  readonly index: number;
  readonly chosen: boolean;
  readonly onChoose: (id: string, chosen: boolean) => void;
}

function Load({ id }: { id: string }) {
  const samples = looks.value.get(id)?.samples ?? [];
  const last = samples.at(-1);
  const words = last === undefined ? t('load.unknown') : t('load.words', { load: percent(loadOf(last)) });
  return <Spark points={samples.slice(-96).map(loadOf)} most={1} label={words} />;
}

function Cost({ id }: { id: string }) {
  const cost = looks.value.get(id)?.cost;
  if (cost == null || isFree(cost)) return <span class="muted">–</span>;
  return (
    <span title={t('cost.hourly', { cost: money(cost.cost_per_hour, cost.currency) })}>
      {money(cost.cost, cost.currency)}
    </span>
  );
}

/** A size that moves is two bars between floor and ceiling; one that does not is words. */
function SizeCell({ server }: { server: Server }) {
  const { floor, ceiling, vcpus, memoryMb } = sizeOf(server, sizes.value);
  if (!isElastic(server)) {
    return (
      <span>
        {t('size.n-vcpus', { count: ceiling.vcpus })} <span class="muted">{memory(ceiling.memoryMb)}</span>
      </span>
    );
  }
  return (
    <>
      <SizeBar
        {...{ floor: floor.vcpus, current: vcpus, ceiling: ceiling.vcpus }}
        text={t('size.vcpus', { now: vcpus, most: ceiling.vcpus })}
      />
      <SizeBar
        {...{ floor: floor.memoryMb, current: memoryMb, ceiling: ceiling.memoryMb }}
        text={t('size.memory', { now: memory(memoryMb), most: memory(ceiling.memoryMb) })}
      />
    </>
  );
}

export function ServerRow({ server, index, chosen, onChoose }: RowProps) {
  const addresses = addressesOf(server);
  return (
    <div class={chosen ? 'row chosen' : 'row'} role="row" aria-rowindex={index + 2}>
      <span role="cell" class="cell-check">
        <input
          type="checkbox"
          aria-label={t('servers.choose', { name: server.name })}
          checked={chosen}
          onChange={(event) => onChoose(server.id, event.currentTarget.checked)}
        />
      </span>
      <span role="cell" class="cell-name">
        <a href={hrefOf('servers', server.id)}>{server.name || server.id}</a>
        <small class="muted">
          {server.locked && <Icon name="lock" />} {server.flavor.original_name}
        </small>
      </span>
      <span role="cell" class="cell-state">
        <Status server={server} />
      </span>
      <span role="cell" class="cell-size">
        <SizeCell server={server} />
      </span>
      <span role="cell" class="cell-load">
        <Load id={server.id} />
      </span>
      <span role="cell" class="cell-address mono">
        {addresses[0] ?? '–'}
        {addresses.length > 1 && <small class="muted"> +{addresses.length - 1}</small>}
      </span>
      {isOperator.value === true && (
        <span role="cell" class="cell-host">
          {server['OS-EXT-SRV-ATTR:host'] ?? '–'}
        </span>
      )}
      <span role="cell" class="cell-cost">
        <Cost id={server.id} />
      </span>
      <span role="cell" class="cell-actions">
        <ActionMenu server={server} />
      </span>
    </div>
  );
}
