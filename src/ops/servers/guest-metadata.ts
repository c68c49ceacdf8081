// Why: a guest asks who it is, and tells the password that it made, by nothing but the wire that it is on; who that is is found here, and
// what it is told is made of the same as its config drive.

import { conflict } from '../../base/errors.ts';
import { findMetadataAsker, isOnHost } from '../../db/metadata-askers.ts';
import { findPassword, writePassword, writePhonedHome } from '../../db/server-parts.ts';
import { findServerToBuild, lockServer } from '../../db/servers.ts';
import { tx } from '../../db/tx.ts';
import type { PhoneHome } from '../../domain/servers/phone-home.ts';
import type { Ec2Facts } from '../../domain/servers/ec2-metadata.ts';
import type { OpsDeps } from '../deps.ts';
import { type BuildRequest, specToBuild } from './build.ts';
import { driveSpecOf } from '../../domain/servers/build-spec.ts';

/** Where a question came from. */
export interface MetadataAsker {
  readonly networkId: string;
  /** The sender's, in its canonical form. */
  readonly address: string;
  /** The host whose agent says so: then it is one of its own guests, or nobody. Null: whichever host's. */
  readonly host: string | null;
}

/** What the metadata service asks of the rest. */
export interface GuestMetadataSource {
  /** The uuid of the server that asks; null: nobody who is known. */
  asker(asker: MetadataAsker): Promise<string | null>;
  /** What it is told; null: it is gone. */
  facts(uuid: string): Promise<Ec2Facts | null>;
  /** The password that it told; null: none yet. */
  password(facts: Ec2Facts): Promise<string | null>;
  /** Keeps it. Throws 409 where there is one already, or the server is gone. */
  keepPassword(facts: Ec2Facts, password: string): Promise<void>;
  /** Keeps what it told of itself, in place of what it told before. Throws 409 where the server is gone. */
  phonedHome(facts: Ec2Facts, told: PhoneHome): Promise<void>;
}

async function factsOf({ database: { read } }: Pick<OpsDeps, 'database'>, uuid: string): Promise<Ec2Facts | null> {
  const found = await findServerToBuild(read, uuid);
  if (found === null || found.server.deleted) return null;
  const build = found.build() as BuildRequest;
  const { server } = found;
  // the first password is told to the drive of the first start alone, and kept nowhere
  const spec = await specToBuild(read, { server, build, claim: found.claim }, null);
  const { keyType, projectName, files, template } = build;
  return { spec, drive: driveSpecOf({ server, keyType, adminPass: null, projectName, files, template }), server };
}

export const guestMetadata = (deps: Pick<OpsDeps, 'database' | 'clock'>): GuestMetadataSource => ({
  async asker({ networkId, address, host }) {
    const { read } = deps.database;
    const uuid = await findMetadataAsker(read, networkId, address);
    return uuid === null || host === null || (await isOnHost(read, uuid, host)) ? uuid : null;
  },
  facts: (uuid) => factsOf(deps, uuid),
  password: ({ server }) => findPassword(deps.database.read, server.id),
  keepPassword: ({ spec, server: { id } }, password) =>
    tx(deps.database, async (t) => {
      const server = await lockServer(t, spec.uuid);
      if (server === null || server.deleted || (await findPassword(t, id)) !== null)
        throw conflict('The password is set already.');
      await writePassword(t, id, password);
    }),
  phonedHome: ({ spec, server: { id } }, told) =>
    tx(deps.database, async (t) => {
      const server = await lockServer(t, spec.uuid);
      if (server === null || server.deleted) throw conflict('The server is gone.');
      await writePhonedHome(t, id, { atMs: deps.clock.now(), told });
    }),
});
