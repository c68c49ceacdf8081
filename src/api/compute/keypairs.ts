// Why: a key pair lets its user into servers. It belongs to a user, so its rules are about a user, whom administrators may name
// from 2.10 on.

import { isoMicros } from '../../base/clock.ts';
import { badRequest, notFound } from '../../base/errors.ts';
import { history, versioned } from '../../base/history.ts';
import { findKeypair, type Keypair, listKeypairs } from '../../db/keypairs.ts';
import { nextLinks, pageOf } from '../links.ts';
import { multi, name, paging, queryHistory, text, wrappedHistory } from '../parameters.ts';
import { type Asked, type Call, resource, route } from '../resource.ts';
import { type Field, viewOf } from '../view.ts';

const nameLike = (pattern: string) => ({
  allOf: [name, { type: 'string', pattern, minLength: 1, maxLength: 255 }],
});
/** From 2.92 on keys are imported and no longer made here, and their names may be those of people. */
const nameOfImported = nameLike('^[_\\-@\\. a-zA-Z0-9]+$');

const createBody = wrappedHistory(
  'keypair',
  history<unknown>({ name: nameLike('^[_\\- a-zA-Z0-9]+$'), public_key: text }, [
    { at: '2.2', add: { type: { type: 'string', enum: ['ssh', 'x509'] } } },
    { at: '2.10', add: { user_id: text } },
    { at: '2.92', add: { name: nameOfImported } },
  ]),
  (form) => ((form as { name?: unknown }).name === nameOfImported ? ['name', 'public_key'] : ['name']),
);

interface CreateBody {
  readonly keypair: {
    readonly name: string;
    readonly public_key?: string;
    readonly type?: 'ssh' | 'x509';
    readonly user_id?: string;
  };
}

const oneQuery = queryHistory(history<unknown>({}, [{ at: '2.10', add: { user_id: multi(text) } }]), '2.75');
const listQuery = queryHistory(
  history<unknown>({}, [
    { at: '2.10', add: { user_id: multi(text) } },
    { at: '2.35', add: paging },
  ]),
  '2.75',
);

type KeyField = Field<Keypair>;

const common = {
  name: (key: Keypair) => key.name,
  public_key: (key: Keypair) => key.publicKey,
  fingerprint: (key: Keypair) => key.fingerprint,
};
const withType = { at: '2.2', add: { type: (key: Keypair) => key.type } };
const listFields = history<KeyField>(common, [withType]);
const createdFields = history<KeyField>({ ...common, user_id: (key) => key.userId }, [withType]);
const showFields = history<KeyField>(
  {
    ...common,
    user_id: (key) => key.userId,
    id: (key) => key.id,
    created_at: (key) => isoMicros(key.createdAt),
    updated_at: () => null,
    deleted: () => false,
    deleted_at: () => null,
  },
  [withType],
);

/** Whose keys a request is about: the user that it names (queries of versions that know none were emptied), or the caller. */
const userOf = ({ op, query }: Pick<Call, 'op' | 'query'>): string => query['user_id']?.[0] || op.caller.userId;
const ownerOf = ({ op, body }: Pick<Call<'none', CreateBody>, 'op' | 'body'>): string =>
  body.keypair.user_id || op.caller.userId;

const aboutUser = (asked: Asked) => ({ user_id: userOf(asked), project_id: asked.op.caller.projectId });

async function list(call: Call) {
  const { query, services } = call;
  const maximum = services.settings.pageSize;
  const page = pageOf(query, maximum);
  const keys = await listKeypairs(services.db, userOf(call), page);
  const names = keys.map((key) => key.name);
  return { keys, next: paged.at(call.op.minor) ? nextLinks(call.url, query, page, maximum, names) : [] };
}

const paged = versioned(false, ['2.35', true]);

async function show(call: Call): Promise<Keypair> {
  const wanted = call.params['keypair_name'] as string;
  const key = await findKeypair(call.services.db, userOf(call), wanted);
  if (key === null) throw notFound(`Keypair ${wanted} not found for user ${userOf(call)}`, { code: 'keypair' });
  return key;
}

const create = (call: Call<'none', CreateBody>) => {
  const { op, services, body } = call;
  const userId = ownerOf(call);
  // Keystone gives out no other ids
  if (!/^[a-zA-Z0-9-]{1,64}$/.test(userId)) throw badRequest(`User ID ${userId} is not a valid user.`);
  return services.ops.createKeypair(op, {
    userId,
    name: body.keypair.name,
    type: body.keypair.type ?? 'ssh',
    publicKey: body.keypair.public_key ?? null,
  });
};

export default resource({
  'GET /os-keypairs': route()({
    summary: "List a user's key pairs.",
    policy: 'os_compute_api:os-keypairs:index',
    about: aboutUser,
    query: listQuery,
    status: 200,
    run: list,
    shows: listFields,
    view: ({ keys, next }, { op }) => ({
      keypairs: keys.map(viewOf(listFields, op.minor, undefined)).map((keypair) => ({ keypair })),
      ...(next.length === 0 ? {} : { keypairs_links: next }),
    }),
  }),
  'POST /os-keypairs': route<'none', CreateBody>()({
    summary: 'Import a public key, or have a pair made (up to 2.91); the private key is shown this once.',
    policy: 'os_compute_api:os-keypairs:create',
    about: ({ op, body }) => ({
      user_id: ownerOf({ op, body: body as CreateBody }),
      project_id: op.caller.projectId,
    }),
    body: createBody,
    status: versioned(200, ['2.2', 201]),
    run: create,
    shows: createdFields,
    view: ({ keypair, privateKey }, { op }) => ({
      keypair: {
        ...viewOf(createdFields, op.minor, undefined)(keypair),
        ...(privateKey === null ? {} : { private_key: privateKey }),
      },
    }),
  }),
  'GET /os-keypairs/:keypair_name': route()({
    summary: "Show one of a user's key pairs.",
    policy: 'os_compute_api:os-keypairs:show',
    about: aboutUser,
    query: oneQuery,
    status: 200,
    run: show,
    shows: showFields,
    view: (key, { op }) => ({ keypair: viewOf(showFields, op.minor, undefined)(key) }),
  }),
  'DELETE /os-keypairs/:keypair_name': route()({
    summary: "Delete one of a user's key pairs. Servers keep the key that they were given.",
    policy: 'os_compute_api:os-keypairs:delete',
    about: aboutUser,
    query: oneQuery,
    status: versioned(202, ['2.2', 204]),
    run: (call) => call.services.ops.deleteKeypair(call.op, userOf(call), call.params['keypair_name'] as string),
  }),
});
