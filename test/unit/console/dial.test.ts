import assert from 'node:assert/strict';
import { chown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { dial } from '../../../src/console/dial.ts';

const QEMU_UID = 64_055;
const root = process.getuid?.() === 0;

describe('a console that is a socket in the file system', () => {
  let dir: string;
  let server: Server;
  let asked = 0;
  const at = (path: string) => dial({ host: path, port: 0, tlsPort: null, path: null });
  const isRefused = (path: string) => assert.rejects(at(path), { kind: 'unavailable' });
  const listen = (path: string) => new Promise<void>((resolve) => void server.listen(path, resolve));

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'xloud-dial-'));
    await mkdir(join(dir, 'lent'));
    server = createServer((socket) => {
      asked++;
      socket.end('RFB');
    });
    await listen(join(dir, 'socket'));
  });
  after(async () => {
    server.close();
    await rm(dir, { recursive: true });
  });

  it('is reached', async () => {
    const socket = await at(join(dir, 'socket'));
    assert.equal(String(await socket.toArray().then((pieces) => Buffer.concat(pieces))), 'RFB');
    assert.equal(asked, 1);
  });

  it('is unavailable where nothing is, or no socket', async () => {
    await writeFile(join(dir, 'file'), '');
    for (const name of ['nothing', 'file', 'lent']) await isRefused(join(dir, name));
  });

  it('is not reached through a link', async () => {
    await symlink(join(dir, 'socket'), join(dir, 'link'));
    const before = asked;
    await isRefused(join(dir, 'link'));
    assert.equal(asked, before);
  });

  it("in another user's directory must be that user's own", {
    skip: root ? false : 'only root gives files away',
  }, async () => {
    const other = createServer((socket) => void socket.end());
    const path = join(dir, 'lent', 'socket');
    await new Promise<void>((resolve) => void other.listen(path, resolve));
    try {
      (await at(path)).destroy();
      await chown(join(dir, 'lent'), QEMU_UID, QEMU_UID);
      await isRefused(path);
      await chown(path, QEMU_UID, QEMU_UID);
      (await at(path)).destroy();
    } finally {
      other.close();
    }
  });
});
