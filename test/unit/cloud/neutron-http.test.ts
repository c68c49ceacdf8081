import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type NeutronHttp, neutronHttp } from '../../../src/cloud/neutron-http.ts';
import type { NeighbourAnswer } from '../../../src/cloud/neighbour.ts';

const answer = (body: unknown): NeighbourAnswer => ({ status: 200, body, message: '', type: null }) as never;
const next = { ports_links: [{ rel: 'next', href: 'http://elsewhere.example/v2.0/ports?marker=b' }] };

/** A Neutron with these pages; what it was asked. */
function withPages(pageOf: (path: string) => unknown): { http: NeutronHttp; asked: string[] } {
  const asked: string[] = [];
  const http = neutronHttp({
    ask(_as, _method, path) {
      asked.push(path);
      return Promise.resolve(answer(pageOf(path)));
    },
  });
  return { http, asked };
}

describe('lists of a Neutron', () => {
  it('are read to their end where it cuts them into pages, at its own address', async () => {
    const { http, asked } = withPages((path) =>
      path.includes('marker=b') ? { ports: [{ id: 'c' }] } : { ports: [{ id: 'a' }, { id: 'b' }], ...next },
    );
    const found = await http.list(null, 'ports', [['device_id', 'x']]);
    assert.deepEqual(
      found.map(({ id }) => id),
      ['a', 'b', 'c'],
    );
    assert.deepEqual(asked, ['/v2.0/ports?device_id=x', '/v2.0/ports?device_id=x&marker=b']);
  });

  it('that do not end are no list', async () => {
    const { http, asked } = withPages(() => ({ ports: [{ id: 'a' }], ...next }));
    await assert.rejects(http.list(null, 'ports', []), /network service is not available now/);
    assert.equal(asked.length, 1_000);
  });

  it('end with a page without rows', async () => {
    const { http } = withPages(() => ({ ports: [], ...next }));
    assert.deepEqual(await http.list(null, 'ports', []), []);
  });
});
