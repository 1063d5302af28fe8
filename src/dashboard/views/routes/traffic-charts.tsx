/** What a route carried over time, or all of them together: requests, latency and bytes. */

import { useState } from "preact/hooks";
import { formatBytes } from "#base/bytes-text.ts";
import type { ReplyOf } from "#control/api.ts";
import { read } from "#dashboard/hub/api.ts";
import type { RouteRef } from "#dashboard/model/place.ts";
import { durationText, rateText } from "#dashboard/model/words.ts";
import { Chart } from "#dashboard/ui/chart.tsx";
import { usePolled } from "#dashboard/ui/hooks.ts";
import { Chips } from "#dashboard/ui/parts.tsx";

type History = ReplyOf<"history">["history"];

const spans = ["2 minutes", "10 minutes", "6 hours"] as const;
type Span = (typeof spans)[number];

/** What the hub keeps. */
const asked: Readonly<Record<Span, { readonly stepSeconds: number; readonly steps: number; readonly everyMs: number }>> = {
  "2 minutes": { stepSeconds: 1, steps: 120, everyMs: 1000 },
  "10 minutes": { stepSeconds: 1, steps: 600, everyMs: 1000 },
  "6 hours": { stepSeconds: 10, steps: 2160, everyMs: 10_000 },
};

const nothingYet = (stepSeconds: number): History => ({
  ...{ endMs: Date.now(), stepSeconds, requests: [], failures: [], receivedBytes: [], sentBytes: [], meanMs: [] },
});

/** Without a route, all of them together. */
export function TrafficCharts({ title, of }: { readonly title: string; readonly of?: RouteRef }) {
  const [span, setSpan] = useState<Span>("10 minutes");
  const { stepSeconds, steps, everyMs } = asked[span];
  const { answer } = usePolled(span, everyMs, (signal) => read<History>("history", { ...of, stepSeconds, steps }, signal));
  const { endMs, requests, failures, receivedBytes, sentBytes, meanMs } = answer ?? nothingYet(stepSeconds);
  const time = { endMs, stepSeconds };
  const bytes = receivedBytes.map((received, at) => received + (sentBytes[at] ?? 0));
  return (
    <section aria-label={title}>
      <div class="section">
        <h3>{title}</h3>
        <Chips label="How long" all={spans} chosen={span} onChoose={setSpan} />
      </div>
      <div class="charts">
        <Chart title="Requests, failures in red" values={requests} bad={failures} {...time} textOf={(value) => `${rateText(value)}/s`} />
        <Chart title="Mean latency" values={meanMs} {...time} textOf={durationText} />
        <Chart title="Bytes both ways" values={bytes} {...time} textOf={(value) => `${formatBytes(value)}/s`} />
      </div>
    </section>
  );
}
