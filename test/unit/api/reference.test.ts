// The reference page and what it is made of: every call is on it, nothing comes from elsewhere, nobody's text becomes markup.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import examples from '../../../docs/api-examples.json' with { type: 'json' };
import { apiChanges, nameOf } from '../../../src/api/changes.ts';
import { computeRoutes } from '../../../src/api/compute/index.ts';
import { html } from '../../../src/web/reference/html.ts';
import { type Examples, referencePage } from '../../../src/api/reference/page.ts';
import { resource, route } from '../../../src/api/resource.ts';
import { spans } from '../../../src/api/spans.ts';
import { history } from '../../../src/base/history.ts';

const live = computeRoutes.filter((one) => !one.gone);
const names = new Set(live.map(nameOf));

describe('the API reference', () => {
  const { text } = referencePage(computeRoutes, examples as Examples);

  it('has every call, by its path and its summary', () => {
    for (const one of live) {
      assert.ok(text.includes(one.path.replace(/:(\w+)/g, '{$1}')), nameOf(one));
      assert.ok(text.includes(html`${one.summary}`.text), nameOf(one));
    }
  });

  it('takes nothing from elsewhere', () => {
    const attributes = [...text.matchAll(/ (?:src|href|action|srcset)="([^"]*)"/g)].map(([, value]) => value as string);
    assert.ok(attributes.length > 20);
    for (const value of attributes) assert.match(value, /^(#|openapi\.json$)/);
    assert.equal(/@import|url\(/.test(text), false);
  });

  it('escapes what is no markup of its own', () => {
    const routes = resource({
      'GET /things': route()({
        summary: '<script>alert(1)</script> & "more"',
        policy: null,
        status: 200,
        run: () => null,
      }),
    });
    const example = { path: '/v2.1/things', microversion: '2.1', requestBody: null, status: 200, responseBody: '<b>' };
    const page = referencePage(routes, { 'GET /things': example }).text;
    assert.equal(page.includes('<script>alert'), false);
    assert.ok(page.includes('&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;more&quot;'));
    assert.ok(page.includes('&lt;b&gt;'));
  });

  it('shows examples of calls that exist, answered as they are', () => {
    for (const [name, example] of Object.entries(examples as Examples)) {
      assert.ok(names.has(name), `${name} is no call: node tools/examples.ts`);
      const statuses = live
        .filter((one) => nameOf(one) === name)
        .flatMap((one) => [...spans(one.status, one).map(({ value }) => value), one.orElse?.status]);
      assert.ok(statuses.includes(example.status), name);
    }
  });
});

describe('what microversions changed', () => {
  const fields = history<unknown>({ id: 1, old: 1 }, [{ at: '2.5', add: { name: 1 }, drop: ['old'] }]);
  const run = () => null;
  const common = { summary: 'A thing.', policy: null, status: 200, run };
  const said = (routes: ReturnType<typeof resource>) =>
    apiChanges(routes).map(({ minor, where, what }) => `${minor} ${where}: ${what}`);

  it('is read off the routes', () => {
    assert.deepEqual(
      said(resource({ 'GET /things': route()({ ...common, since: '2.3', until: '2.9', shows: fields }) })),
      [
        '3 GET /things: begins',
        '5 GET /things: shows name',
        '5 GET /things: shows no old any more',
        '10 GET /things: is no more',
      ],
    );
  });

  it('takes routes that follow each other for one', () => {
    const routes = resource({
      'GET /things': [route()({ ...common, until: '2.9' }), route()({ ...common, since: '2.10' })],
    });
    assert.deepEqual(said(routes), ['10 GET /things: takes another body']);
  });
});
