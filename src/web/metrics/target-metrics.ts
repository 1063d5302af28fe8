/** Metrics of the tunnels: what is behind the routes of a target. */

import type { Snapshot } from "#control/api.ts";
import type { HubFacts, TargetFacts } from "#web/facts/hub-facts.ts";
import type { MetricFamily, MetricLabels } from "#wire/openmetrics.ts";
import { label, profileLabels } from "./labels.ts";
import { histogramsOf, type Metric, valuesOf } from "./metric.ts";

const labels = ["profile", "context", "target"] as const;

export const targetMetrics = {
  pods: { name: "kt_target_ready_pods", type: "gauge", help: "Pods that new connections may go to, while the target is in use.", labels },
  sessions: { name: "kt_target_sessions", type: "gauge", help: "Sessions that are open to its pods, spare ones too.", labels },
  open: { name: "kt_target_open_connections", type: "gauge", help: "Connections to its pods that are in use.", labels },
  failed: { name: "kt_target_failed_dials", type: "counter", help: "Connections that could not be opened.", labels },
  dials: {
    name: "kt_target_dial_seconds",
    type: "histogram",
    unit: "seconds",
    help: "How long connections took to open, with the wait for a pod to be ready.",
    labels,
  },
} as const satisfies Record<string, Metric>;

interface Labelled {
  readonly facts: TargetFacts;
  readonly labels: MetricLabels;
}

export function targetFamilies({ profiles }: Snapshot, { targets }: Pick<HubFacts, "targets">): MetricFamily[] {
  const all = labelled(profiles, targets());
  const each = (value: (facts: TargetFacts) => number) => all.map(({ facts, labels: own }) => ({ labels: own, value: value(facts) }));
  return [
    valuesOf(
      targetMetrics.pods,
      each(({ readyPods }) => readyPods),
    ),
    valuesOf(
      targetMetrics.sessions,
      each(({ sessions }) => sessions),
    ),
    valuesOf(
      targetMetrics.open,
      each(({ openConnections }) => openConnections),
    ),
    valuesOf(
      targetMetrics.failed,
      each(({ failedDials }) => failedDials),
    ),
    histogramsOf(
      targetMetrics.dials,
      all.map(({ facts, labels: own }) => ({ labels: own, histogram: facts.dials })),
    ),
  ];
}

/** Two targets that differ in their jump host's container alone are written the same, and the first stands for both. */
function labelled(profiles: Snapshot["profiles"], targets: readonly TargetFacts[]): Labelled[] {
  const names = profileLabels(profiles);
  const byText = new Map<string, Labelled>();
  for (const facts of targets) {
    const profile = names.get(facts.profile);
    // The tunnel of a profile that has just been detached may still carry a connection.
    if (!profile) continue;
    const own = [profile, label("context", facts.context ?? ""), label("target", facts.target)];
    const text = JSON.stringify(own);
    if (!byText.has(text)) byText.set(text, { facts, labels: own });
  }
  return [...byText.values()];
}
