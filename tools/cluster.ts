// Why: what an installation on several machines is made of can be seen and touched on one: each process apart, with a configuration of its
// own, as it would stand elsewhere. Nothing of it stays when it ends.
//
// usage: node tools/cluster.ts [--hosts N] [--port PORT] [--driver fake|libvirt]

import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Cluster, startCluster } from '../test/support/cluster.ts';
import { eventually } from '../test/support/serve.ts';

const HAPROXY = '/usr/sbin/haproxy';
const FRONT_MS = 15_000;

const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '3' },
    port: { type: 'string', default: '8774' },
    driver: { type: 'string', default: 'fake' },
  },
});
const hostCount = Number(values.hosts);
const port = Number(values.port);
if (!Number.isInteger(hostCount) || hostCount < 1 || hostCount > 64) throw new Error('--hosts: 1 to 64 are wanted');
if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error('--port: a TCP port is wanted');

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** The APIs in turns; one that does not live gets no requests. */
const configurationOf = (apis: readonly string[]): string => `
defaults
  mode http
  timeout connect 2s
  timeout client 130s
  timeout server 900s
  timeout tunnel 1h
  retries 2
  option redispatch
frontend front
  bind 127.0.0.1:${port}
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  http-request del-header X-Forwarded-Prefix
  default_backend apis
backend apis
  balance roundrobin
  option httpchk GET /healthz
${apis.map((url, index) => `  server api-${index + 1} ${new URL(url).host} check inter 1s fall 2 rise 1`).join('\n')}
`;

const url = `http://127.0.0.1:${port}`;
const directory = await mkdtemp(join(tmpdir(), 'xloud-front-'));
let haproxy: ChildProcess | null = null;

async function startFront(apis: readonly string[]): Promise<void> {
  const file = join(directory, 'haproxy.cfg');
  writeFileSync(file, configurationOf(apis));
  const started = spawn(HAPROXY, ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  haproxy = started;
  await eventually('HAProxy', FRONT_MS, async () => {
    if (started.exitCode !== null) throw new Error('HAProxy did not start (see above)');
    const response = await fetch(`${url}/healthz`).catch(() => null);
    await response?.body?.cancel();
    return response?.ok ? true : null;
  });
}

let cluster: Promise<Cluster> | null = null;
let ending: Promise<void> | null = null;

async function end(): Promise<void> {
  say('ending');
  await (await cluster?.catch(() => null))?.close();
  haproxy?.kill('SIGTERM');
  await rm(directory, { recursive: true, force: true });
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    ending ??= end().then(() => process.exit(0));
  });

const began = performance.now();
say(`starting MariaDB, RabbitMQ, HAProxy, 2 APIs, 2 workers, ${hostCount} agents`);
const hosts = Array.from({ length: hostCount }, (_, index) => `compute-${index + 1}`);
cluster = startCluster({ hosts, driver: values.driver, front: { url, start: startFront } });
try {
  const { cloudsYaml, apis, workers, agents, directory: where } = await cluster;
  const probes = (members: readonly { readonly url: string }[]): string => members.map((one) => one.url).join('  ');
  say(`
the cluster is up after ${Math.round((performance.now() - began) / 1000)} s at ${url} (HAProxy), driver ${values.driver}
  export OS_CLIENT_CONFIG_FILE=${cloudsYaml} OS_CLOUD=xloud
  openstack compute service list
  openstack flavor create small --vcpus 2 --ram 256 --disk 1
  head -c 1048576 /dev/zero > /tmp/blank.img
  openstack image create blank --public --disk-format raw --container-format bare --file /tmp/blank.img
  openstack server create first --image blank --flavor small --wait

APIs     ${probes(apis)}
workers  ${probes(workers)}
agents   ${probes([...agents.values()])}
each answers /readyz and /metrics; configurations and logs: ${where}/*.yaml, *.log
kill any of them and go on. Ctrl-C ends all and removes everything.`);
} catch (error) {
  process.stderr.write(`cluster: ${error instanceof Error ? error.message : String(error)}\n`);
  await (ending ??= end());
  process.exit(1);
}
