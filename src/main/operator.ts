// Why: `xloud operator`: a process of its own beside a Kubernetes cluster. One of several leads; all serve webhooks, metrics and probes.

import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { hostname } from 'node:os';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import { badRequest, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { type Cloud, openSession } from '../client/session.ts';
import { ownPair, readPair } from '../operator/certificates.ts';
import { type Cluster, makeCluster } from '../operator/cluster.ts';
import { type Controller, identityOf, makeController } from '../operator/controller.ts';
import { type Leader, runForLease } from '../operator/lease.ts';
import { makeKvm } from '../operator/providers/kvm.ts';
import { serveWebhook, type Webhook } from '../operator/webhook.ts';

export interface OperatorOptions {
  /** Undefined: KUBECONFIG, ~/.kube/config, or the cluster that it runs in. */
  readonly kubeconfig?: string;
  readonly cloud: Cloud;
  readonly namespace: string;
  readonly leaseName: string;
  readonly leaseSeconds: number;
  /** Of metrics and probes, and of webhooks (null: none): `127.0.0.1:8080`. */
  readonly listen: string;
  readonly webhookListen: string | null;
  /** A folder with tls.crt and tls.key; null: the operator makes its own. */
  readonly webhookCertDir: string | null;
  readonly webhookService: string;
  readonly hookPrefixes: readonly string[];
  readonly concurrency: number;
  readonly pollSeconds: number;
  readonly log: Log;
}

export interface Operator {
  /** Where metrics and probes are. */
  readonly url: string;
  readonly webhookPort: number | null;
  /** Resolves when it must end, with why. */
  readonly lost: Promise<string>;
  close(): Promise<void>;
}

const COMPONENT = 'novacron-operator';
const WEBHOOK_CONFIGURATION = 'novacron-operator';
const WEBHOOK_SECRET = 'novacron-webhook-cert';
const RESYNC_MS = 600_000;
const CERTIFICATE_MS = 60_000;

/** Throws for what is no address. */
export function placeOf(listen: string): { host: string; port: number } {
  if (!URL.canParse(`http://${listen}`)) throw badRequest(`${listen} is no address: 0.0.0.0:8080, [::]:8080`);
  const { hostname, port } = new URL(`http://${listen}`);
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 80) };
}

/** Metrics and probes. */
async function serveProbes(listen: string, controller: Controller): Promise<Server> {
  const server = createServer((request, response) => {
    const [path] = (request.url ?? '').split('?');
    const send = (status: number, type: string, text: string): void =>
      void response.writeHead(status, { 'Content-Type': type }).end(text);
    if (path === '/healthz') return send(200, 'text/plain', 'alive\n');
    if (path === '/readyz') {
      const problem = controller.problem();
      return send(problem === null ? 200 : 503, 'text/plain', `${problem === null ? 'ready' : 'not ready'}\n`);
    }
    if (path !== '/metrics') return send(404, 'text/plain', 'there is nothing here\n');
    const { registry } = controller.metrics;
    registry.metrics().then(
      (text) => send(200, registry.contentType, text),
      (error: unknown) => send(500, 'text/plain', `${messageOf(error)}\n`),
    );
  });
  const { host, port } = placeOf(listen);
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}

async function startWebhook(
  cluster: Cluster,
  options: OperatorOptions,
): Promise<{ webhook: Webhook; timer: NodeJS.Timeout } | null> {
  const { webhookListen, webhookCertDir, namespace, webhookService, hookPrefixes, log } = options;
  if (webhookListen === null) return null;
  const own = { namespace, service: webhookService, secret: WEBHOOK_SECRET, configuration: WEBHOOK_CONFIGURATION };
  const pair = webhookCertDir === null ? await ownPair(cluster, own) : await readPair(webhookCertDir);
  const webhook = await serveWebhook({ ...placeOf(webhookListen), pair, hookPrefixes, log });
  const renew = async (): Promise<void> => {
    if (webhookCertDir !== null) webhook.renew(await readPair(webhookCertDir));
  };
  const timer = setInterval(() => {
    renew().catch((error: unknown) => log.warn({ error: messageOf(error) }, 'the certificate could not be read again'));
  }, CERTIFICATE_MS);
  return { webhook, timer };
}

function leaderOf(cluster: Cluster, { namespace, leaseName, leaseSeconds, log }: OperatorOptions): Leader {
  return runForLease({
    ...{ leases: cluster.leases, namespace, name: leaseName, identity: identityOf(hostname()), log },
    ...{ durationMs: leaseSeconds * 1_000, renewMs: (leaseSeconds * 1_000) / 5 },
  });
}

/** Starts it; the work on machines begins when it leads. */
export async function startOperator(options: OperatorOptions): Promise<Operator> {
  const { kubeconfig, cloud, listen, log } = options;
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(kubeconfig);
  const cluster = makeCluster(config, COMPONENT);
  const controller = makeController({
    ...{ cluster, provider: makeKvm(await openSession(cloud)), log, hookPrefixes: options.hookPrefixes },
    ...{ concurrency: options.concurrency, pollMs: options.pollSeconds * 1_000, resyncMs: RESYNC_MS },
  });
  const hooks = await startWebhook(cluster, options);
  const probes = await serveProbes(listen, controller);
  const leader = leaderOf(cluster, options);
  let closed = false;
  const failed = Promise.withResolvers<string>();
  leader.elected
    .then(() => (closed ? undefined : controller.start()))
    .catch((error: unknown) => failed.resolve(`the machines could not be listed: ${messageOf(error)}`));
  const { address, port } = probes.address() as AddressInfo;
  return {
    url: `http://${address}:${port}`,
    webhookPort: hooks?.webhook.port ?? null,
    lost: Promise.race([leader.lost, failed.promise]),
    async close() {
      closed = true;
      await controller.close();
      await leader.resign();
      clearInterval(hooks?.timer);
      await hooks?.webhook.close();
      probes.close();
      probes.closeAllConnections();
    },
  };
}
