/** Metrics as text: what is written is read back the same, in both formats, whatever stands in it. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeMetrics, type MetricFamily, type MetricsFormat, metricsFormatOf } from "#wire/openmetrics.ts";
import { readMetrics, sampleKey } from "#test/support/metrics-reader.ts";

const formats: readonly MetricsFormat[] = ["openmetrics", "prometheus"];
const text = fc.string({ unit: "binary", maxLength: 12 });
const labels = fc.tuple(text, text).map(([one, other]) => [["a", one] as const, ["b", other] as const]);
const counts = fc.array(fc.nat(1000), { minLength: 4, maxLength: 4 });

describe("values", () => {
  test("come back with their labels and their help, however odd", () => {
    fc.assert(
      fc.property(fc.constantFrom(...formats), labels, text, fc.double(), (format, of, help, value) => {
        const family: MetricFamily = { name: "kt_x", type: "gauge", help, samples: [{ labels: of, value }] };
        const read = readMetrics(encodeMetrics([family], format));
        expect(read.samples.get(sampleKey("kt_x", of))).toBe(value === 0 ? 0 : value);
        expect(read.families.get("kt_x")?.type).toBe("gauge");
        expect(read.families.get("kt_x")?.help).toBe(help);
        expect(read.ended).toBe(format === "openmetrics");
      }),
    );
  });
});

describe("a histogram", () => {
  test("has rising buckets, and a count that is that of the last", () => {
    fc.assert(
      fc.property(fc.constantFrom(...formats), labels, counts, fc.nat(), (format, of, each, sum) => {
        const sample = { labels: of, bounds: [0.5, 1, 2.5], counts: each, sum };
        const family: MetricFamily = { name: "kt_y", type: "histogram", help: "h", samples: [sample] };
        const { samples } = readMetrics(encodeMetrics([family], format));
        const bounds = format === "openmetrics" ? ["0.5", "1.0", "2.5", "+Inf"] : ["0.5", "1", "2.5", "+Inf"];
        const buckets = bounds.map((bound) => samples.get(sampleKey("kt_y_bucket", [...of, ["le", bound]])) ?? Number.NaN);
        expect(buckets).toEqual(each.map((_, at) => each.slice(0, at + 1).reduce((a, b) => a + b, 0)));
        expect(samples.get(sampleKey("kt_y_count", of))).toBe(buckets.at(-1) ?? 0);
        expect(samples.get(sampleKey("kt_y_sum", of))).toBe(sum);
      }),
    );
  });
});

test("each format has its own words for the same families", () => {
  const families: MetricFamily[] = [
    { name: "kt_build", type: "info", help: 'a "b"', samples: [{ labels: [["version", "1"]], value: 1 }] },
    { name: "kt_sent_bytes", type: "counter", unit: "bytes", help: "c", samples: [{ labels: [], value: 2 }] },
  ];
  expect(encodeMetrics(families, "openmetrics")).toBe(`# TYPE kt_build info
# HELP kt_build a \\"b\\"
kt_build_info{version="1"} 1
# TYPE kt_sent_bytes counter
# UNIT kt_sent_bytes bytes
# HELP kt_sent_bytes c
kt_sent_bytes_total 2
# EOF
`);
  expect(encodeMetrics(families, "prometheus")).toBe(`# TYPE kt_build_info gauge
# HELP kt_build_info a "b"
kt_build_info{version="1"} 1
# TYPE kt_sent_bytes_total counter
# HELP kt_sent_bytes_total c
kt_sent_bytes_total 2
`);
});

test.each([
  [undefined, "prometheus"],
  ["*/*", "prometheus"],
  ["text/plain", "prometheus"],
  ["application/openmetrics-text", "openmetrics"],
  ["application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1", "openmetrics"],
  ["text/plain;q=0.9, Application/OpenMetrics-Text ; q=0.3", "prometheus"],
  ["application/openmetrics-text;q=0", "prometheus"],
  ["application/openmetrics-text;q=x", "prometheus"],
])("a request that accepts %p gets %s", (accept, format) => {
  expect(metricsFormatOf(accept)).toBe(format as MetricsFormat);
});
