/** Plans as what a route table is built from. */

import { isLabel } from "#route/pod-source-text.ts";
import { hubHost, ownPages } from "#route/target.ts";
import type { ClusterEntry, RouteEntries, StaticEntry } from "#route/lookup.ts";
import type { Termination } from "#route/route-tls.ts";
import type { Plan, PlannedRoute } from "#profile/values/plan.ts";

/** The hostnames of several plans, in the order in which they were attached. */
export function routeEntries(plans: readonly Plan[]): RouteEntries {
  const ownTls = ownTlsOf(plans);
  return {
    ownTls,
    static: [
      ownTls ? { ...hubEntry, tls: ownTls } : hubEntry,
      ...plans.flatMap(({ profile, routes }) => routes.map((route) => staticEntry(profile, route))),
    ],
    patterns: plans.flatMap(({ profile, patterns }) =>
      patterns.map(({ name, pattern, target, scheme, manner, tls }) => {
        const entry = { profile, route: name, pattern, target, scheme, manner };
        return tls === undefined ? entry : { ...entry, tls };
      }),
    ),
    dynamic: plans.map(({ profile, http, contexts }) => ({
      profile,
      suffix: http.suffix,
      contexts,
      reach: http.dynamic,
      ...(http.tls && { tls: http.tls }),
    })),
    cluster: plans.flatMap(clusterEntry),
    origins: plans.map(({ profile, http }) => ({ profile, allowed: http.allowOrigins })),
  };
}

function clusterEntry({ profile, context, contexts, clusterDomain, http }: Plan): ClusterEntry[] {
  if (http.clusterNames.length === 0) return [];
  const short = Object.keys(contexts).find((name) => contexts[name] === context) ?? context;
  const label = short !== undefined && isLabel(short) ? short : undefined;
  const hasDynamic = http.dynamic.kind !== "none" && (label !== undefined || context === undefined);
  const names = { label, namespaces: http.clusterNames, clusterDomain, suffix: hasDynamic ? http.suffix : undefined };
  return [{ profile, context, ...names, ...(http.tls && { tls: http.tls }) }];
}

/** Without a redirect, whatever the profiles say: programs that read them need not follow one, nor browsers for the PAC file. */
function ownTlsOf(plans: readonly Plan[]): Termination | undefined {
  const { tls } = plans.find(({ http }) => http.tls !== undefined)?.http ?? {};
  return tls && { ...tls, redirects: false };
}

/** First, so that nothing else gets its name: with it would come the cookies of the hub's own user. */
const hubEntry: StaticEntry = {
  profile: ownPages.cluster.profile,
  route: hubHost,
  host: hubHost,
  target: ownPages,
  scheme: "http",
  manner: { forwarded: false, schemeGiven: true },
};

export function staticEntry(profile: string, { name: route, host, target, scheme, manner, tls }: PlannedRoute): StaticEntry {
  return { profile, route, host, target, scheme, manner, ...(tls && { tls }) };
}
