// Why: a proxy that is brought a token asks here where it leads. Until 2.30 only tokens of a kind that is no more could be asked
// for.

import { badRequest, notFound } from '../../base/errors.ts';
import { history } from '../../base/history.ts';
import { type ConsoleToken, findConsoleToken } from '../../db/console-auth-tokens.ts';
import { isDirect } from '../../domain/servers/remote-consoles.ts';
import { query, queryHistory } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';
import { type Field, viewOf } from '../view.ts';

const fields = history<Field<ConsoleToken>>(
  {
    instance_uuid: ({ serverUuid }) => serverUuid,
    host: ({ endpoint }) => endpoint.host,
    port: ({ endpoint }) => endpoint.port,
    internal_access_path: ({ type, endpoint }) => (isDirect(type) ? null : endpoint.path),
  },
  [{ at: '2.99', add: { tls_port: ({ type, endpoint }) => (isDirect(type) ? endpoint.tlsPort : undefined) } }],
);

async function show({ services, params }: Call): Promise<ConsoleToken> {
  const found = await findConsoleToken(services.db, params['token'] as string, services.clock.now());
  if (found === null) throw notFound('Token not found');
  return found;
}

export default resource({
  'GET /os-console-auth-tokens/:token': [
    route()({
      summary: 'Was for tokens of RDP consoles, which are no more.',
      policy: null,
      until: '2.30',
      query: query({}, 'lenient'),
      status: 200,
      run: () => {
        throw badRequest(
          'The server could not comply with the request since it is either malformed or otherwise incorrect.',
        );
      },
    }),
    route()({
      summary: 'Show where the console listens that a token opens.',
      policy: 'os_compute_api:os-console-auth-tokens',
      since: '2.31',
      query: queryHistory(history<unknown>({}), '2.99'),
      status: 200,
      run: show,
      shows: fields,
      view: (token, { op }) => ({ console: viewOf(fields, op.minor, undefined)(token) }),
    }),
  ],
});
