// Why: programs read what the API is as an OpenAPI document, people as a page; neither needs a token, since both tell only of the program.

import { contentPolicy, Html, html } from '../../web/reference/html.ts';
import { members, membersOf } from '../../web/reference/members.ts';
import { script, style } from '../../web/reference/style.ts';
import { idOf, novacronOpenapi } from './openapi.ts';
import type { FaceRoute } from '../kit/route.ts';
import { novacronRoutes } from './routes.ts';

interface Page {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const anchorOf = (tag: string): string => tag.toLowerCase().replace(/[^a-z]+/g, '-');

const article = (route: FaceRoute): Html =>
  html`<article id="${idOf(route)}" data-text="${`${route.method} ${route.path} ${route.summary}`.toLowerCase()}"><details><summary><span class="method ${route.method}">${
    route.method
  }</span><span class="path">/api/v1${route.path}<small>${route.summary}</small></span><span class="span">${
    route.status
  }</span></summary><div class="body">${members('Body', route.body === undefined ? [] : membersOf(route.body))}${members(
    'Answer',
    membersOf(route.answer),
  )}</div></details></article>`;

function novacronReference(): string {
  const tags = Map.groupBy(novacronRoutes, ({ tag }) => tag);
  const names = [...tags.keys()];
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>NovaCron API</title><meta name="viewport" content="width=device-width, initial-scale=1"><style>${new Html(
    style,
  )}</style></head><body><nav><h1>NovaCron API</h1><p>${
    novacronRoutes.length
  } calls. <a href="openapi.json">OpenAPI document</a></p><input type="search" placeholder="Filter: snapshot, adjust …" aria-label="Filter the calls" hidden>${names.map(
    (name) => html`<a href="#${anchorOf(name)}">${name}</a>`,
  )}</nav><main><p class="nothing">No call fits.</p>${names.map(
    (name) => html`<section id="${anchorOf(name)}"><h2>${name}</h2>${(tags.get(name) ?? []).map(article)}</section>`,
  )}</main><script>${new Html(script)}</script></body></html>`.text;
}

/** Made on first use: most processes are never asked. */
function once(make: () => Page): () => Page {
  let page: Page | undefined;
  return () => (page ??= make());
}

/** Pages by their path below `/v1`. */
export const pages: Readonly<Record<string, () => Page>> = {
  '/openapi.json': once(() => ({
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(novacronOpenapi()),
  })),
  '/docs': once(() => ({
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': contentPolicy(style, script),
      'X-Content-Type-Options': 'nosniff',
    },
    body: novacronReference(),
  })),
};
