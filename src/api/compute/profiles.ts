// Why: a profile is a word for many knobs: here stands what each of them is and does, and which of them a server has.

import { extraSpecFate } from '../../domain/machines/extra-specs.ts';
import { findProfile, PROFILE, type Profile, profileNames, profiles } from '../../domain/machines/profiles.ts';
import type { Server } from '../../domain/servers/servers.ts';
import { closed, text } from '../parameters.ts';
import { resource, route } from '../resource.ts';

interface ApplyBody {
  readonly profile: string | null;
}

const body = closed({ profile: { ...text, type: ['string', 'null'] } }, ['profile']);

const knobView = (spec: string, value: string, why: string | null) => ({
  extra_spec: spec,
  value,
  does: why,
  by: extraSpecFate(spec)?.how ?? null,
});

const profileView = (name: string, { description, knobs }: Profile) => ({
  name,
  description,
  knobs: Object.entries(knobs).map(([spec, { value, why }]) => knobView(spec, value, why)),
});

/** The profile with each of its knobs as the server has it: one that its flavor turns itself has the flavor's value. */
function serverView({ uuid, flavor }: Server) {
  const { extraSpecs, fromProfile = [], profilePending = false } = flavor;
  const name = extraSpecs[PROFILE] ?? null;
  const knobs = (name === null ? null : findProfile(name))?.knobs ?? {};
  return {
    server_id: uuid,
    profile: name,
    pending: profilePending,
    knobs: [...new Set([...Object.keys(knobs), ...fromProfile])].flatMap((spec) => {
      const value = extraSpecs[spec];
      if (value === undefined) return [];
      const ours = fromProfile.includes(spec);
      return [
        { ...knobView(spec, value, ours ? (knobs[spec]?.why ?? null) : null), from: ours ? 'profile' : 'flavor' },
      ];
    }),
  };
}

export default resource({
  'GET /os-xloud-profiles': route()({
    summary:
      'List the profiles that a flavor may name (extra spec xloud:profile), each with its extra specs and what they do.',
    policy: 'os_compute_api:xloud:profiles:index',
    status: 200,
    run: () => profileNames,
    view: (names) => ({ profiles: names.map((name) => profileView(name, profiles[name])) }),
  }),
  'GET /servers/:server_id/os-xloud-profile': route<'server'>()({
    summary: 'Show the profile of a server, its knobs with their values, and whether they wait for the next start.',
    policy: 'os_compute_api:xloud:profiles:show',
    target: 'server',
    status: 200,
    cacheable: true,
    run: ({ target }) => target,
    view: serverView,
  }),
  'PUT /servers/:server_id/os-xloud-profile': route<'server', ApplyBody>()({
    summary: 'Give a server another profile, or none, from its next start on.',
    policy: 'os_compute_api:xloud:profiles:apply',
    target: 'server',
    body,
    status: 200,
    run: ({ op, services, target, body: { profile } }) => services.ops.applyProfile(op, target, profile),
    view: serverView,
  }),
});
