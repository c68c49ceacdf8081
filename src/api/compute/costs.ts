// Why: who pays by the hour wants to see what for: by project, user, server, month, and as a sheet. What is shown are recorded hours, which
// change no more but for what becomes known later; of one server also what it costs right now.

import { isoSeconds, parsePlain } from '../../base/clock.ts';
import { badRequest } from '../../base/errors.ts';
import { findSpans } from '../../db/server-sizes.ts';
import { type CostGroup, costGroups, type CostLine, costPeriods, listCosts } from '../../db/usage-costs.ts';
import { moneyText, pricesOf, rateMoneyText } from '../../domain/metering/prices.ts';
import { costUntil } from '../../domain/metering/usage-records.ts';
import { spanOf } from '../links.ts';
import { multi, nonNegativeInteger, query, text } from '../parameters.ts';
import { type Call, resource, route } from '../resource.ts';

const groups = [...Object.keys(costGroups), ...costPeriods] as CostGroup[];
const FORMATS = ['json', 'csv'];

const costQuery = query(
  {
    start: multi(text),
    end: multi(text),
    group_by: multi(text),
    resource: multi(text),
    format: multi({ type: 'string', enum: FORMATS }),
    limit: multi(nonNegativeInteger),
    offset: multi(nonNegativeInteger),
  },
  'strict',
);

const YEARS_MS = 10 * 366 * 86_400_000;

function momentOf(given: string): number {
  const found = parsePlain(given);
  if (found === null || found.ms < 0)
    throw badRequest(`'${given}' is not a moment since 1970: 2026-11-01T00:00:00 is one, in UTC.`);
  return found.ms;
}

interface Report {
  readonly startMs: number;
  readonly stopMs: number;
  readonly groups: readonly CostGroup[];
  readonly lines: readonly CostLine[];
  readonly csv: boolean;
}

/** From the beginning of the month until now, where nothing else is said. */
function periodOf({ query: asked, op }: Call): Pick<Report, 'startMs' | 'stopMs'> {
  const nowMs = op.clock.now();
  const month = new Date(nowMs);
  const [start, end] = [asked['start']?.at(-1), asked['end']?.at(-1)];
  const startMs = start === undefined ? Date.UTC(month.getUTCFullYear(), month.getUTCMonth()) : momentOf(start);
  const stopMs = end === undefined ? nowMs : momentOf(end);
  if (startMs >= stopMs) throw badRequest('The start must be before the end.');
  if (stopMs - startMs > YEARS_MS) throw badRequest('The period must not be longer than ten years.');
  return { startMs, stopMs };
}

function groupsOf({ query: asked }: Call): CostGroup[] {
  const words = (asked['group_by'] ?? ['resource']).flatMap((one) => one.split(',')).filter((one) => one !== '');
  const found = [...new Set(words)].map((word) => {
    const group = groups.find((one) => one === word);
    if (group === undefined) throw badRequest(`'${word}' is not one of: ${groups.join(', ')}.`);
    return group;
  });
  if (found.filter((group) => costPeriods.some((period) => period === group)).length > 1) {
    throw badRequest(`Lines are for one of: ${costPeriods.join(', ')}.`);
  }
  return found;
}

async function reportOf(call: Call, projectId: string | null): Promise<Report> {
  const { query: asked, services } = call;
  const period = periodOf(call);
  const by = groupsOf(call);
  const filter = { projectId, resourceId: asked['resource']?.at(-1) ?? null, ...period };
  const lines = await listCosts(services.db, filter, by, spanOf(asked, services.settings.pageSize));
  return { ...period, groups: by, lines, csv: asked['format']?.at(-1) === 'csv' };
}

const shownGroup = (group: CostGroup, value: string | number | undefined): string =>
  typeof value === 'number' ? isoSeconds(value) : (value ?? '');

const lineView = ({ of, hours, vcpuHours, memoryMbHours, gbHours, cost }: CostLine, by: readonly CostGroup[]) => ({
  ...Object.fromEntries(by.map((group) => [group, shownGroup(group, of[group])])),
  hours,
  vcpu_hours: vcpuHours,
  memory_mb_hours: memoryMbHours,
  gb_hours: gbHours,
  cost: moneyText(cost),
});

const reportView = ({ startMs, stopMs, groups: by, lines }: Report, currency: string) => ({
  start: isoSeconds(startMs),
  end: isoSeconds(stopMs),
  currency,
  costs: lines.map((line) => lineView(line, by)),
});

/** A cell as RFC 4180 has it; one that a spreadsheet would take for a formula is a text. */
function cell(value: string | number): string {
  const shown = typeof value === 'string' && /^[=+@\t\r]|^-\D/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(shown) ? `"${shown.replaceAll('"', '""')}"` : shown;
}

function sheetOf({ groups: by, lines }: Report, currency: string): string {
  const head = [...by, 'hours', 'vcpu_hours', 'memory_mb_hours', 'gb_hours', 'cost', 'currency'];
  const rows = lines.map((line) => [...Object.values(lineView(line, by)), currency]);
  return [head, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

const common = {
  query: costQuery,
  status: 200,
  type: ({ query: asked }: Pick<Call, 'query'>) =>
    asked['format']?.at(-1) === 'csv' ? 'text/csv; charset=utf-8' : 'application/json',
  pieces: (report: Report, { services }: Call): string[] => {
    const { currency } = services.settings;
    return [report.csv ? sheetOf(report, currency) : JSON.stringify(reportView(report, currency))];
  },
};

export default resource({
  'GET /os-xloud-costs': route()({
    summary: 'Show what all projects have to pay for a time, by project, user, kind, resource and month, day or hour.',
    policy: 'os_compute_api:xloud:costs:list',
    ...common,
    run: (call) => reportOf(call, null),
  }),
  'GET /os-xloud-costs/:project_id': route()({
    summary: 'Show what a project has to pay for a time, by user, kind, resource and month, day or hour.',
    policy: 'os_compute_api:xloud:costs:show',
    about: ({ params }) => ({ project_id: params['project_id'] }),
    ...common,
    run: (call) => reportOf(call, call.params['project_id'] as string),
  }),
  'GET /servers/:server_id/os-xloud-cost': route<'server'>()({
    summary:
      'Show the prices that a server was made with, what it costs now for each hour, and what it cost until now.',
    policy: 'os_compute_api:xloud:costs:server',
    target: 'server',
    status: 200,
    async run({ op, services, target }) {
      const nowMs = op.clock.now();
      const spans = (await findSpans(services.db, [target.id], 0, nowMs + 1)).get(target.id) ?? [];
      return { spans, nowMs };
    },
    view({ spans, nowMs }, { target, services }) {
      const prices = pricesOf(target.flavor);
      const rate = spans.find(({ endedAt }) => endedAt === null)?.rate ?? 0;
      return {
        server_id: target.uuid,
        currency: services.settings.currency,
        prices:
          prices === null
            ? null
            : {
                hour: moneyText(prices.hour),
                vcpu_hour: moneyText(prices.vcpuHour),
                memory_gb_hour: moneyText(prices.memoryGbHour),
              },
        cost_per_hour: rateMoneyText(rate),
        cost: moneyText(costUntil(spans, nowMs)),
      };
    },
  }),
});
