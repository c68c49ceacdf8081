// Why: servers that adjust themselves are told how once, and one reads what was decided and why.

import { useState } from 'preact/hooks';
import { get, post, put, remove } from '../lib/api.ts';
import { ago, memory, moment, whole } from '../lib/format.ts';
import { useLoaded } from '../lib/load.ts';
import { attempt } from '../lib/notices.ts';
import { type AdjustPolicy, type Decision, policyBody, type PolicyDraft } from '../lib/policies.ts';
import { hrefOf } from '../lib/route.ts';
import { isElastic, ofAll, ordered, servers } from '../lib/servers.ts';
import { isOperator, projectId } from '../lib/session.ts';
import type { Server } from '../lib/types.ts';
import { t } from '../lib/words.ts';
import { Confirm, Dialog, Field, Form } from '../parts/dialog.tsx';
import { Icon } from '../parts/icons.tsx';
import { Pill } from '../parts/status.tsx';

const PATH = '/os-xloud-adjust-policies';
const TONES = { done: 'ok', dry_run: 'off', refused: 'bad' } as const;

const sizeText = ({ vcpus, memory_mb }: Decision['from']): string => `${whole(vcpus)} vCPU, ${memory(memory_mb)}`;

function Decisions({ policy }: { policy: AdjustPolicy }) {
  const { value, error } = useLoaded(
    () => get<{ decisions: readonly Decision[] }>('compute', `${PATH}/${policy.id}/decisions?limit=30`),
    [policy.id],
    15_000,
  );
  if (error !== null) return <p class="plan bad">{error}</p>;
  const decisions = value?.decisions ?? [];
  return (
    <ol class="decisions">
      {decisions.map((one) => (
        <li key={`${one.decided_at}${one.server_id}`}>
          <time class="muted" dateTime={one.decided_at} title={moment(one.decided_at)}>
            {ago(one.decided_at)}
          </time>
          <Pill tone={TONES[one.outcome]} text={t(`decision.${one.outcome}`)} />
          <span>
            {sizeText(one.from)} → {sizeText(one.to)}
          </span>
          <span class="muted">{one.reason}</span>
        </li>
      ))}
      {value !== null && decisions.length === 0 && <li class="muted">{t('policies.no-decisions')}</li>}
    </ol>
  );
}

const subjectOf = (policy: AdjustPolicy): string => {
  const id = policy.server_id;
  if (id !== undefined) return servers.value.get(id)?.name ?? id;
  return policy.server_group_id ?? policy.flavor_id ?? '–';
};

function PolicyCard({ policy, onChanged }: { policy: AdjustPolicy; onChanged: () => void }) {
  const [open, setOpen] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const { pressure, schedules } = policy;
  const change = (part: object): void => {
    void attempt(null, () => put('compute', `${PATH}/${policy.id}`, { policy: part })).then(onChanged);
  };
  return (
    <section class="card policy" aria-label={policy.name}>
      <header class="card-head">
        <h2>{policy.name}</h2>
        <span class="policy-switches">
          <label class="switch">
            <input
              type="checkbox"
              checked={policy.enabled}
              onChange={(event) => change({ enabled: event.currentTarget.checked })}
            />
            <span>{t('policies.enabled')}</span>
          </label>
          <label class="switch">
            <input
              type="checkbox"
              checked={policy.dry_run}
              onChange={(event) => change({ dry_run: event.currentTarget.checked })}
            />
            <span>{t('policies.dry')}</span>
          </label>
          <button type="button" class="quiet square" aria-label={t('act.delete')} onClick={() => setDeleting(true)}>
            <Icon name="trash" />
          </button>
        </span>
      </header>
      <p>
        {policy.server_id === undefined ? (
          subjectOf(policy)
        ) : (
          <a href={hrefOf('servers', policy.server_id)}>{subjectOf(policy)}</a>
        )}
        <span class="muted">
          {pressure?.vcpus && ` · ${whole(pressure.vcpus.min)} – ${whole(pressure.vcpus.max)} vCPU`}
          {pressure?.memory_mb && ` · ${memory(pressure.memory_mb.min)} – ${memory(pressure.memory_mb.max)}`}
        </span>
      </p>
      {schedules.map(({ cron, timezone, vcpus, memory_mb }) => (
        <p key={cron} class="muted">
          <span class="mono">{cron}</span> {timezone}: {vcpus !== undefined && `${whole(vcpus)} vCPU `}
          {memory_mb !== undefined && memory(memory_mb)}
        </p>
      ))}
      <button type="button" class="quiet" aria-expanded={open} onClick={() => setOpen(!open)}>
        {t('policies.decisions')}
      </button>
      {open && <Decisions policy={policy} />}
      {deleting && (
        <Confirm
          title={t('act.confirm', { action: t('act.delete'), name: policy.name })}
          text={t('policies.delete')}
          action={t('act.delete')}
          onClose={() => setDeleting(false)}
          onConfirm={async () => {
            await remove('compute', `${PATH}/${policy.id}`);
            onChanged();
          }}
        />
      )}
    </section>
  );
}

const draftFor = (server: Server | undefined): PolicyDraft => {
  const specs = server?.flavor.extra_specs ?? {};
  const vcpus = { min: Number(specs['minimum_cpu'] ?? 1), max: server?.flavor.vcpus ?? 1 };
  return {
    ...{ name: '', serverId: server?.id ?? '', dryRun: false, cron: '', scheduledVcpus: vcpus.max, vcpus },
    memoryMb: { min: Number(specs['minimum_memory'] ?? 512), max: server?.flavor.ram ?? 512 },
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC',
  };
};

interface NumberFieldProps {
  readonly label: string;
  readonly value: number;
  readonly onValue: (value: number) => void;
}

const NumberField = ({ label, value, onValue }: NumberFieldProps) => (
  <Field label={label}>
    <input type="number" min={1} value={value} onInput={(event) => onValue(Number(event.currentTarget.value))} />
  </Field>
);

function NewPolicy({ onClose }: { onClose: () => void }) {
  // a policy is made in the project of what it is for
  const elastic = ordered.value.filter((server) => isElastic(server) && server.tenant_id === projectId.value);
  const [draft, setDraft] = useState(() => draftFor(elastic[0]));
  const set = (part: Partial<PolicyDraft>): void => setDraft({ ...draft, ...part });
  const { vcpus, memoryMb } = draft;
  if (elastic.length === 0) {
    return (
      <Dialog title={t('policies.new')} onClose={onClose}>
        <p>{t('policies.no-servers')}</p>
      </Dialog>
    );
  }
  return (
    <Dialog title={t('policies.new')} onClose={onClose}>
      <Form
        action={t('policies.make')}
        disabled={draft.name.trim() === ''}
        onCancel={onClose}
        onSubmit={async () => {
          await post('compute', PATH, policyBody({ ...draft, name: draft.name.trim() }));
          onClose();
        }}
      >
        <Field label={t('name')}>
          <input required value={draft.name} onInput={(event) => set({ name: event.currentTarget.value })} />
        </Field>
        <Field label={t('policies.server')}>
          <select
            value={draft.serverId}
            onChange={(event) => {
              const server = elastic.find(({ id }) => id === event.currentTarget.value);
              setDraft({ ...draftFor(server), name: draft.name });
            }}
          >
            {elastic.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </Field>
        <div class="form-grid halves">
          <NumberField
            label={t('policies.cpu-min')}
            value={vcpus.min}
            onValue={(min) => set({ vcpus: { ...vcpus, min } })}
          />
          <NumberField
            label={t('policies.cpu-max')}
            value={vcpus.max}
            onValue={(max) => set({ vcpus: { ...vcpus, max } })}
          />
          <NumberField
            label={t('policies.ram-min')}
            value={memoryMb.min}
            onValue={(min) => set({ memoryMb: { ...memoryMb, min } })}
          />
          <NumberField
            label={t('policies.ram-max')}
            value={memoryMb.max}
            onValue={(max) => set({ memoryMb: { ...memoryMb, max } })}
          />
        </div>
        <Field label={t('policies.cron')} hint={t('policies.cron.hint', { zone: draft.timezone })}>
          <input
            class="mono"
            placeholder="0 7 * * 1-5"
            value={draft.cron}
            onInput={(event) => set({ cron: event.currentTarget.value.trim() })}
          />
        </Field>
        {draft.cron !== '' && (
          <NumberField
            label={t('policies.cron.vcpus')}
            value={draft.scheduledVcpus}
            onValue={(scheduledVcpus) => set({ scheduledVcpus })}
          />
        )}
        <label class="switch">
          <input
            type="checkbox"
            checked={draft.dryRun}
            onChange={(event) => set({ dryRun: event.currentTarget.checked })}
          />
          <span>{t('policies.dry')}</span>
        </label>
      </Form>
    </Dialog>
  );
}

export function Policies() {
  const all = ofAll.value && isOperator.value === true;
  const { value, error, again } = useLoaded(
    () => get<{ policies: readonly AdjustPolicy[] }>('compute', `${PATH}?limit=200${all ? '&all_projects=1' : ''}`),
    [all],
    30_000,
  );
  const [making, setMaking] = useState(false);
  return (
    <>
      <header class="head">
        <h1>{t('nav.policies')}</h1>
        <span class="spring" />
        <button type="button" class="primary" onClick={() => setMaking(true)}>
          <Icon name="plus" /> {t('policies.new')}
        </button>
      </header>
      {error !== null && <p class="plan bad">{error}</p>}
      <div class="two">
        {(value?.policies ?? []).map((policy) => (
          <PolicyCard key={policy.id} policy={policy} onChanged={again} />
        ))}
      </div>
      {value?.policies.length === 0 && (
        <div class="empty">
          <Icon name="policies" />
          <h2>{t('policies.none')}</h2>
          <p class="muted">{t('policies.lead')}</p>
        </div>
      )}
      {making && (
        <NewPolicy
          onClose={() => {
            setMaking(false);
            again();
          }}
        />
      )}
    </>
  );
}
