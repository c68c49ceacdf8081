// Why: what other APIs, commands and controllers ask of the compute API most is written once, with the types of what comes back.

import { conflict, notFound } from '../base/errors.ts';
import { type Asked, type Session, VERSION } from './session.ts';

/** A server as the compute API shows it at `VERSION`; hosts only where the caller may see them. */
export interface Server {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly created: string;
  readonly updated: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly addresses: Readonly<Record<string, readonly { readonly addr: string; readonly version: number }[]>>;
  readonly flavor: {
    readonly original_name: string;
    readonly vcpus: number;
    readonly ram: number;
    readonly disk: number;
  };
  /** The empty text: it boots from a volume. */
  readonly image: { readonly id: string } | '';
  readonly fault?: { readonly message: string };
  readonly progress?: number;
  readonly 'OS-EXT-STS:task_state': string | null;
  readonly 'OS-EXT-SRV-ATTR:host'?: string | null;
}

/** A snapshot, or a backup with the last five fields. */
export interface Copy {
  readonly id: string;
  readonly server_id: string;
  readonly name: string;
  readonly description: string | null;
  readonly tags: readonly string[];
  readonly status: string;
  readonly reason: string | null;
  readonly live: boolean;
  readonly disk_bytes: number | null;
  readonly file_bytes: number | null;
  readonly sha256: string | null;
  readonly created_at: string;
  readonly updated_at: string | null;
  readonly verified_at: string | null;
  readonly kind?: string;
  readonly parent_id?: string | null;
}

export interface Migration {
  readonly id: number;
  readonly uuid: string;
  readonly status: string;
  readonly migration_type: string;
  readonly instance_uuid: string;
  readonly source_compute: string | null;
  readonly dest_compute: string | null;
  readonly created_at: string;
  readonly updated_at: string | null;
  /** Bytes of a live migration; null: not known (yet). */
  readonly progress?: Readonly<Record<string, number | null>> | null;
}

export interface Adjustment {
  readonly server_id: string;
  readonly status: string;
  readonly vcpus: Readonly<Record<'current' | 'target' | 'minimum' | 'maximum' | 'claimed', number>>;
  readonly memory_mb: Readonly<Record<'current' | 'target' | 'minimum' | 'maximum' | 'claimed', number>>;
  readonly message: string | null;
}

export interface Image {
  readonly id: string;
  readonly name: string | null;
  readonly status: string;
  readonly size: number | null;
  readonly disk_format: string | null;
  readonly visibility: string;
  readonly min_disk: number;
  readonly min_ram: number;
}

/** A size to find or make a flavor of: MiB and GiB. */
export interface SizedFlavor {
  readonly vcpus: number;
  readonly memory_mb: number;
  readonly disk_gb: number;
  readonly floor?: { readonly vcpus: number; readonly memory_mb: number };
  /** With what its servers begin; default: all of it. */
  readonly start?: 'floor' | 'maximum';
}

export interface Action {
  readonly action: string;
  readonly request_id: string;
  readonly start_time: string;
  readonly updated_at: string;
  /** Null: nothing says that it failed. */
  readonly message: string | null;
  readonly events?: readonly { readonly details?: string | null }[];
}

export type Kind = 'snapshot' | 'backup';

/** One segment of a path, which stays one whatever stands in it. */
export function segment(text: string): string {
  // an address is made plain before it is asked for: these two would lead elsewhere
  if (text === '' || text === '.' || text === '..') throw notFound(`There is nothing of the name '${text}'.`);
  return encodeURIComponent(text);
}

const PAGE = 1_000;
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/**
 * All that a list has, in as many requests as it has pages.
 * @param name of the list in an answer: `servers`, whose next page is announced in `servers_links`
 */
export async function allPages<T extends { readonly id: string }>(
  get: (path: string) => Promise<unknown>,
  first: string,
  name: string,
): Promise<T[]> {
  const all: T[] = [];
  const between = first.includes('?') ? '&' : '?';
  for (;;) {
    const last = all.at(-1);
    const marker = last === undefined ? '' : `&marker=${segment(last.id)}`;
    const body = (await get(`${first}${between}limit=${PAGE}${marker}`)) as Record<string, T[]>;
    all.push(...(body[name] ?? []));
    // a page may be shorter than what was asked for, and others follow
    if (body[`${name}_links`] === undefined) return all;
  }
}

/** The verbs of a session that faces and controllers need; each throws a `Refusal` for what the service refuses. */
export function computeClient(session: Session) {
  const ask = async <T>(method: string, path: string, body?: unknown): Promise<T> =>
    (await session.compute(method, path, body, VERSION)) as T;
  const act = (id: string, action: object) => ask<unknown>('POST', `/servers/${segment(id)}/action`, action);
  const image = async <T>(asked: Asked): Promise<T> => (await session.ask('image', asked)).body as T;
  const path = (kind: Kind, server: string): string => `/servers/${segment(server)}/os-xloud-${kind}s`;

  return {
    ask,
    act,
    servers: {
      list: () => allPages<Server>((path) => ask('GET', path), '/servers/detail', 'servers'),
      show: async (id: string) => (await ask<{ server: Server }>('GET', `/servers/${segment(id)}`)).server,
      create: async (server: object) => (await ask<{ server: { id: string } }>('POST', '/servers', { server })).server,
      remove: (id: string) => ask<unknown>('DELETE', `/servers/${segment(id)}`),
    },
    actions: {
      /** The newest actions of a server, the newest first. */
      list: async (server: string): Promise<readonly Action[]> =>
        (await ask<{ instanceActions: Action[] }>('GET', `/servers/${segment(server)}/os-instance-actions?limit=50`))
          .instanceActions,
      /** One with its events. */
      show: async (server: string, requestId: string): Promise<Action> => {
        const path = `/servers/${segment(server)}/os-instance-actions/${segment(requestId)}`;
        return (await ask<{ instanceAction: Action }>('GET', path)).instanceAction;
      },
    },
    copies: {
      list: async (kind: Kind, server: string): Promise<readonly Copy[]> =>
        (await ask<Record<string, Copy[]>>('GET', path(kind, server)))[`${kind}s`] ?? [],
      create: async (kind: Kind, server: string, wish: object): Promise<Copy> =>
        (await ask<Record<string, Copy>>('POST', path(kind, server), { [kind]: wish }))[kind] as Copy,
      show: async (kind: Kind, id: string): Promise<Copy> =>
        (await ask<Record<string, Copy>>('GET', `/os-xloud-${kind}s/${segment(id)}`))[kind] as Copy,
      remove: (kind: Kind, id: string) => ask<unknown>('DELETE', `/os-xloud-${kind}s/${segment(id)}`),
      restore: (kind: Kind, server: string, id: string) =>
        ask<unknown>('POST', `${path(kind, server)}/${segment(id)}/restore`),
    },
    adjustment: {
      show: (id: string) => ask<Adjustment>('GET', `/os-xloud-adjust/${segment(id)}`),
      change: (id: string, wish: object) => ask<Adjustment>('POST', `/os-xloud-adjust/${segment(id)}`, wish),
    },
    migrations: {
      show: async (id: string) =>
        (await ask<{ migration: Migration }>('GET', `/os-xloud-migrations/${segment(id)}`)).migration,
      newestOf: async (server: string): Promise<Migration | undefined> =>
        (await ask<{ migrations: Migration[] }>('GET', `/servers/${segment(server)}/os-xloud-migrations`))
          .migrations[0],
      abort: (server: string, id: number) => ask<unknown>('DELETE', `/servers/${segment(server)}/migrations/${id}`),
    },
    images: {
      list: async (): Promise<readonly Image[]> => {
        const all: Image[] = [];
        let next: string | undefined = `/v2/images?limit=${PAGE}`;
        while (next !== undefined) {
          const page: { images: Image[]; next?: string } = await image({ method: 'GET', path: next });
          all.push(...page.images);
          next = page.next;
        }
        return all;
      },
      /** The newest image whose property has a value; none: there is none that the caller sees. */
      async withProperty(property: string, value: string): Promise<readonly Image[]> {
        const query = new URLSearchParams({ [property]: value, status: 'active', sort: 'created_at:desc', limit: '1' });
        return (await image<{ images: Image[] }>({ method: 'GET', path: `/v2/images?${query.toString()}` })).images;
      },
      /** The image of an id, or the only one of a name that the caller sees. Throws 404, and 409 where there are several. */
      async find(name: string): Promise<Image> {
        if (UUID.test(name)) return image<Image>({ method: 'GET', path: `/v2/images/${name}` });
        const query = new URLSearchParams({ name, limit: '2' });
        const { images } = await image<{ images: Image[] }>({ method: 'GET', path: `/v2/images?${query.toString()}` });
        const [found, another] = images;
        if (found === undefined) throw notFound(`There is no image ${name}.`);
        if (another !== undefined) throw conflict(`There are several images ${name}: name one by its id.`);
        return found;
      },
    },
    /** The id of the flavor of this id or name. Throws 404 where the caller sees none. */
    async flavorNamed(name: string): Promise<string> {
      const all = await allPages<{ id: string; name: string }>((path) => ask('GET', path), '/flavors', 'flavors');
      const found = all.find(({ id }) => id === name) ?? all.find((one) => one.name === name);
      if (found === undefined) throw notFound(`There is no flavor ${name}.`);
      return found.id;
    },
    /** The flavor of the caller's project that has this size and may shrink to its floor; made where there is none. */
    async sizedFlavor(size: SizedFlavor) {
      const { flavor } = await ask<{ flavor: { id: string; name: string } }>('POST', '/os-xloud-sized-flavors', {
        flavor: size,
      });
      return flavor;
    },
  };
}

export type ComputeClient = ReturnType<typeof computeClient>;
