// Why: an operator that asks for everything of each machine all the time costs both APIs more than the machines themselves. Hundreds of machines
// are written at once; then they rest; then all are deleted: what the operator asked of both sides for each, and what it took of a processor.
//
// Needs a kube-apiserver (tools/kubernetes.sh build).
//
// usage: node bench/operator.ts [--json] [--machines N] [--rest SECONDS]

import { setTimeout as sleep } from 'node:timers/promises';
import { type Kubernetes, kubernetesPath, startKubernetes } from '../test/support/kubernetes.ts';
import { type OperatorProcess, startOperatorProcess } from '../test/support/operator.ts';
import { type Service, startService } from '../test/support/serve.ts';
import { conclude, type Figure, say } from './lib/figures.ts';
import { numberOf } from './lib/flags.ts';
import { cpuMicros } from './lib/process.ts';

const MACHINES = numberOf('--machines', 500);
const REST_SECONDS = numberOf('--rest', 30);
const PATIENCE_MS = 900_000;

const names = Array.from({ length: MACHINES }, (_, at) => `vm-${at}`);
const manifestOf = (name: string) => ({
  ...{ apiVersion: 'novacron.io/v1alpha1', kind: 'VirtualMachine', metadata: { name } },
  spec: {
    template: { spec: { resources: { cpu: 1, memory: '512Mi', disk: '1Gi' }, image: { source: 'image://small' } } },
  },
});

/** The sum of a metric's samples whose labels match. */
function sumOf(page: string, metric: string, labels = /./): number {
  const samples = page.split('\n').filter((line) => line.startsWith(`${metric}{`) && labels.test(line));
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

interface Count {
  readonly cloud: number;
  readonly cluster: number;
  readonly cpuMs: number;
}

async function countOf(service: Service, kubernetes: Kubernetes, operator: OperatorProcess): Promise<Count> {
  const [cloud, cluster] = await Promise.all([
    fetch(`${service.url}/metrics`).then((reply) => reply.text()),
    kubernetes.kubectl(['get', '--raw', '/metrics']),
  ]);
  return {
    cloud: sumOf(cloud, 'xloud_http_request_duration_seconds_count', /service="(compute|image|network)"/),
    // what only the operator does: it alone writes statuses, finalizers and events here
    cluster: sumOf(cluster, 'apiserver_request_total', /resource="(virtualmachines|events)".*verb="(PATCH|POST|LIST)"/),
    cpuMs: cpuMicros(operator.pid) / 1_000,
  };
}

const between = (before: Count, after: Count): Count => ({
  cloud: after.cloud - before.cloud,
  cluster: after.cluster - before.cluster,
  cpuMs: after.cpuMs - before.cpuMs,
});

async function until(what: string, isThere: () => Promise<boolean>): Promise<number> {
  const began = performance.now();
  while (!(await isThere())) {
    if (performance.now() - began > PATIENCE_MS) throw new Error(`not yet: ${what}`);
    await sleep(500);
  }
  return (performance.now() - began) / 1_000;
}

async function phases(operator: OperatorProcess, phase: string): Promise<number> {
  return sumOf(await operator.metrics(), 'novacron_vm_total', new RegExp(`phase="${phase}"`));
}

/** The kubeconfig of the operator. */
async function prepare(service: Service, kubernetes: Kubernetes): Promise<string> {
  const image = { name: 'small', disk_format: 'raw', container_format: 'bare', visibility: 'public' };
  const { body } = await service.request('xloud', 'POST', '/image/v2/images', image);
  const bytes = { 'Content-Type': 'application/octet-stream' };
  await service.request('xloud', 'PUT', `/image/v2/images/${body.id}/file`, Buffer.alloc(1_024), bytes);
  return kubernetes.installOperator();
}

async function measure(service: Service, kubernetes: Kubernetes, operator: OperatorProcess): Promise<Figure[]> {
  const start = await countOf(service, kubernetes, operator);
  const list = { apiVersion: 'v1', kind: 'List', items: names.map(manifestOf) };
  const writing = kubernetes.kubectl(['create', '-f', '-'], JSON.stringify(list));
  const seconds = await until('all run', async () => (await phases(operator, 'Running')) === MACHINES);
  await writing;
  await sleep(15_000);
  const made = await countOf(service, kubernetes, operator);
  say(`${MACHINES} machines run after ${Math.round(seconds)} s`);
  await sleep(REST_SECONDS * 1_000);
  const rested = await countOf(service, kubernetes, operator);
  await kubernetes.kubectl(['delete', 'vm', '--all', '--wait=false']);
  const gone = await until('all are gone', async () => (await kubernetes.get('vm')).items.length === 0);
  const deleted = await countOf(service, kubernetes, operator);
  const [making, resting, deleting] = [between(start, made), between(made, rested), between(rested, deleted)];
  const each = (value: number): number => value / MACHINES;
  return [
    { name: 'machines run after', value: seconds, unit: 's' },
    { name: 'requests to the cloud to make one', value: each(making.cloud), unit: '' },
    {
      name: 'requests to Kubernetes to make one',
      value: each(making.cluster),
      unit: '',
      note: 'its creation by kubectl is one',
    },
    { name: "the operator's CPU to make one", value: each(making.cpuMs), unit: 'ms' },
    {
      name: 'at rest: requests to the cloud',
      value: resting.cloud / REST_SECONDS,
      unit: '/s',
      note: 'for all machines together',
    },
    { name: 'at rest: CPU', value: resting.cpuMs / REST_SECONDS / 10, unit: '%' },
    { name: 'machines are gone after', value: gone, unit: 's' },
    { name: 'requests to the cloud to delete one', value: each(deleting.cloud), unit: '' },
  ];
}

const path = await kubernetesPath();
if (path === null) throw new Error('no kube-apiserver was built: tools/kubernetes.sh build');
const kubernetes = await startKubernetes(path);
const many = String(MACHINES * 10);
const env = {
  ...{ XLOUD_COMPUTE__FAKE_HOSTS: '20', XLOUD_QUOTA__INSTANCES: many, XLOUD_QUOTA__CORES: many },
  XLOUD_QUOTA__RAM: String(MACHINES * 1_024),
};
const service = await startService({ driver: 'fake', env });
try {
  const kubeconfig = await prepare(service, kubernetes);
  const operator = await startOperatorProcess(service, kubeconfig);
  try {
    conclude('operator', await measure(service, kubernetes, operator), { machines: MACHINES });
  } finally {
    await operator.kill('SIGTERM');
  }
} finally {
  await service.close();
  await kubernetes.stop();
}
