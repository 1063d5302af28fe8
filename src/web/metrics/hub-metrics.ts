/** Metrics of the hub and its process. */

import type { HubFacts } from "#web/facts/hub-facts.ts";
import type { MetricFamily } from "#wire/openmetrics.ts";
import { type Metric, single, valuesOf } from "./metric.ts";

export const hubMetrics = {
  build: { name: "kt_build", type: "info", help: "The version of kt that runs.", labels: ["version", "commit"] },
  start: {
    name: "kt_start_time_seconds",
    type: "gauge",
    unit: "seconds",
    help: "When the hub started, in seconds since 1970.",
    labels: [],
  },
  profiles: { name: "kt_profiles", type: "gauge", help: "Attached profiles.", labels: [] },
  overloaded: { name: "kt_overloaded", type: "gauge", help: "1 while the hub refuses connections for want of descriptors.", labels: [] },
  cpu: {
    name: "kt_process_cpu_seconds",
    type: "counter",
    unit: "seconds",
    help: "CPU time of the hub, in user and system mode.",
    labels: [],
  },
  resident: {
    name: "kt_process_resident_memory_bytes",
    type: "gauge",
    unit: "bytes",
    help: "Resident memory of the hub.",
    labels: [],
  },
  open: { name: "kt_process_open_fds", type: "gauge", help: "Open files and sockets of the hub.", labels: [] },
  max: { name: "kt_process_max_fds", type: "gauge", help: "How many it may have; +Inf where there is no limit.", labels: [] },
} as const satisfies Record<string, Metric>;

export function hubFamilies(
  { hello, startedAtMs, process }: HubFacts,
  hub: { readonly profiles: number; readonly overloaded: boolean },
): MetricFamily[] {
  const { cpuSeconds, residentBytes, openDescriptors, maxDescriptors } = process();
  const labels = [
    ["version", hello.version],
    ["commit", hello.commit],
  ] as const;
  return [
    valuesOf(hubMetrics.build, [{ labels, value: 1 }]),
    single(hubMetrics.start, startedAtMs / 1000),
    single(hubMetrics.profiles, hub.profiles),
    single(hubMetrics.overloaded, hub.overloaded ? 1 : 0),
    single(hubMetrics.cpu, cpuSeconds),
    single(hubMetrics.resident, residentBytes),
    single(hubMetrics.open, openDescriptors),
    single(hubMetrics.max, maxDescriptors),
  ];
}
