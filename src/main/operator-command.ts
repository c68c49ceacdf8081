// Why: `xloud operator` is a long-running process with its own flags: it reads no configuration of the service, it is a client of it.

import { type Command, Option } from 'commander';
import { type LogLevel, logLevels, makeLog } from '../base/log.ts';
import { cloudOfWords, findCloud, wordsOfEnv } from '../client/clouds.ts';
import type { Cloud } from '../client/session.ts';
import { collect, print, wholeBetween } from './command-line.ts';

interface OperatorFlags {
  readonly kubeconfig?: string;
  readonly osCloud?: string;
  readonly dataDir: string;
  readonly namespace: string;
  readonly leaseName: string;
  readonly leaseSeconds: number;
  readonly listen: string;
  readonly webhookListen?: string;
  readonly webhookCertDir?: string;
  readonly webhookService: string;
  readonly allowHook: string[];
  readonly concurrency: number;
  readonly pollSeconds: number;
  readonly logLevel: LogLevel;
}

/** In a pod it is told by variables, from a Secret; on a machine by clouds.yaml. */
const cloudOf = ({ osCloud, dataDir }: OperatorFlags): Cloud =>
  (osCloud === undefined ? cloudOfWords(wordsOfEnv(process.env), process.env['OS_REGION_NAME']) : null) ??
  findCloud({ ...(osCloud === undefined ? {} : { name: osCloud }), dataDir, env: process.env });

async function run(flags: OperatorFlags): Promise<void> {
  const { startOperator } = await import('./operator.ts');
  const log = makeLog(flags.logLevel);
  const operator = await startOperator({
    ...flags,
    ...{ cloud: cloudOf(flags), hookPrefixes: flags.allowHook, log },
    ...{ webhookListen: flags.webhookListen ?? null, webhookCertDir: flags.webhookCertDir ?? null },
  });
  const webhooks = operator.webhookPort === null ? '' : `, webhooks on port ${operator.webhookPort}`;
  print(`xloud operator is up, metrics and probes at ${operator.url}${webhooks}`);
  const end = (status: number) => () =>
    void operator.close().then(
      () => process.exit(status),
      () => process.exit(1),
    );
  process.once('SIGTERM', end(0));
  process.once('SIGINT', end(0));
  // whoever lost the lease must be gone before the next one begins: nothing is ended gently
  void operator.lost.then((why) => {
    log.error({ why }, 'this operator ends');
    process.exit(1);
  });
}

/** Adds it to the command. */
export function addOperator(program: Command): void {
  const whole = (flag: string, description: string, least: number, most: number, otherwise: number) =>
    new Option(flag, description).argParser(wholeBetween(least, most)).default(otherwise);
  program
    .command('operator')
    .description('start the Kubernetes operator: VirtualMachines of a cluster become servers of this service')
    .option('--kubeconfig <file>', 'default: KUBECONFIG, ~/.kube/config, or the cluster that it runs in')
    .option('--os-cloud <name>', 'a cloud of clouds.yaml; default: the variables OS_AUTH_URL and so on')
    .option('--data-dir <dir>', 'where `xloud serve` writes clouds.yaml', './var')
    .option('--namespace <name>', 'of the lease and of its own certificate', 'novacron-system')
    .option('--lease-name <name>', 'by which one of several operators leads', 'novacron-operator')
    .addOption(whole('--lease-seconds <number>', 'after so long without a renewal another leads', 5, 300, 15))
    .option('--listen <address>', 'where metrics and probes are', '127.0.0.1:8080')
    .option('--webhook-listen <address>', 'where webhooks are; default: there are none')
    .option(
      '--webhook-cert-dir <dir>',
      'tls.crt and tls.key, read again each minute; default: a certificate of its own',
    )
    .option('--webhook-service <name>', 'the service that the API server calls', 'novacron-webhook')
    .option(
      '--allow-hook <prefix>',
      'an address that hooks of machines may have, and what is below it, beyond services of their namespaces; may be repeated',
      collect,
      [],
    )
    .addOption(whole('--concurrency <number>', 'machines that are worked on at the same time', 1, 64, 8))
    .addOption(whole('--poll-seconds <number>', 'between two looks at what changed in the cloud', 1, 300, 5))
    .addOption(new Option('--log-level <level>', 'of its log').choices(logLevels).default('info'))
    .action(run);
}
