/** What to open or to connect to for a target that is given in place of a route's name. */

import { portsOf } from "#profile/values/planned.ts";
import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import { sharedLimits } from "#base/limits.ts";
import { catalogueOf } from "#daemon/catalogue.ts";
import type { Plan } from "#profile/values/plan.ts";
import { isLabel } from "#route/pod-source-text.ts";
import { isCertainPort } from "#route/port.ts";
import { type ParsedTarget, parseTarget } from "#route/target-text.ts";
import { kindWords, targetKey } from "#route/target.ts";
import { shellEnvironment } from "./profile-file.ts";
import { httpUrl, portAddress } from "./route-urls.ts";

/** The URL of a route to the target, else its dynamic name. Throws KtError for a target without one. */
export function urlOfTarget(plan: Plan, text: string): string {
  const parsed = parseTarget(text);
  const cluster = { profile: plan.profile, context: plan.context };
  const key = targetKey({ ...parsed, cluster, namespace: parsed.namespace ?? plan.namespace });
  const host = plan.routes.find(({ target }) => targetKey(target) === key)?.name;
  const port = portsOf(plan).find(({ target }) => targetKey(target) === key)?.name;
  const found = port === undefined ? httpUrl(plan, host ?? dynamicName(plan, parsed)) : portAddress(plan, port);
  if (found === undefined) throw noName(text);
  return found;
}

/** In the short form where that can be read in one way only. */
function dynamicName(plan: Plan, { kind, name, port, namespace }: ParsedTarget): string {
  const { kubeconfig, strangers, context, contexts } = plan;
  const view = { kubeconfig, strangers, environment: shellEnvironment() };
  // The kubeconfig is read and no cluster asked.
  const catalogue = catalogueOf(view, context, { timeoutMs: sharedLimits.apiRequestTimeoutMs, mayLogIn: false });
  const short = Object.keys(contexts).find((each) => contexts[each] === catalogue.context);
  const label = short ?? (isLabel(catalogue.context) ? catalogue.context : undefined);
  if (label === undefined || (kind !== "service" && kind !== "pod")) throw noName(`${kindWords[kind]}/${name}:${port}`);
  const head = isCertainPort(String(port)) ? `${name}-${port}` : `${port}.${name}`;
  return `${head}.${kindWords[kind]}.${namespace ?? plan.namespace ?? catalogue.namespace}.ns.${label}.cx.${plan.http.suffix}`;
}

function noName(text: string): KtError {
  return new KtError("route-unknown", `"${text}" has no name of its own: it needs a route`, {
    hints: [command`kt add NAME.localhost ${text}`],
  });
}
