// The API server asks the operator before it stores a machine: what it refuses, what it writes down, and that it does without when nobody answers.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { type Kubernetes, kubernetesPath, startKubernetes } from '../support/kubernetes.ts';
import { type OperatorProcess, startOperatorProcess } from '../support/operator.ts';
import { eventually, freePort, type Service, startService } from '../support/serve.ts';

const CONFIG = join(import.meta.dirname, '..', '..', 'config');
const path = await kubernetesPath();
if (path === null) throw new Error('no kube-apiserver was built: tools/kubernetes.sh build');

interface Configuration {
  readonly kind: string;
  readonly webhooks?: { clientConfig: { service?: { path: string }; url?: string } }[];
}

/** The manifests of webhooks, called at an address instead of a service: there are no nodes that would carry one. */
function configurationsAt(port: number): string {
  const text = readFileSync(join(CONFIG, 'manager', '30-webhook.yaml'), 'utf8');
  const documents = parseAllDocuments(text).map((one) => one.toJSON() as Configuration);
  const items = documents.filter(({ kind }) => kind.endsWith('WebhookConfiguration'));
  assert.equal(items.length, 2);
  for (const { clientConfig } of items.flatMap(({ webhooks = [] }) => webhooks)) {
    clientConfig.url = `https://localhost:${port}${clientConfig.service?.path}`;
    delete clientConfig.service;
  }
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

const manifest = (name: string, machine: object = {}, spec: object = {}) =>
  JSON.stringify({
    ...{ apiVersion: 'novacron.io/v1alpha1', kind: 'VirtualMachine', metadata: { name } },
    spec: {
      running: false,
      template: {
        spec: { resources: { cpu: 2, memory: '2Gi', disk: '5Gi' }, image: { source: 'image://a' }, ...machine },
      },
      ...spec,
    },
  });

describe('webhooks of the Kubernetes operator', () => {
  let kubernetes: Kubernetes;
  let kubeconfig: string;
  let service: Service;
  let operator: OperatorProcess;
  let port: number;
  const apply = (text: string) => kubernetes.kubectl(['apply', '-f', '-'], text);
  const run = async () => {
    const words = ['--webhook-listen', `127.0.0.1:${port}`, '--webhook-service', 'novacron-webhook'];
    operator = await startOperatorProcess(service, kubeconfig, words);
  };

  before(async () => {
    kubernetes = await startKubernetes(path);
    service = await startService({ driver: 'fake' });
    port = await freePort();
    kubeconfig = await kubernetes.installOperator();
    await apply(configurationsAt(port));
    await run();
    await eventually('the operator watches', 30_000, () => (/machines are watched/.test(operator.log()) ? true : null));
  });
  after(async () => {
    await operator.kill('SIGTERM');
    await service.close();
    await kubernetes.stop();
  });

  it('has manifests that the API server takes', async () => {
    const dry = await kubernetes.kubectl([
      'apply',
      '--dry-run=server',
      '-f',
      join(CONFIG, 'manager'),
      '-f',
      join(CONFIG, 'samples'),
    ]);
    for (const part of [
      /deployment.apps\/novacron-controller-manager/,
      /service\/novacron-webhook/,
      /virtualmachine.novacron.io\/my-vm/,
    ])
      assert.match(dry, part);
  });

  it('makes its own certificate, which the API server trusts', async () => {
    const secret = await kubernetes.get('secret', 'novacron-webhook-cert', '-n', 'novacron-system');
    assert.equal(secret.type, 'kubernetes.io/tls');
    const configuration = await kubernetes.get('validatingwebhookconfiguration', 'novacron-operator');
    assert.equal(configuration.webhooks[0].clientConfig.caBundle, secret.data['tls.crt']);
  });

  it('writes the bounds of a new machine down, so that they stay when its size changes', async () => {
    await apply(manifest('bounded'));
    const { resources } = (await kubernetes.get('vm', 'bounded')).spec.template.spec;
    assert.deepEqual(resources, {
      ...{ cpu: 2, memory: '2Gi', disk: '5Gi' },
      ...{ ceiling: { cpu: 2, memory: '2048Mi' }, floor: { cpu: 1, memory: '512Mi' } },
    });
    const grown = { template: { spec: { resources: { cpu: 3 } } } };
    const patch = ['patch', 'vm', 'bounded', '--type', 'merge', '-p', JSON.stringify({ spec: grown })];
    await assert.rejects(kubernetes.kubectl(patch), /3 is above the ceiling, 2/);
  });

  it('refuses with every reason at once', async () => {
    const machine = { devices: [{ type: 'gpu' }], hooks: { preStop: { url: 'http://10.0.0.1/' } } };
    const spec = { provider: 'vmware', snapshotPolicy: { schedule: '61 * * * *' } };
    await assert.rejects(apply(manifest('bad', machine, spec)), (error: Error) => {
      assert.match(error.message, /denied the request/);
      assert.match(error.message, /there is no provider vmware yet/);
      assert.match(error.message, /devices of hosts are had by a flavor/);
      assert.match(error.message, /snapshotPolicy: /);
      assert.match(error.message, /hooks.preStop: http:\/\/10.0.0.1\/ is neither/);
      return true;
    });
    assert.deepEqual(
      (await kubernetes.get('vm')).items.map(({ metadata }: { metadata: { name: string } }) => metadata.name),
      ['bounded'],
    );
  });

  it('is done without where nobody answers, and has the same certificate afterwards', async () => {
    const before = (await kubernetes.get('secret', 'novacron-webhook-cert', '-n', 'novacron-system')).data;
    await operator.kill('SIGKILL');
    await apply(manifest('alone'));
    assert.equal((await kubernetes.get('vm', 'alone')).spec.template.spec.resources.ceiling, undefined);
    await run();
    assert.deepEqual((await kubernetes.get('secret', 'novacron-webhook-cert', '-n', 'novacron-system')).data, before);
    await assert.rejects(apply(manifest('bad', {}, { provider: 'aws' })), /there is no provider aws yet/);
    await eventually('the lease is taken again', 30_000, () =>
      /machines are watched/.test(operator.log()) ? true : null,
    );
    await kubernetes.kubectl(['delete', 'vm', '--all', '--timeout=30s']);
  });

  it('answers nothing but reviews', async () => {
    const agent = await import('undici').then(({ Agent }) => new Agent({ connect: { rejectUnauthorized: false } }));
    const { request } = await import('undici');
    const ask = async (method: 'GET' | 'POST', to: string, body?: string) =>
      (
        await request(`https://localhost:${port}${to}`, {
          method,
          dispatcher: agent,
          ...(body === undefined ? {} : { body }),
        })
      ).statusCode;
    assert.equal(await ask('GET', '/validate'), 404);
    assert.equal(await ask('POST', '/other', '{}'), 404);
    assert.equal(await ask('POST', '/validate', 'not json'), 400);
    assert.equal(await ask('POST', '/validate', '{"request": {"uid": 1}}'), 400);
    assert.equal(await ask('POST', '/validate', 'null'), 400);
    await agent.close();
  });
});
