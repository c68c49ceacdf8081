// Why: search runs in the reader's browser, over an index that was made with the pages: no server, and nothing from elsewhere.

import MiniSearch from 'minisearch';
import { indexOptions } from './search-options.ts';

/** Of the browser, what is used here. */
interface Node {
  textContent: string;
  className: string;
  href: string;
  value: string;
  readonly dataset: Readonly<Record<string, string>>;
  readonly childNodes: Iterable<Node>;
  append(...nodes: readonly Node[]): void;
  replaceChildren(...nodes: readonly Node[]): void;
  closest(selector: string): Node | null;
  addEventListener(name: string, on: (event: { readonly target: Node }) => void): void;
}

declare const document: { querySelector(selector: string): Node; createElement(name: string): Node };
/** search-index.js, which is loaded before. */
declare const searchIndex: string;

const input = document.querySelector('input[type=search]');
const main = document.querySelector('main');
const top = document.querySelector('nav').dataset.top ?? '';
const page = [...main.childNodes];
let index: MiniSearch | null = null;

function show(query: string): void {
  if (query.trim() === '') {
    main.replaceChildren(...page);
    return;
  }
  index ??= MiniSearch.loadJSON(searchIndex, indexOptions);
  const found = index.search(query).slice(0, 30);
  const heading = document.createElement('h1');
  heading.textContent = found.length === 0 ? `Nothing has “${query}”` : `“${query}”`;
  const list = document.createElement('ul');
  list.className = 'found';
  for (const { place, title, page: of } of found) {
    const item = document.createElement('li');
    const link = document.createElement('a');
    link.href = top + (place as string);
    link.textContent = title as string;
    const where = document.createElement('small');
    where.textContent = of as string;
    item.append(link, where);
    list.append(item);
  }
  main.replaceChildren(heading, list);
}

input.addEventListener('input', () => show(input.value));
// a result on the page that is open: back to it
main.addEventListener('click', (event) => {
  if (event.target.closest('.found a') === null) return;
  input.value = '';
  setTimeout(() => show(''));
});
