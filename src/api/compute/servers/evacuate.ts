// Why: when a host is dead, its servers are built anew elsewhere, with their names, addresses and sizes.

import { badRequest } from '../../../base/errors.ts';
import { history, versioned } from '../../../base/history.ts';
import { boolean, hostName, isTrue, text, wrappedHistory } from '../../parameters.ts';
import { type Call, resource, route } from '../../resource.ts';
import { generatePassword } from './generate-password.ts';
import { forcing } from './forced-host.ts';

interface EvacuateBody {
  readonly evacuate: {
    readonly host?: string;
    readonly onSharedStorage?: boolean | string;
    readonly adminPass?: string;
    readonly force?: boolean | string;
  };
}

const body = wrappedHistory(
  'evacuate',
  history<unknown>({ host: hostName, onSharedStorage: boolean, adminPass: text }, [
    { at: '2.14', drop: ['onSharedStorage'] },
    { at: '2.29', add: { force: boolean } },
    { at: '2.68', drop: ['force'] },
  ]),
  (form) => ('onSharedStorage' in form ? ['onSharedStorage'] : []),
);

const isForced = forcing('2.29', '2.68');

/** Whether the server is off afterwards, whatever it was before. */
const staysOff = versioned(false, ['2.95', true]);

/** The password for the new guest; none on shared storage, where its disk is the old one. */
function passwordOf({ onSharedStorage = false, adminPass }: EvacuateBody['evacuate']): string | null {
  const shared = isTrue(onSharedStorage);
  if (shared && adminPass !== undefined) throw badRequest("admin password can't be changed on existing disk");
  return shared ? null : (adminPass ?? generatePassword());
}

async function evacuate({ op, services, target, body: asked }: Call<'server', EvacuateBody>): Promise<string | null> {
  const request = asked.evacuate;
  const forced = isForced(op.minor, request);
  const adminPass = passwordOf(request);
  await services.ops.evacuateServer(op, target, {
    host: request.host ?? null,
    forced,
    adminPass,
    staysOff: staysOff.at(op.minor),
  });
  return adminPass;
}

const common = {
  summary: 'Build a server anew on another host when its own is dead.',
  policy: 'os_compute_api:os-evacuate',
  target: 'server',
  body,
  status: 200,
  run: evacuate,
} as const;

export default resource({
  'POST /servers/:server_id/action#evacuate': [
    route<'server', EvacuateBody>()({ ...common, until: '2.13', view: (adminPass) => ({ adminPass }) }),
    route<'server', EvacuateBody>()({ ...common, since: '2.14' }),
  ],
});
