// Why: the reference has to look right on a machine that reaches nothing but us: its style and its one script stand here, and
// the page's policy allows nothing else.

export const style = `
:root { --ink: #1d2733; --soft: #5b6878; --line: #dde3ea; --ground: #fff; --panel: #f6f8fa; --accent: #0b62c4;
  --get: #16703c; --post: #8a5a00; --put: #0b62c4; --delete: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9ef; --soft: #9aa7b5; --line: #2d3743; --ground: #12171d;
  --panel: #1a2129; --accent: #6cb0ff; --get: #5fd08b; --post: #e7b34f; --put: #6cb0ff; --delete: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--ground); font: 15px/1.55 system-ui, sans-serif; display: grid;
  grid-template-columns: 17rem minmax(0, 1fr); }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.25rem; background: var(--panel);
  border-right: 1px solid var(--line); }
nav h1 { font-size: 1.1rem; margin: 0; }
nav p { color: var(--soft); margin: .25rem 0 1rem; font-size: .85rem; }
nav input { width: 100%; padding: .45rem .6rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--ground);
  color: inherit; font: inherit; margin-bottom: .75rem; }
nav a { display: block; color: inherit; text-decoration: none; padding: .15rem .4rem; border-radius: .3rem; font-size: .9rem; }
nav p a { display: inline; padding: 0; color: var(--accent); }
nav a:hover { background: var(--line); }
main { padding: 1.5rem 2.5rem 6rem; max-width: 68rem; }
section > h2 { margin: 2.5rem 0 .75rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); font-size: 1.3rem; }
article { border: 1px solid var(--line); border-radius: .5rem; margin: .6rem 0; overflow: hidden; }
article > details > summary { display: grid; grid-template-columns: 4.6rem minmax(0, 1fr) auto; gap: .75rem; align-items: baseline;
  padding: .55rem .8rem; cursor: pointer; list-style: none; }
article > details > summary::-webkit-details-marker { display: none; }
article > details[open] > summary { background: var(--panel); border-bottom: 1px solid var(--line); }
.method { font: 600 .78rem ui-monospace, monospace; text-align: center; padding: .15rem 0; border: 1px solid currentColor;
  border-radius: .3rem; }
.GET { color: var(--get); } .POST { color: var(--post); } .PUT { color: var(--put); } .DELETE { color: var(--delete); }
.path { font: .9rem ui-monospace, monospace; overflow-wrap: anywhere; }
.path small { display: block; font: .86rem system-ui, sans-serif; color: var(--soft); }
.span { color: var(--soft); font-size: .82rem; white-space: nowrap; }
.body { padding: .8rem 1rem 1rem; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .2rem 1rem; margin: 0 0 .8rem; }
dt { color: var(--soft); } dd { margin: 0; }
h4 { margin: 1rem 0 .3rem; font-size: .95rem; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 500; }
code, pre { font-family: ui-monospace, monospace; font-size: .85rem; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: .4rem; padding: .7rem .9rem; overflow: auto;
  max-height: 30rem; margin: .3rem 0; }
.nothing { color: var(--soft); display: none; }
@media (max-width: 56rem) { body { display: block; } nav { position: static; height: auto; border: 0; } main { padding: 1rem; } }
`;

/** Filters the calls by what is typed; without it the page is whole. */
export const script = `
const box = document.querySelector('input');
const calls = [...document.querySelectorAll('article')];
box.hidden = false;
box.addEventListener('input', () => {
  const words = box.value.toLowerCase().split(/\\s+/).filter(Boolean);
  for (const call of calls) call.hidden = !words.every((word) => call.dataset.text.includes(word));
  for (const part of document.querySelectorAll('section')) part.hidden = !part.querySelector('article:not([hidden])');
  document.querySelector('.nothing').style.display = calls.some((call) => !call.hidden) ? 'none' : 'block';
});
addEventListener('hashchange', open);
function open() {
  const call = document.getElementById(location.hash.slice(1));
  const details = call && call.querySelector('details');
  if (details) details.open = true;
}
open();
`;
