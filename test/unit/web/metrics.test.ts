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

describe('gauges of many values', () => {
  it('give requests their turn while they are told, to each who asks in full', async () => {
    const metrics = makeMetrics();
    const samples = Array.from({ length: 20_000 }, (_, at) => [{ of: String(at) }, at] as const);
    for (const name of ['first', 'second', 'third', 'fourth', 'fifth'])
      metrics.gaugeOf(name, 'many', ['of'], () => samples);
    let turns = 0;
    const count = (): void => {
      turns += 1;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    const pages = await Promise.all([metrics.registry.metrics(), metrics.registry.metrics()]);
    clearImmediate(next);
    for (const page of pages) assert.equal(page.match(/^(?:first|second|third|fourth|fifth)\{/gm)?.length, 100_000);
    assert.ok(turns >= 10, `${turns}`);
  });
});
