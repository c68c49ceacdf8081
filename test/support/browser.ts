// Why: what people look at is tested where they look at it: in a browser, which Debian's Chromium is.

import { existsSync } from 'node:fs';
import puppeteer, { type Browser } from 'puppeteer-core';

const CHROMIUM = '/usr/bin/chromium';

export const withoutBrowser: string | false = existsSync(CHROMIUM) ? false : `${CHROMIUM} is not installed`;

/** Without a window; certificates that nobody signed are taken. */
export const startBrowser = (): Promise<Browser> =>
  puppeteer.launch({
    executablePath: CHROMIUM,
    acceptInsecureCerts: true,
    // its own sandbox wants what root has not in a container; the pages are ours
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
