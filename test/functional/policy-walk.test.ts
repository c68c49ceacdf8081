// Every route as nobody and as five callers: what happens is what the route's rule says, whatever the route does. Routes and
// rules are read from the tables that serve them; who may do what under each kind of rule is written here once more.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { computeRoutes } from '../../src/api/compute/index.ts';
import type { RouteEntry } from '../../src/api/resource.ts';
import { existsAt } from '../../src/api/runner.ts';
import { MAX_MINOR } from '../../src/domain/microversions.ts';
import {
  ADMIN,
  ANYBODY,
  PROJECT_MANAGER_OR_ADMIN,
  PROJECT_MEMBER_OR_ADMIN,
  PROJECT_READER_OR_ADMIN,
  SERVICE_OR_ADMIN,
  USER_OR_ADMIN,
} from '../../src/policies/base.ts';
import { serviceRoutes } from '../../src/main/service-routes.ts';
import { citedRules } from '../../src/policies/index.ts';
import { rulesOf } from '../../src/standalone/access.ts';
import { type Api, startApi } from '../support/api.ts';
import { type CallerName, callers } from '../support/callers.ts';
import { leastBody } from '../support/minimal.ts';
import { makeOp, testConfig } from '../support/world.ts';

/** From those who may least to those who may most: what a walk changes is changed last. */
const walkers: readonly CallerName[] = ['other', 'reader', 'member', 'manager', 'admin'];

const roleOf: Readonly<Record<string, string>> = {
  [PROJECT_READER_OR_ADMIN]: 'reader',
  [PROJECT_MEMBER_OR_ADMIN]: 'member',
  [PROJECT_MANAGER_OR_ADMIN]: 'manager',
};

const checkOf = (route: RouteEntry): string =>
  route.policy === null ? ANYBODY : (citedRules.find(({ name }) => name === route.policy)?.check ?? '(no such rule)');

const aboutMember = (route: RouteEntry): boolean =>
  route.about !== undefined || ['server', 'server-or-deleted', 'server-group'].includes(route.target ?? 'none');

/** Whether a caller may, on what belongs to the member and the member's project, or else to the caller. */
function may(name: CallerName, route: RouteEntry): boolean {
  const check = checkOf(route);
  if (name === 'admin' || check === ANYBODY) return true;
  if (check === ADMIN || check === SERVICE_OR_ADMIN) return false;
  if (check === USER_OR_ADMIN) return name === 'member';
  const role = roleOf[check];
  assert.ok(role !== undefined, `${route.policy} is of a kind that this test does not know: ${check}`);
  return (
    callers[name].roles.includes(role) && (!aboutMember(route) || callers[name].projectId === callers.member.projectId)
  );
}

/** Bodies that a schema alone cannot tell. */
const bodies: Readonly<Record<string, unknown>> = {
  'POST /os-xloud-adjust/:server_id': { current_vcpus: 1 },
  'POST /os-xloud-adjust/:server_id/plan': { current_vcpus: 1 },
  'POST /os-floating-ips': { pool: 'walk' },
  'POST /servers/:server_id/action#os-migrateLive': { 'os-migrateLive': { host: null, block_migration: 'auto' } },
  'POST /os-keypairs': { keypair: { name: 'walk', public_key: 'ssh-rsa', user_id: 'member-user' } },
};

function bodyOf(route: RouteEntry, minor: number): unknown {
  const key = `${route.method} ${route.path}${route.action === null ? '' : `#${route.action}`}`;
  return key in bodies ? bodies[key] : leastBody(route, minor);
}

async function aGroup({ world }: Api): Promise<string> {
  const wish = { name: 'walked', policy: 'affinity', maxServerPerHost: null } as const;
  return (await world.ops.createServerGroup(makeOp(callers.member), wish)).uuid;
}

async function aPolicy(api: Api): Promise<string> {
  const subject = { subjectKind: 'server_group', subjectId: await aGroup(api) } as const;
  const schedules = [{ cron: '0 0 1 1 *', timezone: 'UTC', vcpus: 1, memoryMb: null }];
  const wish = { name: 'walked', enabled: true, dryRun: false, pressure: null, schedules, ...subject };
  return (await api.world.ops.createAdjustPolicy(makeOp(callers.member), wish)).uuid;
}

describe('every route and its rule', () => {
  let api: Api;
  let flavor = '';
  before(async () => {
    // each walk makes servers of its own
    const quota = { ...testConfig.quota, instances: -1, cores: -1, ram: -1 };
    api = await startApi({ config: { ...testConfig, quota } });
    flavor = await api.world.flavor({ id: 'walked' });
  });
  after(() => api.close());

  const walked = computeRoutes.filter(({ gone }) => !gone);

  for (const route of walked) {
    const { method, path, action, policy } = route;
    it(`${method} ${path}${action === null ? '' : `#${action}`}${route.until ? ` until ${route.until}` : ''}: ${policy ?? 'no rule'}`, async () => {
      const minor = Array.from({ length: MAX_MINOR }, (_, index) => MAX_MINOR - index).find((one) =>
        existsAt(route, one),
      ) as number;
      const ofServer = route.target === 'server' || route.target === 'server-or-deleted';
      const ofAnother = ofServer || route.target === 'server-group' || route.target === 'adjust-policy';
      const [server] = ofServer ? await api.world.create({}, makeOp(callers.member)) : [];
      const values: Readonly<Record<string, string>> = {
        server_id: server?.uuid ?? '',
        server_group_id: route.target === 'server-group' ? await aGroup(api) : '',
        policy_id: route.target === 'adjust-policy' ? await aPolicy(api) : '',
        flavor_id: flavor,
        service_id: '7d9dc71e-0a4c-4a0f-9c0e-1f1a6b8ec119',
        project_id: callers.member.projectId as string,
      };
      const filled = path.replace(/:(\w+)/g, (_, name: string) => values[name] || 'walk');
      const url = `${filled}${checkOf(route) === USER_OR_ADMIN && method !== 'POST' ? '?user_id=member-user' : ''}`;
      const body = bodyOf(route, minor);
      const ask = (as: CallerName | 'none') =>
        api.request(method, url, { as, version: `2.${minor}`, ...(body == null ? {} : { body }) });

      api.rulesAsked.clear();
      assert.equal((await ask('none')).status, 401);
      for (const name of walkers) {
        const { status, text } = await ask(name);
        assert.ok(status < 500 || status === 501, `${name}: ${status} ${text}`);
        const denied = status === 403 && text.includes(`Policy doesn't allow ${policy} to be performed.`);
        if (ofAnother && name === 'other') assert.equal(status, 404, `${name} learns of it: ${status} ${text}`);
        else if (may(name, route)) assert.ok(!denied, `${name} is denied: ${text}`);
        else assert.ok(denied, `${name} is let in: ${status} ${text}`);
      }
      const stated = new Set([policy, ...(route.alsoAsks ?? [])]);
      for (const rule of api.rulesAsked) assert.ok(stated.has(rule), `${rule} is asked and not stated`);
      // what else is stated is asked of some requests only
      assert.ok(policy === null || api.rulesAsked.has(policy), `${policy} is stated and not asked`);
    });
  }

  it('every rule but a few is asked by a route, and what routes ask are rules', () => {
    const asked = computeRoutes.flatMap(({ policy, alsoAsks = [] }) => [policy, ...alsoAsks]);
    const ofServices = Object.values(serviceRoutes).flatMap((routes) => routes.flatMap(rulesOf));
    const names = new Set([...asked, ...ofServices].filter((name) => name !== null));
    const expected = citedRules.map(({ name }) => name);
    assert.deepEqual([...names].toSorted(), expected.toSorted());
  });
});
