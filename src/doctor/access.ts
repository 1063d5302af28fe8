/** Whether we may do what the routes need; what is missing, with the command that shows it and the rule that would allow it; pure. */

import { canICommand } from "#kube/api/api-problem.ts";
import type { Permission } from "#kube/probe.ts";
import { Findings, type Finding } from "./finding.ts";
import type { Need } from "./needs.ts";

/** A need in its namespace, and whether it is met. */
export interface Asked extends Need {
  readonly namespace: string;
  readonly allowed: boolean;
}

export function judgeAccess(context: string, asked: readonly Asked[]): readonly Finding[] {
  const findings = new Findings("access", context);
  const namespaces = [...new Set(asked.map(({ namespace }) => namespace))];
  for (const namespace of namespaces) {
    const here = asked.filter((each) => each.namespace === namespace);
    const missing = here.filter(({ allowed }) => !allowed);
    const broken = missing.filter((each) => isFatal(each, here));
    const lesser = missing.filter((each) => !broken.includes(each));
    if (broken.length > 0) findings.broken(`in namespace "${namespace}" you may not ${listed(broken)}`, fixesFor(context, broken));
    if (lesser.length > 0) {
      const losses = [...new Set(lesser.map(({ without }) => without))].join("; ");
      findings.warn(`in namespace "${namespace}" you may not ${listed(lesser)}: ${losses}`, fixesFor(context, lesser));
    }
  }
  if (findings.list.length > 0) return findings.list;
  const where = namespaces.map((namespace) => `"${namespace}"`).join(", ");
  return findings.ok(`all that the routes need is allowed in namespace${namespaces.length === 1 ? "" : "s"} ${where}`).list;
}

function isFatal({ without, either }: Asked, here: readonly Asked[]): boolean {
  if (without === undefined) return true;
  return either !== undefined && here.every((other) => other.either !== either || !other.allowed);
}

/** `get and watch pods, create pods/portforward`. */
function listed(missing: readonly Permission[]): string {
  return [...byResource(missing)].map(([, all]) => `${all.map(({ verb }) => verb).join(" and ")} ${all[0]?.resource}`).join(", ");
}

function byResource(missing: readonly Permission[]): ReadonlyMap<string, readonly Permission[]> {
  return Map.groupBy(missing, ({ group, resource }) => `${resource}.${group}`);
}

function fixesFor(context: string, missing: readonly Asked[]): readonly string[] {
  const rules = [...byResource(missing).values()].map(
    (all) =>
      `{apiGroups: ["${all[0]?.group}"], resources: ["${all[0]?.resource}"], verbs: [${all.map(({ verb }) => `"${verb}"`).join(", ")}]}`,
  );
  return [
    ...missing.map((each) => canICommand(each, context)),
    `ask for a Role in "${missing[0]?.namespace}" with rules: [${rules.join(", ")}]`,
  ];
}
