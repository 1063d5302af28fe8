/** Turns figures into the table of RESULTS.md. */

import { median } from "./measure.ts";
import { type Figures, type Row, rows } from "./rows.ts";
import { contestants } from "./tunnels.ts";

/** Every figure of every round. */
export class Results {
  readonly #values = new Map<string, number[]>();

  add(contestant: string, figures: Figures): void {
    for (const [name, value] of Object.entries(figures)) {
      if (value === undefined) continue;
      const key = `${contestant}\n${name}`;
      this.#values.set(key, [...(this.#values.get(key) ?? []), value]);
    }
  }

  of(contestant: string, row: Row): number | undefined {
    const values = this.#values.get(`${contestant}\n${row.name}`);
    return values === undefined ? undefined : median(values);
  }

  /** Lowest and highest, to show how far the rounds lie apart. */
  spread(contestant: string, row: Row): string {
    const values = this.#values.get(`${contestant}\n${row.name}`) ?? [];
    return values.length < 2 ? "" : ` (${format(Math.min(...values))}–${format(Math.max(...values))})`;
  }
}

function format(value: number | undefined): string {
  if (value === undefined) return "–";
  if (!Number.isFinite(value)) return "never";
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

interface Verdict {
  readonly ratio: number | undefined;
  readonly reached: boolean | undefined;
}

/** What stands in a table: the first contestant is the one that is judged, `rivals` whom it is compared with. */
export interface TablePlan {
  readonly rows: readonly Row[];
  readonly contestants: readonly string[];
  readonly rivals: readonly string[];
}

function judge(results: Results, row: Row, { contestants: [own = ""], rivals }: TablePlan): Verdict {
  const kt = results.of(own, row);
  const others = rivals.flatMap((name) => results.of(name, row) ?? []);
  const best = others.length === 0 ? undefined : row.better === "higher" ? Math.max(...others) : Math.min(...others);
  const ratio = kt === undefined || best === undefined || !Number.isFinite(best) ? undefined : kt / best;
  if (row.limit !== undefined) return { ratio, reached: kt !== undefined && kt <= row.limit };
  if (row.ratio === undefined) return { ratio, reached: undefined };
  return { ratio, reached: ratio !== undefined && (row.better === "higher" ? ratio >= row.ratio : ratio <= row.ratio) };
}

function goal(row: Row): string {
  if (row.limit !== undefined) return `≤ ${row.limit} ${row.unit}`;
  if (row.ratio === undefined) return "";
  return `${row.better === "higher" ? "≥" : "≤"} ${row.ratio}×`;
}

const usual: TablePlan = { rows, contestants, rivals: contestants.filter((name) => name !== "kt") };

/** The table in Markdown, readable as it is. */
export function table(results: Results, plan: TablePlan = usual): string {
  const lines = [
    `| what | ${plan.contestants.join(" | ")} | ratio | to reach | reached |`,
    `|---|${"---|".repeat(plan.contestants.length + 3)}`,
  ];
  for (const row of plan.rows) {
    const { ratio, reached } = judge(results, row, plan);
    const figures = plan.contestants.map((name) => {
      const value = results.of(name, row);
      return value === undefined ? "–" : `${format(value)}${results.spread(name, row)}`;
    });
    const verdict = reached === undefined ? "" : reached ? "yes" : "no";
    lines.push(
      `| ${row.name}, ${row.unit} | ${figures.join(" | ")} | ${ratio === undefined ? "" : `${ratio.toFixed(2)}×`} | ${goal(row)} | ${verdict} |`,
    );
  }
  return lines.join("\n");
}
