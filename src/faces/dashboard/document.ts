// Why: the document holds nothing but the names of the page's files, so that nothing in it has to be allowed to run.

import type { Bundle } from './bundle.ts';

/**
 * What browsers are told of the page: its own files and services, and nothing else from anywhere; no text ever becomes code.
 * Consoles are pages of this origin in a frame.
 */
export const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/**
 * The document of the page.
 * @param base path of the dashboard as the browser sees it, with a slash at the end: `/openstack/dashboard/`; a path in a URL, as `reached.ts` lets it through
 */
export const documentOf = (base: string, { script, style }: Bundle): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>xloud</title>
<link rel="icon" href="${base}icon.svg">
<link rel="stylesheet" href="${base}${style.name}">
<script type="module" src="${base}${script.name}"></script>
</head>
<body>
<div id="app"></div>
<noscript>This page is a program: it wants JavaScript.</noscript>
</body>
</html>
`;
