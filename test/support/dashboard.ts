// Why: the dashboard is tried as people use it: by what they read and press, in a browser, on the fake driver as on a real hypervisor.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser, Page } from 'puppeteer-core';
import { parse } from 'yaml';
import { type CloudName, eventually, type Service } from './serve.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WAIT_MS = 20_000;

/** What a judge of accessibility found: only what hinders people is counted. */
export interface Finding {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly string[];
}

export interface Visitor {
  readonly page: Page;
  /** Whatever the browser refused or the page threw. */
  readonly problems: readonly string[];
  /** Goes to a place of the page: `/servers`. */
  go(path: string): Promise<void>;
  /** Waits until a text is seen. */
  see(text: string | RegExp, ms?: number): Promise<void>;
  /** Waits until it is seen no more. */
  missing(text: string, ms?: number): Promise<void>;
  /** Presses what has this name, a button unless it is said. */
  press(name: string, role?: 'button' | 'link' | 'menuitem' | 'checkbox' | 'radio'): Promise<void>;
  /** Clicks what this selector finds. */
  click(selector: string): Promise<void>;
  /** Presses the button by which an open dialog is agreed to. */
  submit(): Promise<void>;
  /** Writes into the field of this label, in place of what is there. */
  fill(label: string, text: string): Promise<void>;
  choose(label: string, value: string): Promise<void>;
  /** Drags a slider to a share of its length and lets it go. @param held called before */
  drag(label: string, share: number, held?: () => Promise<void>): Promise<void>;
  text(): Promise<string>;
  /** The serious and critical findings of axe-core on what is shown. */
  findings(): Promise<readonly Finding[]>;
  /** Pixels by which the page is wider than its window. */
  overflow(): Promise<number>;
  close(): Promise<void>;
}

export interface VisitorOptions {
  readonly cloud: CloudName;
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
}

/** Name and password of a cloud's user, as its owner reads them. */
export function credentials(
  { dataDir }: Pick<Service, 'dataDir'>,
  cloud: CloudName,
): { user: string; password: string } {
  const { clouds } = parse(readFileSync(join(dataDir, 'clouds.yaml'), 'utf8')) as {
    clouds: Record<CloudName, { auth: { username: string; password: string } }>;
  };
  const { username, password } = clouds[cloud].auth;
  return { user: username, password };
}

/** A column of a table may be called as a field is, and a click at it beside an open dialog closes that. */
const FIELDS = ['textbox', 'searchbox', 'spinbutton', 'combobox', 'listbox', 'switch', 'checkbox', 'slider'];

/** Texts in a selector stand in quotes. */
const quoted = (text: string): string => `"${text.replaceAll('"', '\\"')}"`;

const RUN_AXE = `(async () => {
  const { violations } = await axe.run(document, { resultTypes: ['violations'] });
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.slice(0, 5).map(({ html, failureSummary }) => html.slice(0, 200) + ' ' + failureSummary) }));
})()`;

/** A visitor who looks at an address of the dashboard and is nobody yet. */
export async function visit(browser: Browser, url: string, options: Omit<VisitorOptions, 'cloud'>): Promise<Visitor> {
  const { width = 1280, height = 800, dark = false } = options;
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const problems: string[] = [];
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }]);
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    const said = message.text();
    // what a service refuses is told in the page; the browser tells it too
    if (message.type() === 'error' && !said.startsWith('Failed to load resource')) problems.push(said);
  });
  const home = `${url}/dashboard`;
  const text = async (): Promise<string> => String(await page.evaluate('document.body.innerText'));
  const named = (name: string, role: string) => `::-p-aria([name=${quoted(name)}][role=${quoted(role)}])`;
  const element = (name: string, role: string) =>
    page.waitForSelector(named(name, role), { timeout: WAIT_MS, visible: true });
  // what is drawn anew between a look and a click is looked for again
  const click = async (selector: string) => {
    try {
      await page.locator(selector).setTimeout(WAIT_MS).click();
    } catch (error) {
      throw new Error(`nothing to click that is ${selector}; seen is:\n${await text()}`, { cause: error });
    }
  };
  const field = async (label: string) => {
    try {
      return await page.waitForSelector(FIELDS.map((role) => named(label, role)).join(', '), { timeout: WAIT_MS });
    } catch (error) {
      throw new Error(`no field ${label}; seen is:\n${await text()}`, { cause: error });
    }
  };

  await page.goto(home);
  return {
    page,
    problems,
    text,
    async go(path) {
      await page.evaluate(`location.hash = ${JSON.stringify(path)}`);
    },
    async see(what, ms = WAIT_MS) {
      const has = (all: string): boolean => (typeof what === 'string' ? all.includes(what) : what.test(all));
      try {
        await eventually(String(what), ms, async () => has(await text()) || null);
      } catch (error) {
        throw new Error(`${String(error)}; seen is:\n${await text()}`, { cause: error });
      }
    },
    missing: async (what, ms = WAIT_MS) => {
      await eventually(`no ${what}`, ms, async () => !(await text()).includes(what) || null);
    },
    press: (name, role = 'button') => click(named(name, role)),
    click,
    submit: () => click('dialog button[type=submit]'),
    async fill(label, value) {
      const found = await field(label);
      await found?.click({ count: 3 });
      await found?.type(value);
    },
    async choose(label, value) {
      const found = await field(label);
      await found?.select(value);
    },
    async drag(label, share, held = async () => undefined) {
      const found = await element(label, 'slider');
      const box = await found?.boundingBox();
      if (box == null) throw new Error(`no slider ${label}`);
      const y = box.y + box.height / 2;
      const at = (part: number): number => box.x + 11 + (box.width - 22) * part;
      const numbers = (slider: unknown): number[] => {
        const { min, max, value } = slider as Record<'min' | 'max' | 'value', string>;
        return [min, max, value].map(Number);
      };
      const ends = (await found?.evaluate(numbers as never)) as number[] | undefined;
      const [min = 0, max = 1, value = 0] = ends ?? [];
      const from = (value - min) / (max - min);
      await page.mouse.move(at(from), y);
      await page.mouse.down();
      for (let step = 1; step <= 12; step += 1) await page.mouse.move(at(from + ((share - from) * step) / 12), y);
      await held();
      await page.mouse.up();
    },
    async findings() {
      await page.evaluate(AXE);
      return (await page.evaluate(RUN_AXE)) as readonly Finding[];
    },
    overflow: async () => Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth')),
    close: () => context.close(),
  };
}

/** Writes who one is into the form of signing in, and sends it. */
export async function signIn(visitor: Visitor, { user, password }: { user: string; password: string }): Promise<void> {
  await visitor.fill('User', user);
  await visitor.fill('Password', password);
  await visitor.press('Sign in');
}

/** A visitor who is signed in and sees the servers. */
export async function enter(
  browser: Browser,
  service: Pick<Service, 'url' | 'dataDir'>,
  { cloud, ...options }: VisitorOptions,
): Promise<Visitor> {
  const visitor = await visit(browser, service.url, options);
  await visitor.see('Sign in to xloud');
  await signIn(visitor, credentials(service, cloud));
  await visitor.see('Launch a server');
  return visitor;
}
