// Why: one process needs no broker; several have one in common. Which it is, and with which keys, follows from the configuration and from
// what this process does.

import { readFile } from 'node:fs/promises';
import { messageOf } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { openAmqpBus } from '../bus/amqp.ts';
import type { BusTls } from '../bus/amqp/connection.ts';
import { makeSeal, makeUnseal, type Seal, type Unseal } from '../bus/amqp/seal.ts';
import type { Bus } from '../bus/bus.ts';
import { makeMemoryBus } from '../bus/memory.ts';
import { bad } from './config-values.ts';
import type { Config } from './config.ts';
import { seldom } from './health.ts';
import type { BaseParts } from './parts.ts';

/** Whether other processes may serve the same cloud. */
export const isShared = ({ bus }: Config): boolean => bus.url !== '';

async function pemOf(option: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw bad(option, `${path} cannot be read (${messageOf(error)})`);
  }
}

async function tlsOf({ ca_file, cert_file, key_file }: Config['bus']): Promise<BusTls> {
  const read = (option: string, path: string) => (path === '' ? undefined : pemOf(option, path));
  return {
    ca: await read('bus.ca_file', ca_file),
    cert: await read('bus.cert_file', cert_file),
    key: await read('bus.key_file', key_file),
  };
}

async function sealOf({ signing_key_file: path }: Config['bus']): Promise<Seal> {
  if (path === '') throw bad('bus.signing_key_file', 'calls to hosts must be signed: `xloud bus keys` makes a key');
  return makeSeal(await pemOf('bus.signing_key_file', path), path);
}

async function unsealOf({ trusted_keys: paths }: Config['bus']): Promise<Unseal> {
  if (paths.length === 0)
    throw bad(
      'bus.trusted_keys',
      'a host takes only calls that are signed: name the public key that `xloud bus keys` made',
    );
  return makeUnseal(
    await Promise.all(paths.map(async (path) => ({ pem: await pemOf('bus.trusted_keys', path), where: path }))),
  );
}

/** What a process does on the bus: asks hosts, serves some, or both. */
export interface BusRole {
  readonly calls: boolean;
  readonly serves: boolean;
}

function busMetrics({ metrics }: Pick<BaseParts, 'metrics'>, bus: Bus, { calls }: BusRole): void {
  metrics.gaugeOf('xloud_bus_connected', 'Whether the bus works: 1, else 0', [], () => [
    [{}, bus.problem() === null ? 1 : 0],
  ]);
  if (!calls) return;
  const dead = seldom(() => bus.dead(), limits.metricsMs);
  metrics.gaugeOf('xloud_bus_dead_messages', 'Messages on the bus that nobody could take', [], async () => [
    [{}, await dead()],
  ]);
}

/** The bus that the configuration names, ended with the process. Throws a Fault that names what is missing of its keys. */
export async function openBus(parts: BaseParts, role: BusRole): Promise<Bus> {
  const { config, clock, log, metrics, cleanup } = parts;
  const refusals = metrics.counter('xloud_bus_calls_refused_total', 'Calls that a host of this process refused', [
    'why',
  ]);
  const bus = isShared(config)
    ? await openAmqpBus({
        urls: config.bus.url.split(',').map((url) => url.trim()),
        tls: await tlsOf(config.bus),
        seal: role.calls ? await sealOf(config.bus) : null,
        unseal: role.serves ? await unsealOf(config.bus) : null,
        clock,
        log,
        refused: (why) => refusals.inc({ why }),
      })
    : makeMemoryBus({ clock, log });
  cleanup.defer(() => bus.close());
  busMetrics(parts, bus, role);
  return bus;
}
