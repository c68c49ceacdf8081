import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { METHODS } from 'node:http';
import { makeMetrics } from '../../../src/web/metrics.ts';

describe('metrics of requests', () => {
  it('do not grow by methods that clients invent', async () => {
    const { registry, web } = makeMetrics();
    for (const method of [...METHODS, 'MADE-UP', 'ANOTHER']) web.answered('compute', '/servers', method, 404, 0.01);
    const text = await registry.getSingleMetricAsString('xloud_http_request_duration_seconds');
    const labels = new Set([...text.matchAll(/method="([^"]*)"/g)].map(([, method]) => method));
    assert.deepEqual(labels, new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'other']));
  });
});
