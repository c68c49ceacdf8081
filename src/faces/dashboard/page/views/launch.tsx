// Why: a new server in one form: what it boots, how large it is and what that costs, what it begins with.

import { useState } from 'preact/hooks';
import { get, post } from '../lib/api.ts';
import { disk, memory, money, whole } from '../lib/format.ts';
import { type Choice, choicesOf, defaultText, launchBody, misfit, variablesOf } from '../lib/launch.ts';
import { useLoaded } from '../lib/load.ts';
import { say } from '../lib/notices.ts';
import { go } from '../lib/route.ts';
import { refresh } from '../lib/servers.ts';
import type { Flavor, Image, Network, PricedPlan, Template, TemplateVariable } from '../lib/types.ts';
import { t } from '../lib/words.ts';
import { Dialog, Field, Form } from '../parts/dialog.tsx';

interface Offers {
  readonly images: readonly Image[];
  readonly choices: readonly Choice[];
  readonly currency: string;
  readonly networks: readonly Network[];
  readonly templates: readonly Template[];
  readonly keys: readonly string[];
}

async function readOffers(): Promise<Offers> {
  const [images, flavors, plans, networks, templates, keys] = await Promise.all([
    get<{ images: readonly Image[] }>('image', '/images?limit=200&status=active'),
    get<{ flavors: readonly Flavor[] }>('compute', '/flavors/detail'),
    get<{ currency: string; plans: readonly PricedPlan[] }>('compute', '/os-xloud-plans').catch(() => null),
    get<{ networks: readonly Network[] }>('network', '/networks').catch(() => ({ networks: [] })),
    get<{ templates: readonly Template[] }>('compute', '/os-xloud-cloud-init-templates').catch(() => null),
    get<{ keypairs: readonly { keypair: { name: string } }[] }>('compute', '/os-keypairs').catch(() => null),
  ]);
  return {
    images: images.images.filter((image) => image.image_type !== 'snapshot' || image.status === 'active'),
    choices: choicesOf(flavors.flavors, plans?.plans ?? []),
    currency: plans?.currency ?? 'USD',
    networks: networks.networks.filter((network) => network['router:external'] !== true),
    templates: templates?.templates ?? [],
    keys: keys?.keypairs.map(({ keypair }) => keypair.name) ?? [],
  };
}

interface PlanCardProps {
  readonly choice: Choice;
  readonly currency: string;
  readonly chosen: boolean;
  readonly problem: string | null;
  readonly onChoose: () => void;
}

const isElastic = ({ floor, vcpus, memoryMb }: Choice): boolean => floor.vcpus < vcpus || floor.memoryMb < memoryMb;

const priceText = (choice: Choice, currency: string): string => {
  if (choice.hour === null) return t('launch.unpriced');
  return t(isElastic(choice) ? 'launch.from' : 'launch.price', { cost: money(choice.hour, currency) });
};

/** A flavor as a card, which is a radio button to keyboards and screen readers. */
const PlanCard = ({ choice, currency, chosen, problem, onChoose }: PlanCardProps) => {
  return (
    <label class={`plan-card${chosen ? ' chosen' : ''}${problem === null ? '' : ' off'}`}>
      <input type="radio" name="plan" checked={chosen} disabled={problem !== null} onChange={onChoose} />
      <span class="plan-name">
        <b>{choice.name}</b>
        {isElastic(choice) && <span class="tag">{t('launch.elastic')}</span>}
      </span>
      <span>
        {choice.floor.vcpus < choice.vcpus && `${whole(choice.floor.vcpus)} – `}
        {t('size.n-vcpus', { count: whole(choice.vcpus) })}
      </span>
      <span>
        {choice.floor.memoryMb < choice.memoryMb && `${memory(choice.floor.memoryMb)} – `}
        {memory(choice.memoryMb)}
      </span>
      <span class="muted">{t('launch.disk', { size: disk(choice.diskGb) })}</span>
      <span class="plan-price">{problem ?? priceText(choice, currency)}</span>
    </label>
  );
};

interface VariableProps {
  readonly name: string;
  readonly variable: TemplateVariable;
  readonly value: string;
  readonly onValue: (text: string) => void;
}

interface TypedInputProps {
  readonly variable: TemplateVariable;
  readonly value: string;
  readonly onInput: (event: { currentTarget: { value: string } }) => void;
}

const TypedInput = ({ variable: { type, minimum, maximum }, value, onInput }: TypedInputProps) =>
  type === 'integer' ? (
    <input
      type="number"
      {...(minimum === undefined ? {} : { min: minimum })}
      {...(maximum === undefined ? {} : { max: maximum })}
      value={value}
      onInput={onInput}
    />
  ) : (
    <input value={value} onInput={onInput} />
  );

/** What the schema of a variable makes of a form. */
function Variable({ name, variable, value, onValue }: VariableProps) {
  const label = name.replaceAll('_', ' ');
  const hint = variable.description ?? '';
  const set = (event: { currentTarget: { value: string } }): void => onValue(event.currentTarget.value);
  if (variable.type === 'boolean') {
    return (
      <label class="switch">
        <input
          type="checkbox"
          checked={value === 'true'}
          onChange={(event) => onValue(String(event.currentTarget.checked))}
        />
        <span>
          {label} <small class="muted">{hint}</small>
        </span>
      </label>
    );
  }
  return (
    <Field label={label} hint={hint}>
      {variable.enum ? (
        <select value={value} onChange={set}>
          {variable.enum.map((word) => (
            <option key={word} value={word}>
              {word}
            </option>
          ))}
        </select>
      ) : (
        <TypedInput variable={variable} value={value} onInput={set} />
      )}
    </Field>
  );
}

interface Draft {
  readonly name: string;
  readonly count: number;
  readonly flavorId: string;
  readonly imageId: string;
  readonly networkId: string;
  readonly keyName: string;
  readonly templateName: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly userData: string;
}

type SetDraft = (part: Partial<Draft>) => void;

interface PartProps {
  readonly offers: Offers;
  readonly draft: Draft;
  readonly set: SetDraft;
}

function Basics({ offers, draft, set }: PartProps) {
  return (
    <div class="form-grid">
      <Field label={t('name')}>
        <input
          required
          maxLength={255}
          value={draft.name}
          onInput={(event) => set({ name: event.currentTarget.value })}
        />
      </Field>
      <Field label={t('launch.count')}>
        <input
          type="number"
          min={1}
          max={100}
          required
          value={draft.count}
          onInput={(event) => set({ count: Number(event.currentTarget.value) })}
        />
      </Field>
      <Field label={t('facts.image')}>
        <select required value={draft.imageId} onChange={(event) => set({ imageId: event.currentTarget.value })}>
          {offers.images.map(({ id, name }) => (
            <option key={id} value={id}>
              {name || id}
            </option>
          ))}
        </select>
      </Field>
      <Field label={t('launch.network')}>
        <select value={draft.networkId} onChange={(event) => set({ networkId: event.currentTarget.value })}>
          <option value="">{t('launch.network.auto')}</option>
          {offers.networks.map(({ id, name }) => (
            <option key={id} value={id}>
              {name || id}
            </option>
          ))}
        </select>
      </Field>
      <Field label={t('facts.key')} {...(offers.keys.length === 0 ? { hint: t('launch.no-keys') } : {})}>
        <select value={draft.keyName} onChange={(event) => set({ keyName: event.currentTarget.value })}>
          <option value="">{t('launch.no-key')}</option>
          {offers.keys.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </Field>
    </div>
  );
}

function Beginnings({ offers, draft, set }: PartProps) {
  const template = offers.templates.find(({ name }) => name === draft.templateName) ?? null;
  return (
    <fieldset>
      <legend>{t('launch.begins')}</legend>
      <Field label={t('facts.template')} {...(template === null ? {} : { hint: template.description })}>
        <select
          value={draft.templateName}
          onChange={(event) => set({ templateName: event.currentTarget.value, variables: {} })}
        >
          <option value="">{t('launch.no-template')}</option>
          {offers.templates.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </Field>
      {template !== null && (
        <div class="form-grid">
          {variablesOf(template).map(([name, variable]) => (
            <Variable
              key={name}
              name={name}
              variable={variable}
              value={draft.variables[name] ?? defaultText(variable)}
              onValue={(text) => set({ variables: { ...draft.variables, [name]: text } })}
            />
          ))}
        </div>
      )}
      <details>
        <summary>{t('launch.user-data')}</summary>
        <textarea
          rows={6}
          class="mono"
          aria-label={t('launch.user-data')}
          spellcheck={false}
          placeholder="#cloud-config"
          value={draft.userData}
          onInput={(event) => set({ userData: event.currentTarget.value })}
        />
      </details>
    </fieldset>
  );
}

const EMPTY: Draft = {
  ...{ name: '', count: 1, flavorId: '', imageId: '', networkId: '', keyName: '', templateName: '' },
  ...{ variables: {}, userData: '' },
};

const problemOf = (image: Image | undefined, choice: Choice): string | null => {
  const why = image === undefined ? null : misfit(image, choice);
  return why === null ? null : t(`launch.misfit.${why}`);
};

function Wizard({ offers, onClose }: { offers: Offers; onClose: () => void }) {
  const [draft, setDraft] = useState<Draft>({
    ...EMPTY,
    imageId: offers.images[0]?.id ?? '',
    flavorId: offers.choices[0]?.id ?? '',
    // of several the service chooses none by itself
    networkId: offers.networks.length > 1 ? (offers.networks[0]?.id ?? '') : '',
  });
  const set: SetDraft = (part) => setDraft((before) => ({ ...before, ...part }));
  const image = offers.images.find(({ id }) => id === draft.imageId);
  const chosen = offers.choices.find(({ id }) => id === draft.flavorId);
  const isReady = draft.name.trim() !== '' && image !== undefined && chosen !== undefined;
  const launch = async (): Promise<void> => {
    const { networkId, templateName, name, ...rest } = draft;
    const body = launchBody({
      ...rest,
      name: name.trim(),
      networks: networkId === '' ? [] : [networkId],
      template: offers.templates.find((one) => one.name === templateName) ?? null,
    });
    const { server } = await post<{ server: { id: string } }>('compute', '/servers', body);
    say(t('launch.asked', { name: name.trim() }));
    void refresh();
    onClose();
    if (draft.count === 1) go('servers', server.id);
  };
  if (offers.images.length === 0) return <p class="none">{t('launch.no-images')}</p>;
  if (offers.choices.length === 0) return <p class="none">{t('launch.no-flavors')}</p>;
  const hour = chosen?.hour ?? null;
  return (
    <Form
      action={hour === null ? t('launch') : t('launch.for', { cost: money(hour * draft.count, offers.currency) })}
      disabled={!isReady}
      onCancel={onClose}
      onSubmit={launch}
    >
      <Basics offers={offers} draft={draft} set={set} />
      <fieldset>
        <legend>{t('facts.plan')}</legend>
        <div class="plan-cards">
          {offers.choices.map((choice) => (
            <PlanCard
              key={choice.id}
              choice={choice}
              currency={offers.currency}
              chosen={choice.id === draft.flavorId}
              problem={problemOf(image, choice)}
              onChoose={() => set({ flavorId: choice.id })}
            />
          ))}
        </div>
      </fieldset>
      <Beginnings offers={offers} draft={draft} set={set} />
    </Form>
  );
}

export function Launch({ onClose }: { onClose: () => void }) {
  const { value, error } = useLoaded(readOffers, []);
  return (
    <Dialog title={t('launch.title')} wide onClose={onClose}>
      {error !== null && <p class="plan bad">{error}</p>}
      {value === null && error === null && <div class="skeleton" role="status" aria-label={t('loading')} />}
      {value !== null && <Wizard offers={value} onClose={onClose} />}
    </Dialog>
  );
}
