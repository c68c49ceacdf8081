import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Session } from '../../../src/client/session.ts';
import { makeKvm } from '../../../src/operator/providers/kvm.ts';

const size = { current: 1, target: 1, claimed: 1, minimum: 1, maximum: 1 };
const ids = ['a', 'b', 'c'];
const rows: Readonly<Record<string, (id: string) => object>> = {
  servers: (id) => ({
    ...{ id, status: 'ACTIVE', addresses: {}, created: '2026-11-01T00:00:00Z', tags: [], metadata: {} },
    'OS-EXT-STS:task_state': null,
  }),
  adjustments: (id) => ({ server_id: id, status: 'idle', vcpus: size, memory_mb: size, message: null }),
  metrics: (id) => ({ server_id: id, cpu: 0.5, memory_mb: { total: 512, available: 256 } }),
};

/** A cloud whose pages have one line each, with links as the service has them behind another address. */
function pagesOfOne(asked: string[]): Session {
  const compute: Session['compute'] = async (_method, path) => {
    asked.push(path);
    const url = new URL(path, 'http://inside');
    const key = { '/servers/detail': 'servers', '/os-xloud-adjust': 'adjustments' }[url.pathname] ?? 'metrics';
    const at = ids.indexOf(url.searchParams.get('marker') ?? '') + 1;
    const id = ids[at] as string;
    url.searchParams.set('marker', id);
    const href = `https://public.example.org/compute/v2.1${url.pathname}${url.search}`;
    const links = at + 1 < ids.length ? { [`${key}_links`]: [{ rel: 'next', href }] } : {};
    return { [key]: [(rows[key] as (id: string) => object)(id)], ...links };
  };
  return { compute, ask: () => Promise.reject(new Error('nothing else is asked')) };
}

describe('machines on the compute service', () => {
  it('that changed are read to the last page, with what the first page was asked with', async () => {
    const asked: string[] = [];
    const changed = await makeKvm(pagesOfOne(asked)).changedSince(0);
    assert.deepEqual([...changed.keys()].sort(), ids);
    assert.ok([...changed.values()].every((server) => server?.state === 'running'));
    assert.equal(asked.length, 6);
    for (const path of asked) assert.match(path, /changes-since=1970/, path);
  });

  it('tell what they take to the last page', async () => {
    const usage = await makeKvm(pagesOfOne([])).usage();
    assert.deepEqual([...usage.keys()].sort(), ids);
    assert.deepEqual(usage.get('c'), { cpu: 0.5, memoryBytes: 256 * 2 ** 20 });
  });
});
