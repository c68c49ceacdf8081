// Nova's versioned notifications, on a real broker and heard through oslo.messaging: their names, shapes and order; that none is
// lost while the broker is away; and that nobody is told of what did not happen.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { type AddressInfo, connect as netConnect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'amqplib';
import { makeNotificationSender } from '../../src/bus/notifications.ts';
import { waitingNotifications } from '../../src/db/notifications.ts';
import { apiNotification, serverGroupPayload } from '../../src/domain/notifications/notifications.ts';
import { type NotificationRelay, startNotificationRelay } from '../../src/ops/notifications/notification-relay.ts';
import { type Rabbitmq, startRabbitmq } from '../support/rabbitmq.ts';
import { type Servers, startServers } from '../support/servers.ts';
import { testConfig } from '../support/world.ts';

const TOPIC = 'versioned_notifications';
const PATIENCE_MS = 30_000;

/** What Nova's instance payload has, by its published samples. */
const INSTANCE_KEYS = [
  ...['action_initiator_project', 'action_initiator_user', 'architecture', 'auto_disk_config', 'availability_zone'],
  ...[
    'block_devices',
    'created_at',
    'deleted_at',
    'display_description',
    'display_name',
    'flavor',
    'host',
    'host_name',
  ],
  ...[
    'image_uuid',
    'ip_addresses',
    'kernel_id',
    'key_name',
    'launched_at',
    'locked',
    'locked_reason',
    'metadata',
    'node',
  ],
  ...[
    'os_type',
    'power_state',
    'progress',
    'ramdisk_id',
    'request_id',
    'reservation_id',
    'shares',
    'state',
    'task_state',
  ],
  ...['tenant_id', 'terminated_at', 'updated_at', 'user_id', 'uuid'],
];
const FLAVOR_KEYS = [
  ...[
    'description',
    'disabled',
    'ephemeral_gb',
    'extra_specs',
    'flavorid',
    'is_public',
    'memory_mb',
    'name',
    'projects',
  ],
  ...['root_gb', 'rxtx_factor', 'swap', 'vcpu_weight', 'vcpus'],
];
const IP_KEYS = ['address', 'device_name', 'label', 'mac', 'meta', 'port_uuid', 'version'];

// biome-ignore lint/suspicious/noExplicitAny: tests read what they expect
// oxlint-disable-next-line typescript/no-explicit-any
type Heard = Record<string, any>;

describe('notifications', () => {
  let broker: Rabbitmq;
  let servers: Servers;
  let relay: NotificationRelay;
  let listener: ChildProcess;
  /** What the listener says of itself: a broker that is away, or why it ended. */
  let complaints = '';
  const heard: Heard[] = [];

  before(async () => {
    broker = await startRabbitmq();
    servers = await startServers({ config: { ...testConfig, notifications: true } });
    const { url } = broker;
    relay = startNotificationRelay(
      servers.world.deps,
      makeNotificationSender({ url, exchange: 'nova', topics: [TOPIC] }),
    );
    const script = new URL('../support/oslo-listener.py', import.meta.url).pathname;
    listener = spawn('/usr/bin/python3', [script, url.replace('amqp:', 'rabbit:'), TOPIC], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    listener.stderr?.on('data', (chunk: Buffer) => {
      complaints += chunk.toString();
    });
    createInterface({ input: listener.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      heard.push(JSON.parse(line) as Heard);
    });
  });
  after(async () => {
    await relay?.close();
    await servers?.close();
    listener?.kill();
    await broker?.stop();
  });

  async function until<T>(what: string, look: () => T | undefined): Promise<T> {
    const giveUpAt = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      assert.equal(listener.exitCode, null, complaints);
      assert.ok(Date.now() < giveUpAt, `${what}: only ${heard.map((one) => one['event_type']).join(', ')}`);
      await sleep(20);
    }
  }
  const told = (eventType: string, uuid: string): Promise<Heard> =>
    until(eventType, () =>
      heard.find((one) => one['event_type'] === eventType && one['payload']['nova_object.data'].uuid === uuid),
    );
  const dataOf = (one: Heard): Heard => one['payload']['nova_object.data'];
  const keysOf = (value: object) => Object.keys(value).sort();

  it('tell of a server’s life in Nova’s names and shapes', async () => {
    const id = await servers.create({ name: 'told', metadata: { a: 'b' } });
    const begun = await told('instance.create.start', id);
    const ended = await told('instance.create.end', id);
    assert.equal(begun['payload']['nova_object.name'], 'InstanceCreatePayload');
    assert.equal(begun['payload']['nova_object.version'], '1.13');
    assert.deepEqual(
      keysOf(dataOf(ended)),
      [...INSTANCE_KEYS, 'fault', 'instance_name', 'keypairs', 'tags', 'trusted_image_certificates'].sort(),
    );
    const { state, power_state, task_state, display_name, metadata, host, ip_addresses, flavor, request_id } = dataOf(
      ended,
    ) as Heard;
    assert.deepEqual(
      { state, power_state, task_state, display_name, metadata, host },
      {
        state: 'active',
        power_state: 'running',
        task_state: null,
        display_name: 'told',
        metadata: { a: 'b' },
        host: 'host-1',
      },
    );
    assert.equal(dataOf(begun)['state'], 'building');
    assert.deepEqual(keysOf(flavor['nova_object.data']), FLAVOR_KEYS);
    assert.deepEqual(keysOf(ip_addresses[0]['nova_object.data']), IP_KEYS);
    assert.match(request_id, /^req-/);
    assert.match(ended['publisher_id'], /^nova-compute:host-1$/);
    assert.match(ended['timestamp'], /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
    assert.equal(ended['context'].request_id, request_id);

    for (const [body, event] of [
      [{ 'os-stop': null }, 'power_off'],
      [{ 'os-start': null }, 'power_on'],
      [{ pause: null }, 'pause'],
      [{ unpause: null }, 'unpause'],
      [{ reboot: { type: 'HARD' } }, 'reboot'],
    ] as const) {
      assert.equal((await servers.act(id, body)).status, 202);
      await servers.world.settled();
      const start = await told(`instance.${event}.start`, id);
      const end = await told(`instance.${event}.end`, id);
      assert.ok(heard.indexOf(start) < heard.indexOf(end), event);
      assert.notEqual(dataOf(start)['task_state'], null, event);
      assert.equal(dataOf(end)['task_state'], null, event);
      assert.deepEqual(keysOf(dataOf(end)), [...INSTANCE_KEYS, 'fault'].sort());
    }

    assert.equal((await servers.act(id, { lock: null })).status, 202);
    assert.equal(dataOf(await told('instance.lock', id))['locked'], true);
    // locked by its member, so an administrator
    assert.equal((await servers.request('DELETE', `/servers/${id}`, { as: 'admin' })).status, 204);
    await servers.world.settled();
    assert.equal(dataOf(await told('instance.delete.end', id))['state'], 'deleted');
  });

  it('tell of changes of state, of tags and of adjustments', async () => {
    const id = await servers.create({ name: 'changes', flavorRef: 'elastic' });
    const first = await told('instance.update', id);
    assert.deepEqual(
      keysOf(dataOf(first)),
      [...INSTANCE_KEYS, 'audit_period', 'old_display_name', 'state_update', 'tags'].sort(),
    );
    const tags = await servers.request('PUT', `/servers/${id}/tags`, {
      as: 'member',
      version: '2.26',
      body: { tags: ['one'] },
    });
    assert.equal(tags.status, 200, tags.text);
    await until('tags', () =>
      heard.find((one) => one['event_type'] === 'instance.update' && dataOf(one)['tags']?.includes('one')),
    );
    const adjusted = await servers.request('POST', `/os-xloud-adjust/${id}`, {
      as: 'manager',
      body: { current_vcpus: 3 },
    });
    assert.equal(adjusted.status, 202, adjusted.text);
    await servers.world.settled();
    assert.deepEqual(dataOf(await told('instance.adjust.end', id))['vcpus'], { current: 3, target: 3 });
  });

  it('tell of failures, with what the server’s owner may read', async () => {
    const id = await servers.create({ metadata: { xloud_fake: 'fail:powerOff' } });
    assert.equal((await servers.act(id, { 'os-stop': null })).status, 202);
    await servers.world.settled();
    const failed = await told('instance.power_off.error', id);
    assert.match(dataOf(failed)['fault']['nova_object.data'].exception_message, /fails at powerOff/);
    assert.equal(
      heard.some((one) => one['event_type'] === 'instance.power_off.end' && dataOf(one)['uuid'] === id),
      false,
    );
  });

  it('tell of flavors and keys', async () => {
    const flavor = { name: 'told', vcpus: 1, ram: 64, disk: 0, id: 'told-flavor' };
    assert.equal((await servers.request('POST', '/flavors', { body: { flavor } })).status, 200);
    const made = await until('flavor.create', () =>
      heard.find((one) => one['event_type'] === 'flavor.create' && dataOf(one)['flavorid'] === 'told-flavor'),
    );
    assert.deepEqual(keysOf(dataOf(made)), FLAVOR_KEYS);
    const keypair = { name: 'told' };
    assert.equal((await servers.request('POST', '/os-keypairs', { as: 'member', body: { keypair } })).status, 200);
    const key = await until('keypair.create.end', () =>
      heard.find((one) => one['event_type'] === 'keypair.create.end'),
    );
    assert.deepEqual(keysOf(dataOf(key)), ['fingerprint', 'name', 'public_key', 'type', 'user_id']);
  });

  it('wait while the broker is away, and come in their order', async () => {
    await relay.flush();
    await broker.stop();
    const id = await servers.create({ name: 'meanwhile' });
    assert.ok((await waitingNotifications(servers.world.database.read, 100)).length >= 2);
    await broker.start();
    const begun = await told('instance.create.start', id);
    const ended = await told('instance.create.end', id);
    assert.ok(heard.indexOf(begun) < heard.indexOf(ended));
    await relay.flush();
    assert.deepEqual(await waitingNotifications(servers.world.database.read, 100), []);
  });

  it('leave no connection behind for each attempt that the broker refuses', async () => {
    const topic = 'taken';
    const own = await connect(broker.url);
    const channel = await own.createChannel();
    // somebody else's queue of that name, and of another kind
    await channel.assertQueue(`${topic}.info`, { durable: true });
    const open = new Set<Socket>();
    let dialled = 0;
    const line = createServer((socket) => {
      dialled += 1;
      open.add(socket);
      const onward = netConnect(broker.port, '127.0.0.1');
      pipeline(socket, onward, socket, () => undefined);
      socket.once('close', () => open.delete(socket));
    });
    await new Promise<void>((resolve) => line.listen(0, '127.0.0.1', resolve));
    const url = broker.url.replace(String(broker.port), String((line.address() as AddressInfo).port));
    const sender = makeNotificationSender({ url, exchange: 'nova', topics: [topic] });
    const context = { requestId: 'req-1', userId: 'u', projectId: 'p' };
    const group = {
      id: 1,
      uuid: 'g',
      ...{ projectId: 'p', userId: 'u', name: 'n' },
      policy: 'affinity',
      maxServerPerHost: null,
    } as const;
    const notification = apiNotification(
      'server_group.create',
      'nova-api:xloud',
      serverGroupPayload(group, []),
      context,
    );
    try {
      for (let attempt = 1; attempt <= 3; attempt += 1) {
        await assert.rejects(sender.send([{ createdAt: 0, notification }]), { code: 'broker.away' });
      }
      assert.equal(dialled, 3, 'each attempt is made anew');
      await until('the connections end', () => (open.size === 0 ? true : undefined));
    } finally {
      await sender.close();
      line.close();
      for (const socket of open) socket.destroy();
      await channel.deleteQueue(`${topic}.info`);
      await own.close();
    }
  });

  it('are not even written where no broker is configured', async () => {
    const quiet = await startServers();
    await quiet.create();
    assert.deepEqual(await waitingNotifications(quiet.world.database.read, 1), []);
    await quiet.close();
  });
});
