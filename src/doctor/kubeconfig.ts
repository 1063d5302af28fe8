/** Whether the kubeconfig can be read, and has every context that is used. */

import { type KtError, toKtError } from "#base/errors.ts";
import { shellQuoted } from "#base/shell.ts";
import { Probe, type ProbeOptions } from "#kube/probe.ts";
import { type Finding, Findings } from "./finding.ts";
import type { Need } from "./needs.ts";

export interface KubeconfigAnswer {
  readonly findings: readonly Finding[];
  /** Every context that is there, with what is needed of it. */
  readonly probes: ReadonlyMap<Probe, readonly Need[]>;
  /** Contexts that cannot be looked at. */
  readonly missing: readonly string[];
}

/** Among the missing. */
export const currentContext = "(current-context)";

const howToGetOne = [
  "export KUBECONFIG=/path/to/kubeconfig",
  "get one from your cluster: aws eks update-kubeconfig --name CLUSTER, gcloud container clusters get-credentials CLUSTER, az aks get-credentials -n CLUSTER -g GROUP",
];

/** `needs` are of the contexts that the profile uses; undefined is the current one, which it may also use by its name. */
export function examineKubeconfig(
  needs: ReadonlyMap<string | undefined, readonly Need[]>,
  options: Omit<ProbeOptions, "context">,
): KubeconfigAnswer {
  const findings = new Findings("kubeconfig");
  const probes = new Map<Probe, readonly Need[]>();
  const missing: string[] = [];
  const told = new Set<string>();
  for (const [context, ofContext] of needs) {
    try {
      const probe = new Probe({ ...options, context });
      const same = [...probes.keys()].find(({ config }) => config.name === probe.config.name);
      probes.set(same ?? probe, [...(same ? (probes.get(same) ?? []) : []), ...ofContext]);
      if (!same) findings.ok(describe(probe, context, options.kubeconfig));
    } catch (error) {
      const problem = toKtError(error, "kubeconfig-unreadable", "read the kubeconfig");
      missing.push(context ?? currentContext);
      // What is wrong with the file is wrong for all of them.
      if (!told.has(problem.message)) findings.broken(problem.message, fixesFor(problem));
      told.add(problem.message);
    }
  }
  return { findings: findings.list, probes, missing };
}

/** kubectl looks at the shell's own kubeconfig, which a profile may have replaced. */
export function forKubeconfig(findings: readonly Finding[], used: readonly string[], shells: readonly string[]): readonly Finding[] {
  if (used.join(":") === shells.join(":")) return findings;
  const prefix = `KUBECONFIG=${shellQuoted(used.join(":"))} `;
  const asked = (fix: string): string => (fix.startsWith("kubectl ") ? prefix + fix : fix);
  return findings.map((finding) => ({ ...finding, fixes: finding.fixes.map(asked) }));
}

function describe({ config }: Probe, context: string | undefined, files: readonly string[]): string {
  const which = context === undefined ? "current-context" : "context";
  const where = files.length === 0 ? "the pod's service account" : files.map((file) => `"${file}"`).join(", ");
  return `${where}: ${which} "${config.name}", namespace "${config.namespace}"`;
}

function fixesFor({ code, detail, hints }: KtError): readonly string[] {
  if (detail === "no-kubeconfig") return howToGetOne;
  if (code !== "context-unknown") return hints;
  return [...hints, detail === "no-current-context" ? "kubectl config use-context NAME" : "kubectl config get-contexts"];
}
