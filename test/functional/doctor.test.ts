// `xloud doctor` on installations that are well and on such as are really broken: it names what is wrong and what to do, ends with a
// status that scripts can use, and leaves everything as it was.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { migrations } from '../../migrations/index.ts';
import { loadConfig } from '../../src/main/config.ts';
import type { Finding } from '../../src/main/doctor/check.ts';
import { findWrongs, statusOf } from '../../src/main/doctor/doctor.ts';
import { openDatabase } from '../../src/db/engine.ts';
import { upgradeSchema } from '../../src/db/upgrade.ts';
import { freshMariadb } from '../support/mariadb.ts';
import { freePort, type Service, startService } from '../support/serve.ts';
import { scratchDir } from '../support/scratch.ts';
import { xloud } from '../support/xloud.ts';

const isRoot = process.getuid?.() === 0;

interface Case {
  readonly what: string;
  /** Breaks an installation in this directory. Returns words for the command. */
  readonly harm: (dir: string, sql: (text: string, ...values: unknown[]) => void) => readonly string[] | void;
  readonly finds: readonly [check: string, level: 'problem' | 'warning', text: RegExp, todo?: RegExp];
  /** What is mounted at `mounted` of the directory, where that can be done. */
  readonly mount?: string;
}

const action = (state: string) =>
  `insert into instance_actions (id, server_uuid, action, request_id, project_id, user_id, start_time, updated_at, state, input)
   values (9000, ?, 'resize', 'req-1', 'p', 'u', 1, 1, '${state}', '{}')`;

const cases: readonly Case[] = [
  {
    what: 'the schema is behind',
    harm: (_dir, sql) => sql('delete from schema_migrations where name = ?', migrations.at(-1)?.name),
    finds: ['schema', 'problem', /^older than this program: /],
  },
  {
    what: 'the schema is newer',
    harm: (_dir, sql) => sql("insert into schema_migrations (name) values ('9999_future')"),
    finds: ['schema', 'problem', /^newer than this program: it has 9999_future$/],
  },
  {
    what: 'the database is gone',
    harm: (dir) => rmSync(join(dir, 'xloud.db')),
    finds: ['database', 'problem', /^there is none at /],
  },
  {
    what: 'the database is no database',
    harm: (dir) => writeFileSync(join(dir, 'xloud.db'), 'no database'.repeat(1000)),
    finds: ['database', 'problem', /could not be looked at: .*not a database/],
  },
  ...(isRoot
    ? [
        {
          what: "the guests' disk is full",
          mount: 'size=1m',
          harm: (dir: string) => [`compute.instances_dir=${join(dir, 'mounted')}`],
          finds: ['disk space', 'problem', /mounted has [01] MiB of 1 MiB free$/] as const,
        },
        {
          what: "the guests' directory cannot be written",
          mount: 'ro',
          harm: (dir: string) => [`compute.instances_dir=${join(dir, 'mounted')}`],
          finds: ['directories', 'problem', /mounted cannot be written \(EROFS\)$/] as const,
        },
      ]
    : []),
  {
    what: 'others may read the database',
    harm: (dir) => chmodSync(join(dir, 'xloud.db'), 0o644),
    finds: ['secrets', 'problem', /xloud\.db can be read by others$/],
  },
  {
    what: 'clouds.yaml is gone',
    harm: (dir) => rmSync(join(dir, 'clouds.yaml')),
    finds: ['identity', 'problem', /clouds\.yaml is gone/],
  },
  {
    what: 'a host is down',
    harm: (_dir, sql) => {
      sql("update services set host = 'far-away', last_seen_at = 1");
      sql("update hosts set host = 'far-away'");
    },
    finds: ['hosts', 'problem', /^far-away is down: last heard of 1970/],
  },
  {
    what: 'the host of this machine is silent because the service does not run',
    harm: (_dir, sql) => sql('update services set last_seen_at = 1'),
    finds: ['hosts', 'warning', / is down, as the service does not run here$/],
  },
  {
    what: 'an action is stuck',
    harm: (_dir, sql) => sql(action('running'), randomUUID()),
    finds: ['actions', 'problem', /^1 not gone on for 10 minutes: .* \(resize is running\)$/],
  },
  {
    what: 'an action could not be taken back',
    harm: (_dir, sql) => {
      const uuid = randomUUID();
      sql(
        `insert into servers (uuid, project_id, user_id, display_name, hostname, reservation_id, vm_state, image, flavorid, flavor,
           vcpus, memory_mb, root_gb, ephemeral_gb, scheduler_hints, build, current_vcpus, current_memory_mb, target_vcpus,
           target_memory_mb, boot_vcpus, boot_memory_mb, created_at)
         values (?, 'p', 'u', 's', 's', 'r', 'error', '{}', 'f', '{}', 1, 1, 1, 0, '{}', '{}', 1, 1, 1, 1, 1, 1, 1)`,
        uuid,
      );
      sql(action('done'), uuid);
      sql(
        "insert into instance_action_events (action_id, event, start_time, undo) values (9000, 'guest', 1, 'failed')",
      );
    },
    finds: [
      'actions',
      'problem',
      /^1 could not be taken back: .* \(guest of resize\)$/,
      /then openstack server reboot --hard/,
    ],
  },
  {
    what: "a host's sums are not those of its claims",
    harm: (_dir, sql) => sql('update hosts set claimed_vcpus = claimed_vcpus + 1'),
    finds: ['claims', 'problem', /claimed_vcpus is 1, should be 0/],
  },
  {
    what: "an image's data is gone",
    harm: (_dir, sql) =>
      sql(
        `insert into images (id, status, visibility, min_disk, min_ram, protected, os_hidden, properties, tags, created_at, updated_at)
         values ('lost', 'active', 'private', 0, 0, 0, 0, '{}', '[]', 1, 1)`,
      ),
    finds: ['images', 'problem', /^1 have no data: lost$/],
  },
  {
    what: 'an upload never ended',
    harm: (_dir, sql) =>
      sql(
        `insert into images (id, status, visibility, min_disk, min_ram, protected, os_hidden, properties, tags, created_at, updated_at)
         values ('slow', 'saving', 'private', 0, 0, 0, 0, '{}', '[]', 1, 1)`,
      ),
    finds: ['images', 'warning', /^1 being uploaded for longer than an hour: slow$/],
  },
  {
    what: 'Keystone is not where the configuration says',
    harm: () => ['identity.auth_url=http://127.0.0.1:9/v3'],
    finds: ['identity', 'problem', /127\.0\.0\.1:9.* ECONNREFUSED/],
  },
  {
    what: 'policy.yaml cannot be read as one',
    harm: (dir) => writeFileSync(join(dir, 'policy.yaml'), '"os_compute_api:servers:index": ['),
    finds: ['policy', 'problem', /policy\.yaml/],
  },
  {
    what: 'an option is unknown',
    harm: (dir) => writeFileSync(join(dir, 'xloud.yaml'), 'compute:\n  colour: blue\n'),
    finds: ['configuration', 'problem', /compute\.colour: there is no such option/],
  },
  {
    what: 'libvirt is not there',
    harm: (dir) => ['compute.driver=libvirt', `compute.libvirt_uri=qemu+unix:///system?socket=${join(dir, 'none')}`],
    finds: ['hypervisor', 'problem', /^libvirt does not answer at .*ENOENT/],
  },
];

describe('xloud doctor', () => {
  let service: Service;
  let port: string;
  const flags = (): string[] => ['compute.driver=fake', `api.port=${port}`];
  const examine = async (dir: string) => {
    const { status, stdout, stderr } = await xloud(
      ...['doctor', '--json', '--data-dir', dir, ...flags().flatMap((flag) => ['--set', flag])],
    );
    assert.equal(stderr, '');
    return { status, findings: JSON.parse(stdout) as Finding[] };
  };
  before(async () => {
    service = await startService({ driver: 'fake' });
    port = new URL(service.url).port;
  });
  after(() => service.close());

  it('finds nothing wrong with one that runs', async () => {
    const { status, findings } = await examine(service.dataDir);
    assert.deepEqual(
      findings.filter(({ level }) => level !== 'ok'),
      [],
    );
    assert.equal(status, 0);
    assert.match(findings.find(({ check }) => check === 'service')?.text ?? '', /^runs and is ready at /);
  });

  it('says it to people in lines', async () => {
    const words = flags().flatMap((flag) => ['--set', flag]);
    const { status, stdout } = await xloud('doctor', '--data-dir', service.dataDir, ...words);
    assert.equal(status, 0);
    assert.match(stdout, /^ok {2}configuration +the defaults\n/);
    assert.match(stdout, /\n\n0 problems, 0 warnings\n$/);
  });

  it('ends with status 1 where there is a problem', async () => {
    const { status, stdout } = await xloud('doctor', '--data-dir', join(service.dataDir, 'nowhere'));
    assert.equal(status, 1);
    assert.match(stdout, /^problem +directories .*nowhere is not there -> name the right one with --data-dir/m);
    assert.ok(!existsSync(join(service.dataDir, 'nowhere')));
  });

  it('ends with status 2 for words that it does not know', async () => {
    assert.equal((await xloud('doctor', '--bogus')).status, 2);
  });

  describe('of one that is stopped', () => {
    let scratch: string;
    before(async () => {
      await service.kill('SIGTERM');
      await service.ended(10_000);
      port = String(await freePort());
      scratch = mkdtempSync(join(scratchDir(), 'xloud-doctor-'));
    });
    after(() => rmSync(scratch, { recursive: true, force: true }));
    const copy = (name: string): string => {
      const dir = join(scratch, name);
      cpSync(service.dataDir, dir, { recursive: true });
      return dir;
    };

    it('finds nothing wrong, and changes nothing', async () => {
      const dir = copy('well');
      const facts = () =>
        readdirSync(dir, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile() && !/-(wal|shm)$/.test(entry.name))
          .map((entry) => join(entry.parentPath, entry.name))
          .map((path) => [path, statSync(path).mode, readFileSync(path, 'base64')]);
      const before = facts();
      const { status, findings } = await examine(dir);
      assert.deepEqual(
        findings.filter(({ level }) => level !== 'ok'),
        [],
      );
      assert.equal(status, 0);
      assert.deepEqual(facts(), before);
    });

    for (const { what, harm, finds, mount } of cases) {
      it(`finds that ${what}`, async () => {
        const dir = copy(what);
        const mounted = join(dir, 'mounted');
        if (mount !== undefined) {
          mkdirSync(mounted);
          execFileSync('mount', ['-t', 'tmpfs', '-o', mount, 'tmpfs', mounted]);
        }
        try {
          const words = harm(dir, (text, ...values) => {
            const database = new Sqlite(join(dir, 'xloud.db'));
            database.prepare(text).run(...values);
            database.close();
          });
          const config = join(dir, 'xloud.yaml');
          const file = existsSync(config) ? config : null;
          const findings = await findWrongs({
            readConfig: () => ({
              file,
              config: loadConfig({ file: file ?? undefined, flags: [...flags(), ...(words ?? [])] }),
            }),
            dataDir: dir,
          });
          const [check, level, text, todo = /./] = finds;
          const found = findings.find((one) => one.check === check && one.level === level);
          assert.ok(found !== undefined, JSON.stringify(findings, null, 1));
          assert.match(found.text, text);
          assert.match(found.todo ?? '', todo, 'it says what to do');
          assert.equal(statusOf(findings), level === 'problem' ? 1 : 0);
          const others = findings.filter((one) => one.level === 'problem' && one.check !== check);
          assert.deepEqual(others, [], 'and nothing else is wrong');
        } finally {
          if (mount !== undefined) execFileSync('umount', [mounted]);
        }
      });
    }
  });
});

describe('what a doctor asks of others', () => {
  const dataDir = mkdtempSync(join(scratchDir(), 'xloud-doctor-'));
  after(() => rmSync(dataDir, { recursive: true, force: true }));
  const look = (...flags: string[]) => {
    const config = loadConfig({ flags: ['compute.driver=fake', 'api.port=9', ...flags] });
    return findWrongs({ readConfig: () => ({ file: null, config }), dataDir });
  };

  it('is answered by MariaDB too', async () => {
    const { url, drop } = await freshMariadb();
    const database = openDatabase(url);
    await upgradeSchema(database, migrations);
    await database.close();
    const findings = await look(`database.connection=${url}`);
    const levels = Object.fromEntries(findings.map(({ check, level }) => [check, level]));
    const wanted = {
      database: 'ok',
      'database writable': 'ok',
      schema: 'ok',
      hosts: 'warning',
      actions: 'ok',
      claims: 'ok',
    };
    assert.deepEqual({ ...levels, ...wanted }, levels);
    assert.match(findings.find(({ check }) => check === 'database')?.text ?? '', /MariaDB/);
    await drop();
  });

  it('is the time, of Keystone', async () => {
    const keystone = createServer((_request, response) => {
      response.setHeader('Date', new Date(Date.now() - 3_600_000).toUTCString());
      response.end('{"version": {"id": "v3.14", "status": "stable"}}');
    }).listen(0, '127.0.0.1');
    await once(keystone, 'listening');
    const { port } = keystone.address() as AddressInfo;
    const found = (await look(`identity.auth_url=http://127.0.0.1:${port}/v3`)).filter(
      ({ check }) => check === 'identity',
    );
    assert.deepEqual(
      found.map(({ level }) => level),
      ['ok', 'problem', 'warning'],
    );
    assert.match(found[1]?.text ?? '', /^its clock differs from this machine's by -3(599|600|601) s/);
    keystone.closeAllConnections();
    keystone.close();
  });
});
