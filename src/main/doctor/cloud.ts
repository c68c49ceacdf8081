// Why: what the database says of the cloud: whether it can be used, and whether its hosts, servers, actions, claims and images are
// as the service keeps them.

import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { migrations } from '../../../migrations/index.ts';
import { limits } from '../../base/limits.ts';
import {
  databaseFacts,
  failedUndos,
  imagesIn,
  lateNotifications,
  stuckActions,
  type Suspect,
} from '../../db/checkup.ts';
import { checkClaims, claimsOfDeleted } from '../../db/claims.ts';
import { listHosts } from '../../db/hosts.ts';
import { schemaState } from '../../db/upgrade.ts';
import { proveWritableInVain } from '../../db/readiness.ts';
import { listRemnants } from '../../db/remnants.ts';
import { findStuckServers } from '../../db/servers.ts';
import { isHostUp } from '../../domain/placement/hosts.ts';
import { sqlitePath } from '../database-url.ts';
import { imagesDirectory } from '../directories.ts';
import { askService } from './services.ts';
import { type Check, type Found, ok, problem, some, warning } from './check.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** An action that nobody has touched for so long is not merely waiting for its next attempt. */
const STUCK_MS = 10 * MINUTE_MS;
/** What the clocks of two machines may differ by. */
const SKEW_MS = 2_000;

const places = (suspects: readonly Suspect[]): string => some(suspects.map(({ uuid, what }) => `${uuid} (${what})`));

const database: Check = {
  name: 'database',
  async look({ database: opened, databaseUrl, clock }) {
    const path = sqlitePath(databaseUrl);
    if (opened === null)
      return problem(
        `there is none at ${path}`,
        'name the right --data-dir or database.connection, or start the service once',
      );
    const facts = await databaseFacts(opened.read, opened.engine, () => clock.now());
    const where = path === null ? '' : ` at ${path}`;
    if (Math.abs(facts.aheadMs) <= SKEW_MS) return ok(`${facts.version}${where}`);
    const by = `${Math.round(facts.aheadMs / 1000)} s`;
    return problem(
      `its clock differs from this machine's by ${by}`,
      'have both follow the same time server (chrony, ntpd)',
    );
  },
};

const writable: Check = {
  name: 'database writable',
  needs: 'database',
  async look({ database: opened }) {
    if (!(await opened.read.schema.hasTable('schema_migrations'))) return ok('nothing is in it yet');
    await proveWritableInVain(opened);
    return ok('takes a transaction');
  },
};

const schema: Check = {
  name: 'schema',
  needs: 'database',
  async look({ database: opened }) {
    const { applied, pending, unknown } = await schemaState(opened, migrations);
    if (unknown.length > 0)
      return problem(
        `newer than this program: it has ${some(unknown)}`,
        'start the newer program, or restore the backup of before the upgrade',
      );
    if (pending.length > 0)
      return problem(
        `older than this program: ${some(pending)} missing`,
        'stop the service, make a backup, run xloud db upgrade',
      );
    return ok(applied.at(-1) ?? 'none');
  },
};

const hosts: Check = {
  name: 'hosts',
  needs: 'schema',
  async look(patient) {
    const { database: opened, config, clock } = patient;
    const all = await listHosts(opened.read);
    if (all.length === 0) return warning('none has reported', 'start the service: its host reports by itself');
    const downMs = config.compute.down_seconds * 1000;
    const own = config.compute.host || hostname();
    const runs = (await askService(patient)).response !== null;
    return all.map((host): Found => {
      if (host.forcedDown)
        return warning(
          `${host.host} is forced down`,
          `once it is mended: openstack compute service set --up ${host.host} nova-compute`,
        );
      if (isHostUp(host, clock.now(), downMs)) return ok(`${host.host} is up`);
      // the service is its host's agent, too
      if (!runs && (host.host === own || host.host.startsWith(`${own}-`)))
        return warning(`${host.host} is down, as the service does not run here`, 'start it');
      const since = host.lastSeenAt === null ? 'never' : new Date(host.lastSeenAt).toISOString();
      return problem(
        `${host.host} is down: last heard of ${since}`,
        'start the service there and look at its log; or evacuate its servers',
      );
    });
  },
};

/** Actions after which a server's guest, or its disks, may be where its row does not say. */
const moving: ReadonlySet<string> = new Set(['resize', 'migrate', 'revertResize', 'live-migration']);
const HARD_REBOOT =
  'openstack server reboot --hard: it goes on where its guest is, or with the disks that stand aside; a state that is reset ' +
  'brings nothing back';

const actions: Check = {
  name: 'actions',
  needs: 'schema',
  async look({ database: opened, clock }) {
    const found: Found[] = [];
    const stuck = await stuckActions(opened.read, clock.now() - STUCK_MS);
    if (stuck.length > 0)
      found.push(
        problem(
          `${stuck.length} not gone on for ${STUCK_MS / MINUTE_MS} minutes: ${places(stuck)}`,
          'see that the service runs and its hosts are up; its log says why they wait',
        ),
      );
    const failed = Map.groupBy(await failedUndos(opened.read), ({ action }) => moving.has(action));
    for (const [moved, those] of failed)
      found.push(
        problem(
          `${those.length} could not be taken back: ${places(those)}`,
          `read openstack server event show, then ${moved ? HARD_REBOOT : 'delete the server or reset its state'}`,
        ),
      );
    return found.length === 0 ? ok('none is stuck') : found;
  },
};

const servers: Check = {
  name: 'servers',
  needs: 'schema',
  async look({ database: opened, clock }) {
    const found: Found[] = [];
    const stuck = await findStuckServers(opened.read);
    if (stuck.length > 0)
      found.push(
        problem(
          `${stuck.length} with a task and no action behind it: ${some(stuck)}`,
          'the service frees them within a minute: start it',
        ),
      );
    const remnants = await listRemnants(opened.read, null, limits.pageSize);
    if (remnants.length > 0) {
      const where = some([...new Set(remnants.map(({ host }) => host))]);
      found.push(
        warning(
          `${remnants.length} may have left something on ${where}`,
          'it goes when those hosts are up, and disks that may be all that a server has when it is started or deleted; ' +
            'delete the compute service of a host that never comes back',
        ),
      );
    }
    const late = await lateNotifications(opened.read, clock.now() - HOUR_MS);
    if (late > 0)
      found.push(
        warning(
          `${late} notifications wait for longer than an hour`,
          'look at the broker of notifications.url; xloud db purge drops those that are old',
        ),
      );
    return found.length === 0 ? ok('none is stuck') : found;
  },
};

const claims: Check = {
  name: 'claims',
  needs: 'schema',
  async look({ database: opened }) {
    const [drifts, dead] = [await checkClaims(opened.read), await claimsOfDeleted(opened.read)];
    const todo = 'the service mends it within a minute: start it; if it comes back, report it with the log';
    const found: Found[] = [];
    if (drifts.length > 0) {
      const what = drifts.map(
        ({ hostId, column, is, shouldBe }) => `host ${hostId}: ${column} is ${is}, should be ${shouldBe}`,
      );
      found.push(problem(`sums are not those of the claims: ${some(what)}`, todo));
    }
    if (dead.length > 0) found.push(problem(`${dead.length} deleted servers hold claims`, todo));
    return found.length === 0 ? ok('the sums of the hosts are those of their claims') : found;
  },
};

const images: Check = {
  name: 'images',
  needs: 'schema',
  async look({ database: opened, config, dataDir, clock }) {
    if (config.image.service !== 'built-in') return ok("are those of an operator's own service");
    const found: Found[] = [];
    const directory = imagesDirectory(config, dataDir);
    const before = clock.now() - limits.imageTransferMs;
    const waiting = (await imagesIn(opened.read, ['saving', 'importing'])).filter(
      ({ updatedAt }) => updatedAt < before,
    );
    if (waiting.length > 0)
      found.push(
        warning(
          `${waiting.length} being uploaded for longer than an hour: ${some(waiting.map(({ id }) => id))}`,
          'if nobody sends them any more: openstack image delete',
        ),
      );
    const lost = (await imagesIn(opened.read, ['active'])).filter(({ id }) => !existsSync(join(directory, id)));
    if (lost.length > 0)
      found.push(
        problem(
          `${lost.length} have no data: ${some(lost.map(({ id }) => id))}`,
          `restore their files into ${directory}, or openstack image delete`,
        ),
      );
    return found.length === 0 ? ok('all have their data') : found;
  },
};

export const databaseChecks: readonly Check[] = [database, writable, schema];
export const cloudChecks: readonly Check[] = [hosts, actions, servers, claims, images];
