/** Metrics as text: OpenMetrics 1.0 and the older text format of Prometheus (0.0.4). */

/** Names and values, in the order in which they are written. */
export type MetricLabels = readonly (readonly [name: string, value: string])[];

interface Described {
  /** Without the suffixes that the type adds: `_total`, `_info`, `_bucket`. */
  readonly name: string;
  readonly help: string;
  /** The end of the name, where it has one. */
  readonly unit?: "seconds" | "bytes";
}

export interface ValueSample {
  readonly labels: MetricLabels;
  readonly value: number;
}

export interface HistogramSample {
  readonly labels: MetricLabels;
  /** Of the buckets, rising; one more, without a bound, stands for the rest. */
  readonly bounds: readonly number[];
  /** How many values fell into each bucket alone, the last one included. */
  readonly counts: ArrayLike<number>;
  readonly sum: number;
}

export type MetricFamily = Described &
  (
    | { readonly type: "counter" | "gauge" | "info"; readonly samples: readonly ValueSample[] }
    | { readonly type: "histogram"; readonly samples: readonly HistogramSample[] }
  );

export type MetricsFormat = "openmetrics" | "prometheus";

export const metricsContentTypes: Readonly<Record<MetricsFormat, string>> = {
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
};

/** By the Accept header of a request: OpenMetrics where it is wanted at least as much as plain text (RFC 9110 §12.5.1). */
export function metricsFormatOf(accept = ""): MetricsFormat {
  const weights = { openmetrics: 0, prometheus: 0 };
  for (const range of accept.split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const given = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    const weight = given === undefined ? 1 : Number(given);
    if (type === "application/openmetrics-text" && weight > weights.openmetrics) weights.openmetrics = weight;
    if (type === "text/plain" && weight > weights.prometheus) weights.prometheus = weight;
  }
  return weights.openmetrics > 0 && weights.openmetrics >= weights.prometheus ? "openmetrics" : "prometheus";
}

export function encodeMetrics(families: readonly MetricFamily[], format: MetricsFormat): string {
  const lines: string[] = [];
  for (const family of families) encodeFamily(family, format, lines);
  if (format === "openmetrics") lines.push("# EOF");
  lines.push("");
  return lines.join("\n");
}

function encodeFamily(family: MetricFamily, format: MetricsFormat, lines: string[]): void {
  const { name, type, unit } = family;
  const isOpen = format === "openmetrics";
  const suffix = type === "counter" ? "_total" : type === "info" ? "_info" : "";
  // The older format has no suffixes: there a counter's name is the whole of it, and an info is a gauge.
  const described = isOpen ? name : `${name}${suffix}`;
  lines.push(`# TYPE ${described} ${!isOpen && type === "info" ? "gauge" : type}`);
  if (isOpen && unit !== undefined) lines.push(`# UNIT ${described} ${unit}`);
  lines.push(`# HELP ${described} ${isOpen ? escapeLabel(family.help) : escapeHelp(family.help)}`);
  if (family.type === "histogram") for (const sample of family.samples) encodeHistogram(name, sample, isOpen, lines);
  else for (const { labels, value } of family.samples) lines.push(`${name}${suffix}${braced(encodeLabels(labels))} ${numeral(value)}`);
}

function encodeHistogram(name: string, { labels, bounds, counts, sum }: HistogramSample, isOpen: boolean, lines: string[]): void {
  const text = encodeLabels(labels);
  const before = text === "" ? "" : `${text},`;
  let total = 0;
  for (let at = 0; at <= bounds.length; at++) {
    total += counts[at] ?? 0;
    lines.push(`${name}_bucket{${before}le="${boundText(bounds[at], isOpen)}"} ${total}`);
  }
  lines.push(`${name}_count${braced(text)} ${total}`, `${name}_sum${braced(text)} ${numeral(sum)}`);
}

/** OpenMetrics compares these as text, and so wants them as `1.0` ("Considerations: Canonical Numbers"). */
function boundText(bound: number | undefined, isOpen: boolean): string {
  if (bound === undefined) return "+Inf";
  return isOpen && Number.isInteger(bound) ? `${bound}.0` : numeral(bound);
}

function encodeLabels(labels: MetricLabels): string {
  return labels.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(",");
}

const braced = (labels: string): string => (labels === "" ? "" : `{${labels}}`);

function numeral(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

/** Half a surrogate pair has no UTF-8. */
function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

function escapeHelp(text: string): string {
  return text.toWellFormed().replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
