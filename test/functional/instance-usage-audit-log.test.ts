import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Api, startApi } from '../support/api.ts';

describe('the audit log of usage', () => {
  let api: Api;
  before(async () => {
    api = await startApi({ hosts: [{ name: 'host-1' }, { name: 'host-2' }] });
  });
  after(() => api.close());

  const PATH = '/os-instance_usage_audit_log';

  it('tells the last whole month, and that no host announced anything', async () => {
    const { status, body } = await api.request('GET', PATH);
    assert.equal(status, 200);
    const { period_beginning: begin, period_ending: end, ...log } = body.instance_usage_audit_logs;
    const now = new Date();
    const first = (back: number) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back, 1));
    assert.deepEqual(
      [begin, end].map((text: string) => Date.parse(`${text.replace(' ', 'T')}Z`)),
      [first(1).getTime(), first(0).getTime()],
    );
    assert.deepEqual(
      { ...log, hosts_not_run: log.hosts_not_run.toSorted() },
      {
        num_hosts: 2,
        num_hosts_done: 0,
        num_hosts_running: 0,
        num_hosts_not_run: 2,
        hosts_not_run: ['host-1', 'host-2'],
        total_instances: 0,
        total_errors: 0,
        overall_status: '0 of 2 hosts done. 0 errors.',
        log: {},
      },
    );
  });

  it('tells the month before a moment', async () => {
    const periodBefore = async (moment: string) => {
      const { status, body } = await api.request('GET', `${PATH}/${moment}`);
      assert.equal(status, 200);
      const log = body.instance_usage_audit_log;
      return `${log.period_beginning} to ${log.period_ending}`;
    };
    assert.equal(await periodBefore('2026-03-15%2010:00:00'), '2026-02-01 00:00:00 to 2026-03-01 00:00:00');
    assert.equal(await periodBefore('2026-01-15%2010:00:00.5'), '2025-12-01 00:00:00 to 2026-01-01 00:00:00');
    assert.equal(await periodBefore('2026-02-01%2000:00:00'), '2025-12-01 00:00:00 to 2026-01-01 00:00:00');
    for (const wrong of ['yesterday', '2026-03-15', '2026-03-15T10:00:00', '2026-13-01%2000:00:00']) {
      const { status, body } = await api.request('GET', `${PATH}/${wrong}`);
      const message = `Invalid timestamp for date ${decodeURIComponent(wrong)}`;
      assert.deepEqual([status, body.badRequest.message], [400, message]);
    }
  });

  it('is for administrators, and from 2.102 on without parameters', async () => {
    for (const path of [PATH, `${PATH}/2026-03-15%2010:00:00`]) {
      assert.equal((await api.request('GET', path, { as: 'manager' })).status, 403);
      assert.equal((await api.request('GET', `${path}?x=1`, { version: '2.101' })).status, 200);
      assert.equal((await api.request('GET', `${path}?x=1`, { version: '2.102' })).status, 400);
    }
  });
});
