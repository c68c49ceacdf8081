// Why: the sample policy file tells which calls a rule guards; the routes know, the rules do not.

import { computeRoutes } from '../api/compute/index.ts';
import { samplePolicy } from '../policies/sample.ts';
import { rulesOf } from '../standalone/access.ts';
import { serviceRoutes } from './service-routes.ts';

const shown = (path: string): string => path.replace(/:(\w+)/g, '{$1}');

/** Which routes cite which rule: `METHOD /path` by rule name, of the compute API first. */
function operations(): Map<string, string[]> {
  const byRule = new Map<string, string[]>();
  const cite = (operation: string, rules: readonly (string | null)[]): void => {
    for (const rule of rules) if (rule !== null) byRule.set(rule, [...(byRule.get(rule) ?? []), operation]);
  };
  for (const route of computeRoutes) {
    if (route.gone) continue;
    const action = route.action === null ? '' : ` (${route.action})`;
    cite(`${route.method} ${shown(route.path)}${action}`, [route.policy, ...(route.alsoAsks ?? [])]);
  }
  for (const [service, routes] of Object.entries(serviceRoutes)) {
    for (const route of routes) cite(`${route.method} /${service}${shown(route.path)}`, rulesOf(route));
  }
  return byRule;
}

/** The text of a policy.yaml with every rule at its default, commented out. */
export function samplePolicyFile(): string {
  const text = samplePolicy(operations());
  return text.endsWith('\n') ? text : `${text}\n`;
}
