/** What names that no profile has may reach: dynamic names by their contexts, and neither they nor patterns the API server. */

import type { DynamicEntry, Refused } from "./lookup.ts";
import type { PodTarget } from "./target.ts";

/** `if-current`: kubeconfig has to be asked. */
export function reachOf({ reach, contexts }: DynamicEntry, label: string): "yes" | "if-current" | "no" {
  if (reach.kind !== "these") return reach.kind === "all" ? "yes" : "no";
  const context = Object.hasOwn(contexts, label) ? contexts[label] : label;
  if (context !== undefined && reach.contexts.includes(context)) return "yes";
  return reach.current ? "if-current" : "no";
}

/** Why a dynamic name does not reach its context. */
export function contextRefusal(label: string): Pick<Refused, "reason" | "hint"> {
  return {
    reason: `a dynamic name reaches for context "${label}", which this profile does not name`,
    hint: `if it should, write [contexts] ${label} = "${label}" in the profile, or [http] dynamic = true for every context`,
  };
}

export function refusedContext(host: string, label: string, { reach }: DynamicEntry, route: string): Refused {
  if (reach.kind !== "none") return { kind: "refused", host, ...contextRefusal(label) };
  const reason = `"${host}" is a dynamic name, and the profile has turned these off`;
  return { kind: "refused", host, reason, hint: `write a route, ${route}, or [http] dynamic = ["${label}"]` };
}

/** The program's own name, which begins those of its pods (kubeadm, kind, OpenShift) and of services made for it. */
const apiServer = /^kube-apiserver(-|$)/;

export function isApiServerPod(name: string): boolean {
  return apiServer.test(name);
}

/** The service that every cluster's API server keeps for itself, or one that is named for it. */
function isApiServer({ kind, namespace, name }: PodTarget): boolean {
  if (apiServer.test(name)) return true;
  return kind === "service" && name === "kubernetes" && (namespace === undefined || namespace === "default");
}

export const apiServerReason = "leads to the API server itself, which no pattern and no dynamic name reaches";

/** Undefined for a target that any name may reach. */
export function refusedApiServer(host: string, target: PodTarget, route: string): Refused | undefined {
  if (!isApiServer(target)) return undefined;
  return { kind: "refused", host, reason: `"${host}" ${apiServerReason}`, hint: `if it should, write a route: ${route}` };
}
