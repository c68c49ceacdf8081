// Why: bills come as lines; what is shown of them are sums by day, by what they are for, by project.

import { get } from './api.ts';

export interface CostLine {
  readonly project?: string;
  readonly kind?: string;
  readonly resource?: string;
  readonly day?: string;
  readonly hours: number;
  readonly cost: string;
}

export interface Bill {
  readonly start: string;
  readonly end: string;
  readonly currency: string;
  readonly costs: readonly CostLine[];
}

const PAGE = 1_000;

/** The bill of this month: of a project, or of all for operators. */
export async function readBill(projectId: string | null, groupBy: string): Promise<Bill> {
  const path = projectId === null ? '/os-xloud-costs' : `/os-xloud-costs/${projectId}`;
  const lines: CostLine[] = [];
  for (;;) {
    const query = `?group_by=${groupBy}&limit=${PAGE}&offset=${lines.length}`;
    const page = await get<Bill>('compute', `${path}${query}`);
    lines.push(...page.costs);
    if (page.costs.length < PAGE) return { ...page, costs: lines };
  }
}

export const total = (lines: readonly CostLine[]): number => lines.reduce((sum, { cost }) => sum + Number(cost), 0);

export interface DayBar {
  readonly day: string;
  readonly parts: readonly { readonly kind: string; readonly cost: number }[];
  readonly cost: number;
}

/** A bar for each day, what it is made of from below. */
export function dayBars(lines: readonly CostLine[]): readonly DayBar[] {
  const days = new Map<string, Map<string, number>>();
  for (const { day = '', kind = '', cost } of lines) {
    const kinds = days.get(day) ?? new Map<string, number>();
    days.set(day, kinds.set(kind, (kinds.get(kind) ?? 0) + Number(cost)));
  }
  return [...days]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([day, kinds]) => {
      const parts = [...kinds].map(([kind, cost]) => ({ kind, cost }));
      return { day, parts, cost: parts.reduce((sum, part) => sum + part.cost, 0) };
    });
}

/** The dearest first. */
export const dearest = (lines: readonly CostLine[], count: number): readonly CostLine[] =>
  [...lines].sort((a, b) => Number(b.cost) - Number(a.cost)).slice(0, count);
