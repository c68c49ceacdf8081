// Why: performance profiles are sets of extra specs by a name, and metrics what a guest takes in a second.

import { segment } from '../../client/compute.ts';
import { profileHere, profileThere } from './names.ts';
import { of, route } from '../kit/route.ts';
import { closed, listOf } from '../kit/schemas.ts';
import { metrics, profile, vmProfile } from './schemas.ts';

interface Knob {
  readonly extra_spec: string;
  readonly value: string;
  readonly does: string | null;
}

interface Profile {
  readonly name: string;
  readonly description: string;
  readonly knobs: readonly Knob[];
}

interface ServerProfile {
  readonly server_id: string;
  readonly profile: string | null;
  readonly pending: boolean;
  readonly knobs: readonly Knob[];
}

const settings = (knobs: readonly Knob[]) =>
  knobs.map(({ extra_spec, value, does }) => ({ setting: extra_spec, value, does }));

const vmProfileView = ({ server_id, profile: there, pending, knobs }: ServerProfile) => ({
  vm_id: server_id,
  profile: there === null ? null : profileHere(there),
  pending,
  settings: settings(knobs),
});

const tag = 'Performance';
const ONE = '/vms/{vm_id}/performance/profile';

export const performanceRoutes = [
  route({
    ...{ method: 'GET', path: '/performance/profiles', tag, status: 200, answer: listOf('profiles', profile) },
    summary: 'List the performance profiles, each with its settings and what they do.',
    run: async ({ compute }) => {
      const { profiles } = await compute.ask<{ profiles: readonly Profile[] }>('GET', '/os-xloud-profiles');
      return {
        profiles: profiles.map(({ name, description, knobs }) => ({
          ...{ name: profileHere(name), description, settings: settings(knobs) },
        })),
      };
    },
  }),
  route({
    ...{ method: 'GET', path: ONE, tag, status: 200, answer: vmProfile },
    summary: 'Show the performance profile of a VM.',
    run: async (call) => {
      const path = `/servers/${segment(of(call, 'vm_id'))}/os-xloud-profile`;
      return vmProfileView(await call.compute.ask<ServerProfile>('GET', path));
    },
  }),
  route<{ readonly profile: string | null }>({
    ...{ method: 'POST', path: ONE, tag, status: 200, answer: vmProfile },
    summary: 'Give a VM a performance profile (null: none), which its guest has from its next start on.',
    body: closed({ profile: { type: ['string', 'null'], minLength: 1, maxLength: 255 } }, ['profile']),
    run: async (call) => {
      const path = `/servers/${segment(of(call, 'vm_id'))}/os-xloud-profile`;
      const wanted = call.body.profile === null ? null : profileThere(call.body.profile);
      return vmProfileView(await call.compute.ask<ServerProfile>('PUT', path, { profile: wanted }));
    },
  }),
  route({
    ...{ method: 'GET', path: '/vms/{vm_id}/performance/metrics', tag, status: 200, answer: metrics },
    summary: 'Show what a running VM takes, each second of one: processors, memory, disks, network.',
    run: async (call) => {
      const path = `/servers/${segment(of(call, 'vm_id'))}/os-xloud-metrics`;
      const { server_id, ...taken } = await call.compute.ask<{ server_id: string }>('GET', path);
      return { vm_id: server_id, ...taken };
    },
  }),
];
