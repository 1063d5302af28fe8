/** All metrics of the hub as one text. */

import type { HubFacts } from "#web/facts/hub-facts.ts";
import { encodeMetrics, type MetricsFormat } from "#wire/openmetrics.ts";
import { hubFamilies } from "./hub-metrics.ts";
import { routeFamilies } from "./route-metrics.ts";
import { targetFamilies } from "./target-metrics.ts";

export function metricsText(facts: HubFacts, format: MetricsFormat): string {
  const snapshot = facts.snapshot();
  const hub = { profiles: snapshot.profiles.length, overloaded: snapshot.hub.problem !== undefined };
  return encodeMetrics([...hubFamilies(facts, hub), ...routeFamilies(snapshot, facts), ...targetFamilies(snapshot, facts)], format);
}
