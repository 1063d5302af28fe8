/** All metrics of the hub as one text. */

import type { HubFacts } from "#web/facts/hub-facts.ts";
import { encodeMetrics, type MetricsFormat } from "#wire/openmetrics.ts";
import { hubFamilies } from "./hub-metrics.ts";
import { routeFamilies } from "./route-metrics.ts";

export function metricsText(facts: HubFacts, format: MetricsFormat): string {
  const { hub, profiles } = facts.snapshot();
  const families = [
    ...hubFamilies(facts, { profiles: profiles.length, overloaded: hub.problem !== undefined }),
    ...routeFamilies(profiles),
  ];
  return encodeMetrics(families, format);
}
