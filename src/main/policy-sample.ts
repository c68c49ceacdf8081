// Why: the sample policy file tells which calls a rule guards; the routes know, the rules do not.

import { computeRoutes } from '../api/compute/index.ts';
import { samplePolicy } from '../policies/sample.ts';

/** Which routes cite which rule: `METHOD /path` by rule name. */
function operations(): Map<string, string[]> {
  const byRule = new Map<string, string[]>();
  for (const route of computeRoutes) {
    if (route.gone) continue;
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    const operation = `${route.method} ${path}${route.action === null ? '' : ` (${route.action})`}`;
    for (const rule of [route.policy, ...(route.alsoAsks ?? [])]) {
      if (rule !== null) byRule.set(rule, [...(byRule.get(rule) ?? []), operation]);
    }
  }
  return byRule;
}

/** The text of a policy.yaml with every rule at its default, commented out. */
export function samplePolicyFile(): string {
  const text = samplePolicy(operations());
  return text.endsWith('\n') ? text : `${text}\n`;
}
