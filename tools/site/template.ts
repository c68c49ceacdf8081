// Why: every page of the site has the same frame: where one is, what else there is, and search. Nothing comes from elsewhere.

import { dirname, relative } from 'node:path/posix';
import { Html, html } from '../../src/web/reference/html.ts';

export interface Entry {
  readonly title: string;
  /** On the site. */
  readonly place: string;
}

export interface Group {
  readonly title: string;
  readonly entries: readonly Entry[];
}

export const STYLE = `
:root{color-scheme:light dark;--line:#8884;--quiet:#777;--mark:#0b62c4}
@media(prefers-color-scheme:dark){:root{--quiet:#aaa;--mark:#7db4ff}}
*{box-sizing:border-box}
body{margin:0;font:16px/1.55 system-ui,sans-serif}
.frame{display:grid;grid-template-columns:17rem minmax(0,1fr);max-width:82rem;margin:auto}
nav{border-right:1px solid var(--line);padding:1rem;height:100vh;position:sticky;top:0;overflow:auto;font-size:.92rem}
nav h2{font-size:.8rem;color:var(--quiet);margin:1.2rem 0 .3rem}
nav ul,.found{list-style:none;margin:0;padding:0}
nav li a{display:block;padding:.12rem 0;text-decoration:none}
nav [aria-current]{font-weight:600}
a{color:var(--mark)}
main{padding:1rem 2rem 4rem;min-width:0}
input{width:100%;font:inherit;padding:.4rem .6rem;border:1px solid var(--line);border-radius:.4rem;background:transparent;color:inherit}
.found li{padding:.5rem 0;border-bottom:1px solid var(--line)}
.found small{display:block;color:var(--quiet)}
pre{overflow:auto;padding:.8rem;border:1px solid var(--line);border-radius:.4rem;font-size:.86rem;line-height:1.45}
code{font-family:ui-monospace,monospace;font-size:.9em}
table{border-collapse:collapse;display:block;overflow:auto}
th,td{border:1px solid var(--line);padding:.35rem .6rem;text-align:left;vertical-align:top}
img{max-width:100%}
@media(max-width:52rem){.frame{display:block}nav{position:static;height:auto;border:0}main{padding:1rem}}
`;

const toTop = (place: string): string => {
  const up = relative(dirname(place), '.');
  return up === '' ? '' : `${up}/`;
};

/** Address of one place from another. */
export const between = (from: string, to: string): string => relative(dirname(from), to);

/** A whole document. */
export function documentOf(place: string, title: string, body: string, groups: readonly Group[]): string {
  const top = toTop(place);
  const item = (entry: Entry): Html =>
    html`<li><a href="${between(place, entry.place)}"${
      entry.place === place ? html` aria-current="page"` : null
    }>${entry.title}</a></li>`;
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'">
<title>${title} - xloud-compute</title>
<link rel="stylesheet" href="${top}site.css">
<script defer src="${top}search-index.js"></script>
<script defer src="${top}search.js"></script>
<div class="frame">
<nav aria-label="Pages" data-top="${top}">
<input type="search" placeholder="Search" aria-label="Search">
${groups.map((group) => html`<h2>${group.title}</h2><ul>${group.entries.map(item)}</ul>`)}
</nav>
<main>${new Html(body)}</main>
</div>
</html>
`.text;
}
