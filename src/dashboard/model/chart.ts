/** The geometry of a line chart: values in steps of time to paths of an SVG. Pure. */

/** The units of the SVG; the browser stretches them. */
export const chartWidth = 600;
export const chartHeight = 100;

/** The next of 1, 2, 5, 10, 20, … that is not below it; 1 for nothing at all, so that the line lies at the bottom. */
export function niceMost(values: readonly number[]): number {
  const most = Math.max(0, ...values);
  if (most === 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return ([1, 2, 5].find((each) => each * power >= most) ?? 10) * power;
}

export interface Paths {
  readonly line: string;
  readonly area: string;
}

/** One step is as wide as the chart divided by their number: the latest stands at the right edge. */
export function pathsOf(values: readonly number[], most: number): Paths {
  if (values.length === 0) return { line: "", area: "" };
  const points = values.map(
    (value, at) => `${xOf(at, values.length)} ${round(chartHeight - (Math.min(value, most) / most) * chartHeight)}`,
  );
  const line = `M${points.join("L")}`;
  return { line, area: `${line}L${chartWidth} ${chartHeight}L0 ${chartHeight}Z` };
}

export function xOf(at: number, count: number): number {
  return round(count < 2 ? chartWidth : (at / (count - 1)) * chartWidth);
}

/** Of the value that stands at this part of the width, 0 to 1. */
export function indexAt(part: number, count: number): number {
  return Math.max(0, Math.min(count - 1, Math.round(part * (count - 1))));
}

const round = (value: number): number => Math.round(value * 10) / 10;
