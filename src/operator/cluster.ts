// Why: what is asked of the Kubernetes API stands in one place: machines, their statuses and finalizers, Secrets, events, and the lease.

import {
  AdmissionregistrationV1Api,
  CoordinationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  type KubeConfig,
  type KubernetesListObject,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type V1Lease,
} from '@kubernetes/client-node';
import { messageOf } from '../base/errors.ts';
import type { KeyPair } from './webhook.ts';
import { GROUP, KIND, PLURAL, VERSION, type VirtualMachine, type VirtualMachineStatus } from './types.ts';

const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);

/** The status of an answer of the API server that is none; null: it did not answer. */
export const statusOfError = (error: unknown): number | null =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number' ? error.code : null;

/** What an answer of the API server that is none says, without its headers. */
export function wordsOfError(error: unknown): string {
  const body = typeof error === 'object' && error !== null && 'body' in error ? error.body : null;
  if (typeof body !== 'string') return messageOf(error);
  try {
    return `${(JSON.parse(body) as { message?: string }).message ?? body} (HTTP ${statusOfError(error)})`;
  } catch {
    return `${body.slice(0, 500)} (HTTP ${statusOfError(error)})`;
  }
}

const unless =
  (status: number) =>
  (error: unknown): null => {
    if (statusOfError(error) === status) return null;
    throw error;
  };

const fail = (message: string): never => {
  throw new Error(message);
};

export interface EventText {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** @param component what events say they come from */
export function makeCluster(config: KubeConfig, component: string) {
  const custom = config.makeApiClient(CustomObjectsApi);
  const core = config.makeApiClient(CoreV1Api);
  const leases = config.makeApiClient(CoordinationV1Api);
  const admission = config.makeApiClient(AdmissionregistrationV1Api);
  const of = ({ metadata: { namespace, name } }: VirtualMachine) => ({
    ...{ group: GROUP, version: VERSION, plural: PLURAL, namespace, name },
  });
  const listMachines = () =>
    custom.listClusterCustomObject({ group: GROUP, version: VERSION, plural: PLURAL }) as Promise<
      KubernetesListObject<VirtualMachine>
    >;

  const readSecret = async (namespace: string, name: string, key: string): Promise<Buffer | null> => {
    const secret = await core.readNamespacedSecret({ namespace, name }).catch(unless(404));
    const { data = {} } = secret ?? {};
    return Object.hasOwn(data, key) ? Buffer.from(data[key] ?? '', 'base64') : null;
  };

  return {
    machines: () => makeInformer<VirtualMachine>(config, `/apis/${GROUP}/${VERSION}/${PLURAL}`, listMachines),
    /** Null: it is gone. */
    async writeStatus(vm: VirtualMachine, status: VirtualMachineStatus): Promise<VirtualMachine | null> {
      // what is no more said must go: a merge keeps what it does not name
      const gone = Object.fromEntries(Object.keys(vm.status ?? {}).map((key) => [key, null]));
      const body = { status: { ...gone, ...status } };
      return (await custom
        .patchNamespacedCustomObjectStatus({ ...of(vm), body }, merge)
        .catch(unless(404))) as VirtualMachine | null;
    },
    /** Null: it is gone. Throws a 409 where somebody else changed it. */
    async writeFinalizers(vm: VirtualMachine, finalizers: readonly string[]): Promise<VirtualMachine | null> {
      const { resourceVersion } = vm.metadata;
      const body = { metadata: { finalizers, resourceVersion } };
      return (await custom
        .patchNamespacedCustomObject({ ...of(vm), body }, merge)
        .catch(unless(404))) as VirtualMachine | null;
    },
    readSecret,
    async writeEvent({ metadata }: VirtualMachine, { type, reason, message }: EventText): Promise<void> {
      const { namespace, name, uid, resourceVersion } = metadata;
      const now = new Date();
      const object = { apiVersion: `${GROUP}/${VERSION}`, kind: KIND, namespace, name, uid };
      const body = {
        metadata: { generateName: `${name}.`, namespace },
        involvedObject: { ...object, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
        ...{ type, reason, message: message.slice(0, 1_024), count: 1, firstTimestamp: now, lastTimestamp: now },
        source: { component },
      };
      await core.createNamespacedEvent({ namespace, body });
    },
    /** The key pair of a Secret; `made` where there is no such Secret yet. */
    async keepPair(namespace: string, name: string, made: KeyPair): Promise<KeyPair> {
      const data = { 'tls.crt': made.cert, 'tls.key': made.key };
      const body = { metadata: { name, namespace }, type: 'kubernetes.io/tls', stringData: data };
      if ((await core.createNamespacedSecret({ namespace, body }).catch(unless(409))) !== null) return made;
      const read = async (key: string): Promise<string> =>
        (await readSecret(namespace, name, key))?.toString() ?? fail(`the Secret ${name} has no ${key}`);
      return { cert: await read('tls.crt'), key: await read('tls.key') };
    },
    /** Has both webhook configurations of a name trust a certificate; a configuration that there is not is left out. */
    async trust(name: string, cert: string): Promise<void> {
      const caBundle = Buffer.from(cert).toString('base64');
      const validating = await admission.readValidatingWebhookConfiguration({ name }).catch(unless(404));
      const mutating = await admission.readMutatingWebhookConfiguration({ name }).catch(unless(404));
      for (const { clientConfig } of [...(validating?.webhooks ?? []), ...(mutating?.webhooks ?? [])])
        clientConfig.caBundle = caBundle;
      if (validating !== null) await admission.replaceValidatingWebhookConfiguration({ name, body: validating });
      if (mutating !== null) await admission.replaceMutatingWebhookConfiguration({ name, body: mutating });
    },
    leases: {
      read: (namespace: string, name: string): Promise<V1Lease | null> =>
        leases.readNamespacedLease({ namespace, name }).catch(unless(404)),
      create: (namespace: string, body: V1Lease) => leases.createNamespacedLease({ namespace, body }),
      replace: (namespace: string, name: string, body: V1Lease) =>
        leases.replaceNamespacedLease({ namespace, name, body }),
    },
  };
}

export type Cluster = ReturnType<typeof makeCluster>;
