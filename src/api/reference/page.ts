// Why: people read an API better than they read its description. The reference is one page, made from the routes that serve
// the API, with an answer that was really given for each call.

import type { RouteEntry } from '../resource.ts';
import { apiChanges, nameOf } from '../changes.ts';
import { lifeOf, newest, spans, versionText } from '../spans.ts';
import { MAX_MINOR, MAX_VERSION, MIN_VERSION } from '../../domain/microversions.ts';
import { Html, html } from '../../web/reference/html.ts';
import { members, membersOf } from '../../web/reference/members.ts';
import { script, style } from '../../web/reference/style.ts';

/** One request that was made and what it was answered. */
export interface Example {
  /** The path as it was asked for. */
  readonly path: string;
  readonly microversion: string;
  readonly requestBody: unknown;
  readonly status: number;
  readonly responseBody: unknown;
}

/** By the name of the route (`nameOf`). */
export type Examples = Readonly<Record<string, Example>>;

const idOf = (route: RouteEntry): string =>
  nameOf(route)
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

const resourceOf = ({ path }: RouteEntry): string => path.split('/')[1] as string;

function lifeText(route: RouteEntry): string {
  const { first, last } = lifeOf(route);
  if (first === 1 && last === MAX_MINOR) return '';
  if (last === MAX_MINOR) return `from ${versionText(first)}`;
  return first === 1 ? `until ${versionText(last)}` : `${versionText(first)} to ${versionText(last)}`;
}

const json = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));

function exampleOf(route: RouteEntry, example: Example | undefined): Html | null {
  if (example === undefined) return null;
  const { path, microversion, requestBody, status, responseBody } = example;
  const asked = [
    `${route.method} ${path} HTTP/1.1`,
    `OpenStack-API-Version: compute ${microversion}`,
    ...(requestBody === null ? [] : ['Content-Type: application/json', '', json(requestBody)]),
  ];
  return html`<h4>Example</h4><pre>${asked.join('\n')}</pre><pre>HTTP/1.1 ${status}${
    responseBody === null ? '' : `\n\n${json(responseBody)}`
  }</pre>`;
}

function article(
  route: RouteEntry,
  example: Example | undefined,
  changes: readonly { minor: number; what: string }[],
): Html {
  const { first, last } = lifeOf(route);
  const body = route.body === undefined ? null : newest(spans(route.body, route));
  const query = route.query === undefined ? undefined : newest(spans(route.query, route));
  const statuses = [...new Set(spans(route.status, route).map(({ value }) => value))];
  const name = route.action === null ? route.path : `${route.path}`;
  const path = name.replace(/:(\w+)/g, '{$1}');
  const text = `${nameOf(route)} ${route.summary} ${route.policy ?? ''}`.toLowerCase();
  return html`<article id="${idOf(route)}" data-text="${text}"><details><summary><span class="method ${route.method}">${
    route.method
  }</span><span class="path">${path}${route.action === null ? null : html` <b>${route.action}</b>`}<small>${
    route.summary
  }</small></span><span class="span">${lifeText(route)}</span></summary><div class="body"><dl><dt>Versions</dt><dd>${versionText(
    first,
  )} to ${versionText(last)}</dd><dt>Answers</dt><dd>${statuses.join(' or ')}</dd><dt>Policy</dt><dd>${
    route.policy === null ? 'none' : html`<code>${route.policy}</code>`
  }</dd></dl>${members('Query', query === undefined ? [] : membersOf(query))}${members(
    'Body',
    body == null ? [] : membersOf(body),
  )}${
    changes.length === 0
      ? null
      : html`<h4>Changes</h4><table><tbody>${changes.map(
          ({ minor, what }) => html`<tr><td>${versionText(minor)}</td><td>${what}</td></tr>`,
        )}</tbody></table>`
  }${exampleOf(route, example)}</div></details></article>`;
}

/** The whole page, and the texts in it that its Content-Security-Policy has to allow. */
export function referencePage(
  routes: readonly RouteEntry[],
  examples: Examples,
): { readonly text: string; readonly style: string; readonly script: string } {
  const live = routes.filter((route) => !route.gone);
  const changes = Map.groupBy(apiChanges(routes), ({ where }) => where);
  const resources = Map.groupBy(live, resourceOf);
  const names = [...resources.keys()].toSorted();
  const page = html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Compute API</title><meta name="viewport" content="width=device-width, initial-scale=1"><style>${new Html(
    style,
  )}</style></head><body><nav><h1>Compute API</h1><p>Microversions ${MIN_VERSION} to ${MAX_VERSION}, ${
    live.length
  } calls. <a href="openapi.json">OpenAPI document</a></p><input type="search" placeholder="Filter: pause, metadata, 2.26 …" aria-label="Filter the calls" hidden>${names.map(
    (name) => html`<a href="#${name}">${name}</a>`,
  )}</nav><main><p class="nothing">No call fits.</p>${names.map(
    (name) =>
      html`<section id="${name}"><h2>${name}</h2>${(resources.get(name) ?? []).map((route) =>
        article(route, examples[nameOf(route)], changes.get(nameOf(route)) ?? []),
      )}</section>`,
  )}</main><script>${new Html(script)}</script></body></html>`;
  return { text: page.text, style, script };
}
