// Why: rebuilding takes most of what creating takes, and answers with the server as it will be.

import { badRequest } from '../../../base/errors.ts';
import { derive, history, versioned } from '../../../base/history.ts';
import { limits } from '../../../base/limits.ts';
import type { RebuildRequest } from '../../../ops/index.ts';
import {
  boolean,
  canonicalIpV6,
  closed,
  diskConfig,
  isTrue,
  metadata,
  name,
  none,
  personality,
  printable,
  text,
  trustedCertificates,
  uuid,
  wrapped,
} from '../../parameters.ts';
import { type Call, resource, route } from '../../resource.ts';
import { filesOf } from './create.ts';
import { hostnameFields } from './create-schema.ts';
import { generatePassword } from './generate-password.ts';
import { type AnyCall, shown, type Shown, showView } from './show.ts';
import { viewRules } from './view.ts';

const CERTIFICATES = 'os_compute_api:servers:rebuild:trusted_certs';

interface RebuildBody {
  readonly rebuild: {
    readonly imageRef: string;
    readonly name?: string;
    readonly adminPass?: string;
    readonly metadata?: Readonly<Record<string, string>>;
    readonly preserve_ephemeral?: boolean | string;
    readonly 'OS-DCF:diskConfig'?: 'AUTO' | 'MANUAL';
    readonly accessIPv4?: string;
    readonly accessIPv6?: string;
    readonly personality?: readonly { readonly path?: string; readonly contents?: string }[];
    readonly description?: string | null;
    readonly key_name?: string | null;
    readonly user_data?: string | null;
    readonly trusted_image_certificates?: readonly string[] | null;
    readonly hostname?: string;
  };
}

const fields = history<unknown>(
  {
    name,
    imageRef: uuid,
    adminPass: text,
    metadata,
    preserve_ephemeral: boolean,
    'OS-DCF:diskConfig': diskConfig,
    accessIPv4: { type: 'string', format: 'ipv4' },
    accessIPv6: { type: 'string', format: 'ipv6' },
    personality,
  },
  [
    { at: '2.19', add: { description: printable(255) } },
    { at: '2.54', add: { key_name: { oneOf: [{ type: 'string', minLength: 1, maxLength: 255 }, none] } } },
    {
      at: '2.57',
      add: { user_data: { type: ['string', 'null'], format: 'base64', maxLength: limits.userDataBytes } },
      drop: ['personality'],
    },
    { at: '2.63', add: { trusted_image_certificates: trustedCertificates } },
    { at: '2.90', add: { hostname: hostnameFields.at(90).hostname } },
    { at: '2.94', add: { hostname: hostnameFields.at(94).hostname } },
  ],
);

const body = derive(fields, (form) => wrapped('rebuild', closed(form, ['imageRef'])));

/** An entry of a change, where the caller said something. */
const given = <K extends string, T, U>(key: K, value: T | undefined, as: (value: T) => U) =>
  (value === undefined ? {} : { [key]: as(value) }) as { [P in K]?: U };

const same = <T>(value: T): T => value;

function parseRebuild(call: Call<'server', RebuildBody>): RebuildRequest {
  const { rebuild } = call.body;
  const certificates = rebuild.trusted_image_certificates;
  if (certificates !== undefined) call.enforce(CERTIFICATES);
  if ((certificates ?? []).length > 0) {
    throw badRequest('Trusted image certificates cannot be checked here: there is no certificate service.');
  }
  return {
    imageRef: rebuild.imageRef,
    adminPass: rebuild.adminPass ?? generatePassword(),
    change: {
      ...given('displayName', rebuild.name, (value) => value.trim()),
      ...given('description', rebuild.description, same),
      ...given('autoDiskConfig', rebuild['OS-DCF:diskConfig'], (value) => value === 'AUTO'),
      ...given('accessIpV4', rebuild.accessIPv4, same),
      ...given('accessIpV6', rebuild.accessIPv6, canonicalIpV6),
      ...given('userData', rebuild.user_data, same),
      ...given('hostname', rebuild.hostname, same),
    },
    ...given('keyName', rebuild.key_name, same),
    ...given('metadata', rebuild.metadata, same),
    files: filesOf(rebuild.personality),
    preserveEphemeral: isTrue(rebuild.preserve_ephemeral ?? false),
  };
}

interface Rebuilt {
  readonly server: Shown;
  readonly adminPass: string;
}

async function rebuild(call: Call<'server', RebuildBody>): Promise<Rebuilt> {
  const request = parseRebuild(call);
  const server = await call.services.ops.rebuildServer(call.op, call.target, request);
  call.header('Location', `${call.url.versioned}/servers/${server.uuid}`);
  return { server: await shown(call as AnyCall, server), adminPass: request.adminPass };
}

/** From 2.57 on whoever rebuilds sees the user data, under a name of its own. */
const userDataOf = versioned<(userData: string | null) => object>(
  () => ({}),
  ['2.57', (userData) => ({ user_data: userData })],
);

export default resource({
  'POST /servers/:server_id/action#rebuild': route<'server', RebuildBody>()({
    summary: 'Build a server anew from an image; its host, ports and size stay.',
    policy: 'os_compute_api:servers:rebuild',
    alsoAsks: [CERTIFICATES, ...viewRules],
    target: 'server',
    body,
    status: 202,
    run: rebuild,
    view({ server: rebuilt, adminPass }, call) {
      const { server } = showView('rebuild')(rebuilt, call as AnyCall);
      return { server: { ...server, adminPass, ...userDataOf.at(call.op.minor)(rebuilt.detail.server.userData) } };
    },
  }),
});
