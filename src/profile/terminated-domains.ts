/** What kt's CA has to sign for, so that the names of a plan can have certificates of it. */

import type { Plan } from "#profile/values/plan.ts";

/** Whether any of its names has a certificate of kt's CA. */
export function needsAuthority({ routes, patterns, http }: Plan): boolean {
  return http.tls !== undefined || patterns.some(({ tls }) => tls !== undefined) || routes.some(({ tls }) => tls && !tls.pair);
}

/** Normalised; of a pattern, what is behind its captures. Names under localhost, which every such CA may sign for, are left out. */
export function terminatedDomains({ routes, patterns, http, clusterDomain }: Plan): readonly string[] {
  const own = routes.filter(({ tls }) => tls !== undefined && tls.pair === undefined).map(({ host }) => host);
  const made = patterns.filter(({ tls }) => tls !== undefined).map(({ pattern }) => pattern.text.replace(/^.*\{[^}]*\}[^.]*\.?/, ""));
  const dynamic = http.tls === undefined ? [] : [http.suffix];
  // The shorter names of the cluster end like those of the web.
  const cluster = http.tls === undefined || http.clusterNames.length === 0 ? [] : ["svc", `svc.${clusterDomain}`];
  const domains = [...new Set([...own, ...made, ...dynamic, ...cluster])].filter((domain) => domain !== "" && !isLocal(domain));
  return domains.filter((domain) => !domains.some((other) => domain.endsWith(`.${other}`)));
}

export function isLocal(domain: string): boolean {
  return domain === "localhost" || domain.endsWith(".localhost");
}
