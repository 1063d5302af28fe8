/** What a metric of kt is: how it is declared once, for the text and for its page in the docs. */

import { type Histogram, secondBounds } from "#observe/histogram.ts";
import type { MetricFamily, MetricLabels, ValueSample } from "#wire/openmetrics.ts";

export interface Metric {
  /** Without the suffixes that its type adds. */
  readonly name: string;
  readonly type: MetricFamily["type"];
  readonly unit?: "seconds" | "bytes";
  readonly help: string;
  /** The names of its labels. */
  readonly labels: readonly string[];
}

export function valuesOf(metric: Metric & { readonly type: "counter" | "gauge" | "info" }, samples: readonly ValueSample[]): MetricFamily {
  return { ...described(metric), type: metric.type, samples };
}

/** Those of them that have been used. */
export function histogramsOf(
  metric: Metric & { readonly type: "histogram" },
  each: readonly { readonly labels: MetricLabels; readonly histogram: Histogram | undefined }[],
): MetricFamily {
  const samples = each.flatMap(({ labels, histogram }) =>
    histogram === undefined ? [] : [{ labels, bounds: secondBounds, counts: histogram.counts, sum: histogram.sumMs / 1000 }],
  );
  return { ...described(metric), type: metric.type, samples };
}

/** One value without labels. */
export function single(metric: Metric & { readonly type: "counter" | "gauge" }, value: number): MetricFamily {
  return valuesOf(metric, [{ labels: [], value }]);
}

function described({ name, help, unit }: Metric): Pick<MetricFamily, "name" | "help" | "unit"> {
  return unit === undefined ? { name, help } : { name, help, unit };
}
