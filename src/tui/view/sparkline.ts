/** A line of bars: how much of something there was in each of the latest moments. Pure. */

const bars = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/** The latest values, a column for each; blank where there was nothing. The highest bar is the largest value that is shown. */
export function sparkline(values: readonly number[], columns: number): string {
  const shown = values.slice(-columns);
  const most = Math.max(...shown, 0);
  const text = shown.map((value) => (value <= 0 || most <= 0 ? " " : (bars[Math.ceil((value / most) * bars.length) - 1] ?? "█"))).join("");
  return text.padStart(columns);
}
