/** A line over time, with what it says at the moment that is pointed at. */

import { useState } from "preact/hooks";
import { timeOfDay } from "#base/time-of-day.ts";
import { chartHeight, chartWidth, indexAt, niceMost, pathsOf, xOf } from "#dashboard/model/chart.ts";
import { agoText } from "#dashboard/model/words.ts";

export interface ChartProps {
  readonly title: string;
  /** Oldest first. */
  readonly values: readonly number[];
  /** A second line within the same scale, of what is bad. */
  readonly bad?: readonly number[];
  readonly endMs: number;
  readonly stepSeconds: number;
  readonly textOf: (value: number) => string;
}

export function Chart({ title, values, bad, endMs, stepSeconds, textOf }: ChartProps) {
  const [pointed, setPointed] = useState<number>();
  const most = niceMost(values);
  const at = Math.min(pointed ?? values.length - 1, values.length - 1);
  const when = pointed === undefined ? "now" : timeOfDay(endMs - (values.length - 1 - at) * stepSeconds * 1000);
  const { line, area } = pathsOf(values, most);
  const point = ({ offsetX, currentTarget }: PointerEvent): void =>
    setPointed(currentTarget instanceof Element ? indexAt(offsetX / currentTarget.clientWidth, values.length) : undefined);
  return (
    <figure class="chart">
      <figcaption>
        <span>{title}</span>
        <span class="now">
          <strong>{textOf(values[at] ?? 0)}</strong> {when}
        </span>
      </figcaption>
      <div class="plot" onPointerMove={point} onPointerLeave={() => setPointed(undefined)}>
        <svg
          viewBox={`0 0 ${chartWidth} ${chartHeight}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${title}: ${textOf(values.at(-1) ?? 0)} now, at most ${textOf(Math.max(0, ...values))}`}
        >
          <path class="area" d={area} />
          <path class="line" d={line} />
          {bad?.some((value) => value > 0) && <path class="line bad" d={pathsOf(bad ?? [], most).line} />}
          {pointed !== undefined && <path class="cursor" d={`M${xOf(at, values.length)} 0V${chartHeight}`} />}
        </svg>
        <span class="most" aria-hidden="true">
          {textOf(most)}
        </span>
      </div>
      <div class="axis" aria-hidden="true">
        <span>{agoText(values.length * stepSeconds * 1000)} ago</span>
        <span>now</span>
      </div>
    </figure>
  );
}

/** Without axes, as wide as a cell: how it went. */
export function Sparkline({ values, steps }: { readonly values: readonly number[]; readonly steps: number }) {
  const all = [...Array.from({ length: Math.max(0, steps - values.length) }, () => 0), ...values];
  return (
    <svg class="spark" viewBox={`0 0 ${chartWidth} ${chartHeight}`} preserveAspectRatio="none" aria-hidden="true">
      <path class="line" d={pathsOf(all, Math.max(1, ...values)).line} />
    </svg>
  );
}
