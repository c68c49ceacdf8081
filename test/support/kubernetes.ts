// Why: what is said to Kubernetes is tested on its real API server, with its real store, and with the command that people have. There are no
// nodes: nothing here runs pods.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually, freePort } from './serve.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..', '..');
const START_MS = 120_000;
const STOP_MS = 15_000;
const TOKEN = 'a-token-of-tests';

export interface Kubernetes {
  readonly kubeconfig: string;
  /** What kubectl prints; rejects with its words where it fails. `input` is its standard input. */
  kubectl(words: readonly string[], input?: string): Promise<string>;
  /** An object as JSON. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what they expect
  get(...words: string[]): Promise<any>;
  /** Applies the project's definitions and what the operator may do; a kubeconfig with the operator's own rights, and no others. */
  installOperator(): Promise<string>;
  /** Ends the API server as a machine that loses its power; `start` brings it back. */
  crash(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** The folder with a kube-apiserver; null where none was built. */
export async function kubernetesPath(): Promise<string | null> {
  const found = await run(join(ROOT, 'tools', 'kubernetes.sh'), ['path']).catch(() => null);
  return found?.stdout.trim() ?? null;
}

interface Child {
  readonly process: ChildProcess;
  readonly ended: Promise<void>;
}

function startChild(program: string, words: readonly string[], log: string): Child {
  const output = openSync(log, 'a');
  const child = spawn(program, words, { stdio: ['ignore', output, output] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return { process: child, ended };
}

async function endChild({ process: child, ended }: Child, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}

/** Keys by which the API server signs tokens of service accounts. */
async function writeKeys(dir: string): Promise<void> {
  await run('openssl', ['genrsa', '-out', join(dir, 'sa.key'), '2048']);
  await run('openssl', ['rsa', '-in', join(dir, 'sa.key'), '-pubout', '-out', join(dir, 'sa.pub')]);
  await writeFile(join(dir, 'tokens.csv'), `${TOKEN},admin,1,"system:masters"\n`);
}

const kubeconfigOf = (url: string, ca: string, token = TOKEN): string =>
  JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'tests' },
    clusters: [
      { name: 'tests', cluster: { server: url, 'certificate-authority-data': Buffer.from(ca).toString('base64') } },
    ],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'tests', context: { cluster: 'tests', user: 'admin' } }],
  });

/** @param path of `kubernetesPath` */
export async function startKubernetes(path: string): Promise<Kubernetes> {
  const dir = await mkdtemp(join(tmpdir(), 'xloud-kubernetes-'));
  const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  const at = (name: string): string => join(dir, name);
  await writeKeys(dir);
  const [etcdUrl, peerUrl, url] = [etcdPort, peerPort]
    .map((one) => `http://127.0.0.1:${one}`)
    .concat(`https://127.0.0.1:${port}`) as [string, string, string];
  const etcd = startChild(
    'etcd',
    [
      ...['--data-dir', at('etcd'), '--listen-client-urls', etcdUrl, '--advertise-client-urls', etcdUrl],
      ...[
        '--listen-peer-urls',
        peerUrl,
        '--initial-advertise-peer-urls',
        peerUrl,
        '--initial-cluster',
        `default=${peerUrl}`,
      ],
      '--unsafe-no-fsync',
    ],
    at('etcd.log'),
  );
  const serverWords = [
    ...[`--etcd-servers=${etcdUrl}`, `--cert-dir=${at('certs')}`, '--bind-address=127.0.0.1', `--secure-port=${port}`],
    ...['--service-account-issuer=https://127.0.0.1', `--service-account-key-file=${at('sa.pub')}`],
    ...[`--service-account-signing-key-file=${at('sa.key')}`, '--service-cluster-ip-range=10.0.0.0/24'],
    ...[
      '--authorization-mode=RBAC',
      '--disable-admission-plugins=ServiceAccount',
      `--token-auth-file=${at('tokens.csv')}`,
    ],
  ];
  const kubeconfig = at('kubeconfig');
  let server: Child | null = null;

  const kubectl: Kubernetes['kubectl'] = async (words, input) => {
    const started = run('kubectl', ['--kubeconfig', kubeconfig, ...words], { maxBuffer: 64 * 2 ** 20 });
    // one that ends before it read says why
    started.child.stdin?.on('error', () => {});
    started.child.stdin?.end(input ?? '');
    const { stdout } = await started.catch((error: Error & { stderr?: string }) => {
      throw new Error(`kubectl ${words.join(' ')}: ${error.stderr ?? error.message}`);
    });
    return stdout;
  };

  async function start(): Promise<void> {
    server = startChild(join(path, 'kube-apiserver'), serverWords, at('server.log'));
    const { process: child } = server;
    try {
      await eventually(
        'the API server',
        START_MS,
        async () => {
          if (child.exitCode !== null) throw new Error('it ended');
          if (!existsSync(at('certs/apiserver.crt'))) return null;
          const ca = readFileSync(at('certs/apiserver.crt'), 'utf8');
          await writeFile(kubeconfig, kubeconfigOf(url, ca));
          return (await kubectl(['get', '--raw', '/readyz']).catch(() => '')) === 'ok' ? true : null;
        },
        250,
      );
    } catch (error) {
      throw new Error(`${String(error)}\n${readFileSync(at('server.log'), 'utf8').slice(-2_000)}`, { cause: error });
    }
  }

  const endServer = async (signal: NodeJS.Signals): Promise<void> => {
    if (server !== null) await endChild(server, signal);
    server = null;
  };

  await start();
  return {
    ...{ kubeconfig, kubectl, start },
    get: async (...words) => JSON.parse(await kubectl(['get', ...words, '-o', 'json'])) as unknown,
    async installOperator() {
      await kubectl(['apply', '-f', join(ROOT, 'config', 'crd', 'bases')]);
      await kubectl(['wait', '--for', 'condition=established', '--timeout=30s', 'crd/virtualmachines.novacron.io']);
      for (const name of ['00-namespace.yaml', '10-rbac.yaml'])
        await kubectl(['apply', '-f', join(ROOT, 'config', 'manager', name)]);
      const token = await kubectl([
        'create',
        'token',
        'novacron-operator',
        '-n',
        'novacron-system',
        '--duration',
        '24h',
      ]);
      const own = at('operator.kubeconfig');
      await writeFile(own, kubeconfigOf(url, readFileSync(at('certs/apiserver.crt'), 'utf8'), token.trim()));
      return own;
    },
    crash: () => endServer('SIGKILL'),
    async stop() {
      await endServer('SIGTERM');
      await endChild(etcd, 'SIGTERM');
      await rm(dir, { recursive: true, force: true });
    },
  };
}
