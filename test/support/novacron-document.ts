// Why: every line of NovaCron's own document is run as it is written, by a shell: its curl lines against a port of this machine that wants no
// token, its commands by the environment of any OpenStack client. The lines are data; what each must have done is asked of the database and
// of the hypervisors, not of the API.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { eventually, freePort, type Service } from './serve.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const LINE_MS = 120_000;
const REST_MS = 300_000;

export interface DocumentWorld {
  readonly service: Service;
  /** Nodes on which a hypervisor runs the guest; null: there are none that could be asked. */
  running(id: string): Promise<readonly string[]> | null;
  /** Waits until a guest that runs answers. */
  booted(id: string): Promise<void>;
  /** The definition of a guest that runs, as its hypervisor has it. */
  definition(id: string): Promise<string> | null;
}

// oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
type Row = any;

export interface DocumentRun extends DocumentWorld {
  /** What stands for `<vm-id>` and its siblings. */
  readonly ids: Record<string, string>;
  /** What the last line printed: JSON of a curl line, else text. */
  last: Row;
  row(sql: string, ...values: unknown[]): Row;
  /** Waits until nothing is done with the VM any more. */
  rests(): Promise<void>;
}

export interface Line {
  readonly line: string;
  /** Which id of the answer is kept, and as what. */
  readonly keep?: string;
  readonly then?: (run: DocumentRun) => Promise<void> | void;
}

/** Gives the service a port of its own for NovaCron's API and an application credential for whoever comes there. */
export async function openDocumentPort(service: Service): Promise<string> {
  const { body: who } = await service.request('xloud', 'GET', '/identity/v3/users?name=admin');
  const user = who.users[0].id as string;
  const wish = { application_credential: { name: 'novacron', unrestricted: false } };
  const { body } = await service.request('xloud', 'POST', `/identity/v3/users/${user}/application_credentials`, wish);
  const { id, secret, project_id } = body.application_credential;
  const file = join(service.dataDir, '..', 'novacron-secret');
  await writeFile(file, `${secret}\n`, { mode: 0o600 });
  const port = await freePort();
  await service.kill('SIGTERM');
  await service.start(undefined, {
    XLOUD_NOVACRON__LISTEN: `127.0.0.1:${port}`,
    XLOUD_NOVACRON__LOOPBACK_PROJECT: project_id,
    XLOUD_NOVACRON__LOOPBACK_CREDENTIAL_ID: id,
    XLOUD_NOVACRON__LOOPBACK_CREDENTIAL_SECRET_FILE: file,
    XLOUD_NOVACRON__LOG_DIR: join(service.dataDir, '..', 'novacron-log'),
  });
  return `http://localhost:${port}`;
}

const ok = (value: unknown, message: string): void => assert.ok(value, message);

/** States of the row and of the guest agree. */
async function guestIs(run: DocumentRun, state: 'active' | 'stopped'): Promise<void> {
  const id = run.ids['vm-id'] as string;
  const { vm_state, host } = run.row('select vm_state, host from servers where uuid = ?', id);
  assert.equal(vm_state, state);
  const on = await run.running(id);
  if (on !== null) assert.deepEqual(on, state === 'active' ? [host] : []);
}

const made =
  (template: boolean) =>
  async (run: DocumentRun): Promise<void> => {
    await run.rests();
    const id = run.ids['vm-id'] as string;
    const { id: server, flavorid } = run.row('select id, flavorid from servers where uuid = ?', id);
    assert.match(flavorid, /^sized-/);
    const told = run.row("select value from server_metadata where server_id = ? and key = 'xloud:template'", server);
    assert.equal(told?.value, template ? 'web-server' : undefined);
    await guestIs(run, 'active');
  };

const rowOf = (run: DocumentRun, id: string): Row => run.row('select * from server_copies where id = ?', run.ids[id]);
const fileOf = ({ service, ids }: DocumentRun, id: string): string =>
  join(service.dataDir, 'backups', ids['vm-id'] as string, `${ids[id]}.qcow2`);

const copied =
  (id: 'snapshot-id' | 'backup-id', name: string, kind: string) =>
  async (run: DocumentRun): Promise<void> => {
    await run.rests();
    const copy = rowOf(run, id);
    assert.deepEqual([copy.name, copy.kind, copy.status, copy.reason], [name, kind, 'available', null]);
    ok(existsSync(fileOf(run, id)), `${id} has a file`);
  };

const dropped =
  (id: 'snapshot-id' | 'backup-id') =>
  async (run: DocumentRun): Promise<void> => {
    await eventually(`${id} gone`, REST_MS, () => rowOf(run, id) === undefined || null);
    ok(!existsSync(fileOf(run, id)), `the file of ${id} is gone`);
  };

/** The last action of the VM is this one, and went well. */
const did = (action: string, state: 'active' | 'stopped' = 'active') => ({
  async then(run: DocumentRun): Promise<void> {
    await run.rests();
    const last = run.row(
      'select action, message, state from instance_actions where server_uuid = ? order by id desc limit 1',
      run.ids['vm-id'],
    );
    assert.deepEqual(last, { action, message: null, state: 'done' });
    await guestIs(run, state);
  },
});

const profiled = (run: DocumentRun): void => {
  const { flavor } = run.row('select flavor from servers where uuid = ?', run.ids['vm-id']);
  assert.match(flavor, /"xloud:profile":"high-performance"/);
};

/** What the profile asks for is in the guest once it was started anew. */
async function hasProfile(run: DocumentRun): Promise<void> {
  await did('start').then(run);
  const definition = await run.definition(run.ids['vm-id'] as string);
  if (definition !== null) assert.match(definition, /<shares>4096<\/shares>/);
}

async function adjusted(run: DocumentRun): Promise<void> {
  await did('adjust').then(run);
  const sql = 'select current_memory_mb, adjust_status from servers where uuid = ?';
  assert.deepEqual(run.row(sql, run.ids['vm-id']), { current_memory_mb: 1024, adjust_status: 'idle' });
}

async function movedLive(run: DocumentRun): Promise<void> {
  await run.rests();
  const move = run.row('select * from migrations where uuid = ?', run.ids['migration-id']);
  assert.deepEqual(
    [move.status, move.migration_type, move.dest_compute],
    ['completed', 'live-migration', run.ids['target-node']],
  );
  const { host } = run.row('select host from servers where uuid = ?', run.ids['vm-id']);
  assert.equal(host, run.ids['target-node']);
  await guestIs(run, 'active');
}

const movedOffline = async (run: DocumentRun): Promise<void> => {
  await run.rests();
  const { status } = run.row('select status from migrations where uuid = ?', run.ids['migration-id']);
  assert.equal(status, 'finished');
};

async function movedBack(run: DocumentRun): Promise<void> {
  await run.rests();
  const move = run.row('select * from migrations where uuid = ?', run.ids['migration-id']);
  assert.equal(move.status, 'reverted');
  const { host } = run.row('select host from servers where uuid = ?', run.ids['vm-id']);
  assert.equal(host, move.source_compute);
  await guestIs(run, 'active');
}

async function gone(run: DocumentRun): Promise<void> {
  const id = run.ids['vm-id'] as string;
  await eventually(
    `${id} gone`,
    REST_MS,
    () => run.row('select deleted from servers where uuid = ?', id).deleted || null,
  );
  const on = await run.running(id);
  if (on !== null) assert.deepEqual(on, []);
}

/** The answer of a curl line has this. */
const says = (look: (last: Row, run: DocumentRun) => unknown) => ({
  then: (run: DocumentRun): void => ok(look(run.last, run), JSON.stringify(run.last)),
});
const prints = (pattern: RegExp) => ({ then: (run: DocumentRun): void => assert.match(run.last as string, pattern) });
const lists = (name: string, id: string) => says((last, { ids }) => last[name].some((one: Row) => one.id === ids[id]));
const tells = (id: string) => ({
  then: (run: DocumentRun): void => ok((run.last as string).includes(run.ids[id] as string), run.last as string),
});

const API = 'http://localhost:8080/api/v1';
const get = (path: string): string => `curl -X GET "${API}${path}"`;
const post = (path: string): string => `curl -X POST "${API}${path}"`;
const remove = (path: string): string => `curl -X DELETE "${API}${path}"`;
const posted = (path: string, body: string): string =>
  `curl -X POST "${API}${path}" \\\n  -H "Content-Type: application/json" \\\n  -d '${body}'`;

export const curlLines: readonly Line[] = [
  {
    line: posted(
      '/vms',
      `{
    "name": "web-server",
    "vcpus": 2,
    "memory_mb": 2048,
    "disk_mb": 20480,
    "image": "ubuntu-24.04",
    "cloud_init": {
      "user_data_template": "web-server",
      "template_vars": {
        "ssh_authorized_keys": ["ssh-rsa AAAA..."]
      }
    }
  }`,
    ),
    keep: 'vm-id',
    then: made(true),
  },
  { line: get('/vms'), ...lists('vms', 'vm-id') },
  {
    line: get('/vms/<vm-id>'),
    ...says(({ vcpus, memory_mb, disk_mb }) => vcpus === 2 && memory_mb === 2048 && disk_mb === 20_480),
  },
  { line: get('/vms/<vm-id>/cloudinit/status'), ...says(({ status }) => typeof status === 'string') },
  { line: get('/vms/<vm-id>/cloudinit/logs'), ...says((last) => 'log' in last) },
  { line: get('/cloudinit/templates'), ...says(({ templates }) => templates.length >= 5) },
  { line: get('/vms/<vm-id>/performance/metrics'), ...says(({ vcpus }) => vcpus === 2) },
  {
    line: posted(
      '/vms/<vm-id>/snapshots',
      `{
    "name": "my-snapshot",
    "description": "My first snapshot",
    "tags": {
      "purpose": "backup",
      "environment": "production"
    }
  }`,
    ),
    keep: 'snapshot-id',
    async then(run) {
      await copied('snapshot-id', 'my-snapshot', 'snapshot')(run);
      const { description, tags } = rowOf(run, 'snapshot-id');
      assert.deepEqual(
        [description, new Set(JSON.parse(tags))],
        ['My first snapshot', new Set(['purpose=backup', 'environment=production'])],
      );
    },
  },
  { line: get('/vms/<vm-id>/snapshots'), ...lists('snapshots', 'snapshot-id') },
  { line: get('/snapshots/<snapshot-id>'), ...says(({ tags }) => tags.purpose === 'backup') },
  { line: post('/vms/<vm-id>/snapshots/<snapshot-id>/restore'), ...did('restore_disk') },
  { line: remove('/snapshots/<snapshot-id>'), then: dropped('snapshot-id') },
  {
    line: posted(
      '/vms/<vm-id>/backups',
      `{
    "name": "full-backup",
    "type": "full"
  }`,
    ),
    keep: 'backup-id',
    then: copied('backup-id', 'full-backup', 'full'),
  },
  { line: get('/vms/<vm-id>/backups'), ...lists('backups', 'backup-id') },
  { line: post('/vms/<vm-id>/backups/<backup-id>/restore'), ...did('restore_disk') },
  { line: remove('/backups/<backup-id>'), then: dropped('backup-id') },
  {
    line: posted(
      '/vms/<vm-id>/migrate',
      `{
    "target_node_id": "<target-node>",
    "options": {
      "live_migration": true,
      "auto_start": true,
      "delete_source": false,
      "verify_after_migration": true
    }
  }`,
    ),
    keep: 'migration-id',
    then: movedLive,
  },
  {
    line: get('/migrations/<migration-id>'),
    ...says(({ state, progress_percent: done }) => state === 'completed' && done === 100),
  },
  // one that can be given up
  {
    line: posted('/vms/<vm-id>/migrate', '{"target_node_id": "<target-node>"}'),
    keep: 'migration-id',
    then: movedOffline,
  },
  { line: post('/migrations/<migration-id>/cancel'), then: movedBack },
  {
    line: get('/performance/profiles'),
    ...says(({ profiles }) => profiles.some(({ name }: Row) => name === 'ubuntu-24-04-optimized')),
  },
  {
    line: posted(
      '/vms/<vm-id>/performance/profile',
      `{
    "profile": "high-performance"
  }`,
    ),
    then: profiled,
  },
  { line: post('/vms/<vm-id>/stop'), ...did('stop', 'stopped') },
  { line: post('/vms/<vm-id>/start'), then: hasProfile },
  {
    line: post('/vms/<vm-id>/restart'),
    async then(run) {
      await did('reboot').then(run);
      // only a guest that answers gives memory back
      await run.booted(run.ids['vm-id'] as string);
    },
  },
  { line: posted('/vms/<vm-id>/adjust', '{"memory_mb": 1024}'), then: adjusted },
  { line: remove('/vms/<vm-id>'), then: gone },
];

export const commandLines: readonly Line[] = [
  { line: 'novacron image list', ...prints(/ubuntu-24\.04/) },
  { line: 'novacron node status', ...prints(/up +enabled/) },
  {
    line: `novacron vm create --name "web-server" --image "ubuntu-24.04" \\
  --cloud-init-template "web-server" \\
  --template-vars '{"ssh_authorized_keys": ["ssh-rsa AAAA..."]}'`,
    keep: 'vm-id',
    then: made(true),
  },
  { line: 'novacron vm delete --vm-id <vm-id>', then: gone },
  {
    line: 'novacron vm create --name <name> --image "ubuntu-24.04" --vcpus <vcpus> --memory <memory_mb> --disk <disk_mb>',
    keep: 'vm-id',
    then: made(false),
  },
  { line: 'novacron vm list', ...tells('vm-id') },
  { line: 'novacron vm show --vm-id <vm-id>', ...tells('vm-id') },
  { line: 'novacron cloudinit template list', ...prints(/web-server/) },
  { line: 'novacron vm cloudinit status --vm-id <vm-id>', ...prints(/^status /m) },
  { line: 'novacron vm cloudinit logs --vm-id <vm-id>' },
  { line: 'novacron vm performance metrics --vm-id <vm-id>', ...prints(/^memory_mb /m) },
  {
    line: 'novacron vm snapshot create --vm-id <vm-id> --name "my-snapshot" --description "My first snapshot"',
    keep: 'snapshot-id',
    then: copied('snapshot-id', 'my-snapshot', 'snapshot'),
  },
  { line: 'novacron vm snapshot list --vm-id <vm-id>', ...tells('snapshot-id') },
  { line: 'novacron vm snapshot show --snapshot-id <snapshot-id>', ...prints(/My first snapshot/) },
  { line: 'novacron vm snapshot restore --vm-id <vm-id> --snapshot-id <snapshot-id>', ...did('restore_disk') },
  { line: 'novacron vm snapshot delete --snapshot-id <snapshot-id>', then: dropped('snapshot-id') },
  {
    line: 'novacron vm snapshot create --vm-id <vm-id> --name <name> --description <description>',
    keep: 'snapshot-id',
    then: copied('snapshot-id', 'named', 'snapshot'),
  },
  {
    line: 'novacron vm backup create --vm-id <vm-id> --name "full-backup"',
    keep: 'backup-id',
    then: copied('backup-id', 'full-backup', 'full'),
  },
  { line: 'novacron vm backup list --vm-id <vm-id>', ...tells('backup-id') },
  { line: 'novacron vm backup restore --vm-id <vm-id> --backup-id <backup-id>', ...did('restore_disk') },
  { line: 'novacron vm backup delete --backup-id <backup-id>', then: dropped('backup-id') },
  {
    line: 'novacron vm backup create --vm-id <vm-id> --name <name>',
    keep: 'backup-id',
    then: copied('backup-id', 'named', 'full'),
  },
  {
    line: 'novacron vm migrate --vm-id <vm-id> --target-node "<target-node>" --live',
    keep: 'migration-id',
    then: movedLive,
  },
  { line: 'novacron migration status --migration-id <migration-id>', ...prints(/^state +completed$/m) },
  { line: 'novacron vm migrate --vm-id <vm-id> --target-node <target-node>', keep: 'migration-id', then: movedOffline },
  { line: 'novacron migration cancel --migration-id <migration-id>', then: movedBack },
  { line: 'novacron performance profile list', ...prints(/^high-performance /m) },
  { line: 'novacron vm performance apply-profile --vm-id <vm-id> --profile "high-performance"', then: profiled },
  { line: 'novacron vm stop --vm-id <vm-id>', ...did('stop', 'stopped') },
  { line: 'novacron vm start --vm-id <vm-id>', then: hasProfile },
  { line: 'novacron vm restart --vm-id <vm-id>', ...did('reboot') },
  { line: 'novacron vm delete --vm-id <vm-id>', then: gone },
];

interface Printed {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs lines in a shell. @param root where NovaCron's API is, in place of `http://localhost:8080` */
export function documentShell({ dataDir }: Service, root: string): (line: string) => Promise<Printed> {
  const { OS_CLOUD: _cloud, ...inherited } = process.env;
  const env = {
    ...inherited,
    PATH: `${join(ROOT, 'bin')}:${inherited['PATH'] ?? ''}`,
    OS_CLIENT_CONFIG_FILE: join(dataDir, 'clouds.yaml'),
    OS_CLOUD: 'xloud',
  };
  return (line) =>
    new Promise((resolve) => {
      const words = line.replaceAll('http://localhost:8080', root).replace(/^curl /, 'curl -sS ');
      execFile('sh', ['-c', words], { env, timeout: LINE_MS }, (error, stdout, stderr) =>
        resolve({ status: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
      );
    });
}

const ID = /^id +(\S+)$/m;

export interface DocumentRunner {
  run(line: Line): Promise<void>;
  /** Looks into the log files that the document names. */
  checkLogs(): Promise<void>;
  close(): void;
}

/** The text of a log file, which only its owner and his group read. */
async function logText(service: Service, ...names: string[]): Promise<string> {
  const path = join(service.dataDir, '..', 'novacron-log', ...names);
  await eventually(path, REST_MS, () => existsSync(path) || null);
  assert.equal(statSync(path).mode & 0o777, 0o640);
  return readFileSync(path, 'utf8');
}

/** One that runs lines one after another, each with the ids that those before it gave. */
export function documentRunner(world: DocumentWorld, root: string, nodes: readonly [string, string]): DocumentRunner {
  const shell = documentShell(world.service, root);
  const database = new Database(join(world.service.dataDir, 'xloud.db'), { readonly: true });
  const run: DocumentRun = {
    ...world,
    ids: { name: 'named', description: 'described', vcpus: '1', memory_mb: '512', disk_mb: '2048' },
    last: null,
    row: (sql, ...values) => database.prepare(sql).get(...values),
    async rests() {
      const id = run.ids['vm-id'];
      await eventually(`${id} rests`, REST_MS, () => {
        const row = run.row('select vm_state, task_state from servers where uuid = ?', id);
        assert.notEqual(row.vm_state, 'error');
        return row.task_state === null && row.vm_state !== 'building' ? true : null;
      });
    },
  };
  return {
    async run({ line, keep, then }) {
      if (line.includes('<target-node>')) {
        // the one that it is not on
        const { host } = run.row('select host from servers where uuid = ?', run.ids['vm-id']);
        run.ids['target-node'] = nodes.find((node) => node !== host) as string;
      }
      const filled = line.replace(/<([a-z_-]+)>/g, (whole, name: string) => run.ids[name] ?? whole);
      const { status, stdout, stderr } = await shell(filled);
      assert.equal(status, 0, `${filled}: ${stderr}${stdout}`);
      const isCurl = line.startsWith('curl');
      run.last = isCurl ? JSON.parse(stdout) : stdout;
      if (isCurl) assert.equal(run.last.error, undefined, `${filled}: ${stdout}`);
      if (keep !== undefined) {
        const id = isCurl ? (run.last.id as string) : ID.exec(stdout)?.[1];
        assert.ok(id, `${filled}: no id in ${stdout}`);
        run.ids[keep] = id;
      }
      await then?.(run);
    },
    async checkLogs() {
      const { service, ids } = run;
      assert.match(await logText(service, 'api.log'), /"service":"novacron".*"path":"\/v1\/vms"/);
      assert.match(await logText(service, 'hypervisor.log'), /"part":"hypervisor"/);
      const vm = await logText(service, 'vms', `${ids['vm-id']}.log`);
      for (const action of ['create', 'restore_disk', 'live-migration', 'reboot'])
        assert.match(vm, new RegExp(`"action":"${action}".*"outcome":"success"`), action);
      const migration = await logText(service, 'migrations', `${ids['migration-id']}.log`);
      assert.match(migration, /a migration is asked for[^]*an action has ended/);
    },
    close: () => void database.close(),
  };
}
