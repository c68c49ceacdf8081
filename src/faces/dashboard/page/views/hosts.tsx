// Why: whoever runs the hosts sees how full each is and how full it could become, and empties or evens them out after seeing the plan.

import { useState } from 'preact/hooks';
import { memory, percent, whole } from '../lib/format.ts';
import { type Host, readHosts } from '../lib/hosts.ts';
import { useLoaded } from '../lib/load.ts';
import { balance, type BalancePlan, drain, drainPlan, moving, planBalance, setEnabled } from '../lib/moves.ts';
import { attempt, refused } from '../lib/notices.ts';
import { hrefOf } from '../lib/route.ts';
import { t, tryKey } from '../lib/words.ts';
import { Dialog, Field, Form } from '../parts/dialog.tsx';
import { Icon } from '../parts/icons.tsx';
import { Pill, toneOf } from '../parts/status.tsx';
import { Tank } from '../parts/tank.tsx';

function Tanks({ host: { metrics, floor } }: { host: Host }) {
  if (metrics === null) return <p class="none">{t('hosts.silent')}</p>;
  const { vcpus, memory_mb: ram, overcommit } = metrics.claims;
  const words = (name: string, floorText: string, now: string, most: string, share: number | null): string =>
    t('hosts.words', { name, floor: floorText, now, most, share: share === null ? '–' : percent(share) });
  const cpuMost = vcpus.ceiling ?? vcpus.claimed;
  const ramMost = ram.ceiling ?? ram.claimed;
  return (
    <div class="tanks">
      <Tank
        label={t('size.vcpu')}
        {...{ floor: floor.vcpus, claimed: vcpus.claimed, ceiling: cpuMost }}
        {...{ has: vcpus.has, allowed: vcpus.has * vcpus.ratio, write: whole }}
        words={words(t('size.vcpu'), whole(floor.vcpus), whole(vcpus.claimed), whole(cpuMost), overcommit.vcpus)}
      />
      <Tank
        label={t('size.ram')}
        {...{ floor: floor.memoryMb, claimed: ram.claimed, ceiling: ramMost }}
        {...{ has: ram.has, allowed: ram.has * ram.ratio, write: memory }}
        words={words(t('size.ram'), memory(floor.memoryMb), memory(ram.claimed), memory(ramMost), overcommit.memory_mb)}
      />
      <dl class="host-facts">
        <div>
          <dt>{t('hosts.overcommit')}</dt>
          <dd>{t('hosts.times', { count: (overcommit.vcpus ?? 0).toFixed(2) })}</dd>
        </div>
        <div>
          <dt>{t('hosts.load')}</dt>
          <dd>{metrics.usage === null ? '–' : metrics.usage.load.toFixed(2)}</dd>
        </div>
        <div>
          <dt>{t('hosts.disk')}</dt>
          <dd>{overcommit.disk_gb === null ? '–' : percent(overcommit.disk_gb)}</dd>
        </div>
        <div>
          <dt>{t('nav.servers')}</dt>
          <dd>{whole(metrics.claims.running_servers)}</dd>
        </div>
      </dl>
    </div>
  );
}

/** A square for each server, as large as what it holds of the host. */
const Squares = ({ servers }: { servers: Host['servers'] }) => (
  <div class="squares">
    {servers.slice(0, 120).map((server) => (
      <a
        key={server.id}
        class={`square-server ${toneOf(server)}`}
        href={hrefOf('servers', server.id)}
        aria-label={server.name}
        title={`${server.name} · ${server.flavor.original_name}`}
      />
    ))}
  </div>
);

function Drain({ host, onClose }: { host: Host; onClose: () => void }) {
  const [reason, setReason] = useState(t('hosts.reason'));
  const plan = drainPlan(host.servers);
  return (
    <Dialog title={t('hosts.drain.title', { name: host.name })} onClose={onClose}>
      <Form
        action={t('hosts.drain.action')}
        danger
        onCancel={onClose}
        onSubmit={async () => {
          void drain(t('hosts.draining', { name: host.name }), host.name, host.hypervisor.service.id, reason).catch(
            refused,
          );
          onClose();
        }}
      >
        <p>{t('hosts.drain.text')}</p>
        <Field label={t('hosts.reason.label')}>
          <input required maxLength={255} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
        </Field>
        <ul class="plan-list">
          {plan.map(({ server, way, stays }) => (
            <li key={server.id} class={stays ? 'bad' : ''}>
              <b>{server.name}</b> <span>{tryKey(`drain.${way}`) ?? way}</span>
            </li>
          ))}
          {plan.length === 0 && <li class="muted">{t('hosts.drain.none')}</li>}
        </ul>
      </Form>
    </Dialog>
  );
}

function Balance({ onClose }: { onClose: () => void }) {
  const [plan, setPlan] = useState<BalancePlan | null>(null);
  const [moves, setMoves] = useState(5);
  const ask = async (): Promise<void> => setPlan(await planBalance(moves));
  return (
    <Dialog title={t('hosts.balance')} onClose={onClose}>
      <Form
        action={plan === null ? t('hosts.balance.plan') : t('hosts.balance.action')}
        disabled={plan !== null && plan.moves.length === 0}
        onCancel={onClose}
        onSubmit={async () => {
          if (plan === null) return ask();
          void balance(t('hosts.balance'), plan).catch(refused);
          onClose();
        }}
      >
        <p>{t('hosts.balance.text')}</p>
        <Field label={t('hosts.balance.most')}>
          <input
            type="number"
            min={1}
            max={100}
            value={moves}
            onInput={(event) => {
              setMoves(Number(event.currentTarget.value));
              setPlan(null);
            }}
          />
        </Field>
        {plan !== null && (
          <ul class="plan-list">
            {plan.moves.map((move) => (
              <li key={move.server_id}>
                <b>{move.server_name}</b>{' '}
                <span>
                  {move.from_host} → {move.to_host}
                </span>
              </li>
            ))}
            {plan.moves.length === 0 && <li class="muted">{t('hosts.balance.none')}</li>}
          </ul>
        )}
      </Form>
    </Dialog>
  );
}

function MovingCard() {
  const now = moving.value;
  if (now === null) return null;
  const words = t('job.progress', { done: whole(now.done), all: whole(now.all) });
  return (
    <section class="job" aria-label={now.title}>
      <div class="job-head">
        <b>{now.title}</b>
        <span role="status">
          {words} {now.now !== null && <span class="muted">{now.now}</span>}
        </span>
        <span class="spring" />
        <button
          type="button"
          class="quiet"
          onClick={() => {
            moving.value = null;
          }}
        >
          {now.isOver ? t('dismiss') : t('hosts.stop')}
        </button>
      </div>
      <progress value={now.done} max={Math.max(1, now.all)} aria-label={words} />
      {!now.isOver && <small class="muted">{t('hosts.keep-open')}</small>}
      {now.left.length > 0 && (
        <ul class="job-refused">
          {now.left.map(({ name, why }) => (
            <li key={name}>
              <b>{name}</b> {why}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function HostCard({ host, onChanged }: { host: Host; onChanged: () => void }) {
  const [draining, setDraining] = useState(false);
  const { hypervisor, name } = host;
  const isEnabled = hypervisor.status === 'enabled';
  const enable = (): Promise<unknown> =>
    attempt(t('hosts.enabled', { name }), () => setEnabled(hypervisor.service.id, true)).then(onChanged);
  return (
    <section class="card host" aria-label={name}>
      <header class="card-head">
        <h2>{name}</h2>
        <span class="host-state">
          <Pill
            tone={hypervisor.state === 'up' ? 'ok' : 'bad'}
            text={t(hypervisor.state === 'up' ? 'hosts.up' : 'hosts.down')}
          />
          {!isEnabled && <Pill tone="warn" text={t('hosts.disabled')} />}
        </span>
      </header>
      <p class="muted host-kind">
        {hypervisor.hypervisor_type} · {hypervisor.host_ip}
        {!isEnabled && hypervisor.service.disabled_reason && ` · ${hypervisor.service.disabled_reason}`}
      </p>
      <Tanks host={host} />
      <Squares servers={host.servers} />
      <footer class="host-foot">
        <button type="button" onClick={() => setDraining(true)}>
          {t('hosts.drain')}
        </button>
        {!isEnabled && (
          <button type="button" onClick={() => void enable()}>
            {t('hosts.enable')}
          </button>
        )}
      </footer>
      {draining && (
        <Drain
          host={host}
          onClose={() => {
            setDraining(false);
            onChanged();
          }}
        />
      )}
    </section>
  );
}

export function Hosts() {
  const { value, error, again } = useLoaded(readHosts, [moving.value?.done], 10_000);
  const [balancing, setBalancing] = useState(false);
  return (
    <>
      <header class="head">
        <h1>{t('nav.hosts')}</h1>
        <span class="spring" />
        <span class="tank-key">
          <i class="tank-floor" /> {t('hosts.floor')} <i class="tank-claimed" /> {t('hosts.claimed')}{' '}
          <i class="tank-ceiling" /> {t('hosts.ceiling')}
        </span>
        <button type="button" onClick={() => setBalancing(true)}>
          {t('hosts.balance')}
        </button>
      </header>
      <MovingCard />
      {error !== null && (
        <p class="plan bad">
          <Icon name="warning" /> {error}
        </p>
      )}
      {value === null && error === null && <div class="skeleton" role="status" aria-label={t('loading')} />}
      <div class="hosts">
        {(value ?? []).map((host) => (
          <HostCard key={host.hypervisor.id} host={host} onChanged={again} />
        ))}
      </div>
      {balancing && <Balance onClose={() => setBalancing(false)} />}
    </>
  );
}
