/** What people read of a route: the figures that stand in the full-screen view of a terminal, and in the dashboard's page. */

import type { Page } from "playwright-core";
import { formatBytes } from "#base/bytes-text.ts";
import type { Terminal } from "./terminal.ts";
import { eventually } from "./wait.ts";

/** As they are written: bytes have three digits. */
export interface SeenFigures {
  readonly requests: number;
  /** Of class 2xx. */
  readonly answered: number;
  readonly totalConnections: number;
  readonly failures: number;
  readonly received: string;
  readonly sent: string;
}

/** What should be seen of counts. */
export function figuresOf(route: {
  readonly requests: number;
  readonly responses?: Readonly<Record<string, number>>;
  readonly totalConnections: number;
  readonly failures: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}): SeenFigures {
  const { requests, responses, totalConnections, failures, receivedBytes, sentBytes } = route;
  const bytes = { received: formatBytes(receivedBytes), sent: formatBytes(sentBytes) };
  return { requests, answered: responses?.["2xx"] ?? 0, totalConnections, failures, ...bytes };
}

/** Undefined where they are not there. */
function figuresIn(text: string): SeenFigures | undefined {
  const count = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN);
  const requests = count(/^\s*requests\s+(\d+)/im);
  if (Number.isNaN(requests)) return undefined;
  return {
    requests,
    answered: text.includes(" 2xx") ? count(/(\d+) 2xx/) : 0,
    totalConnections: count(/(\d+) in all/),
    failures: count(/(\d+) failures?\b/),
    received: /↓ ([\d.]+ \w?B)/.exec(text)?.[1] ?? "",
    sent: /↑ ([\d.]+ \w?B)/.exec(text)?.[1] ?? "",
  };
}

/** In the view of `kt tui`, which shows its list: finds the route, looks into it, and goes back. */
export async function figuresOnScreen(at: Terminal, route: string): Promise<SeenFigures> {
  at.press("/", "C-u");
  at.type(route);
  at.press("Enter");
  // Of a port the list has the address as programs write it, such as "localhost:5432".
  const shown = route.split(":").at(-1) ?? route;
  await eventually(`"${route}" to be selected`, () => at.rows().some((row) => row.startsWith("▸") && row.includes(shown)));
  at.press("Enter");
  await at.sees("in all,");
  const figures = await eventually("the figures", () => figuresIn(at.screen()));
  at.press("q");
  await eventually("the list", () => !at.screen().includes("in all,"));
  return figures;
}

/** In the dashboard, which the page is signed in to. */
export async function figuresOnPage(page: Page, place: { readonly profile: string; readonly route: string }): Promise<SeenFigures> {
  await page.evaluate(`location.hash = ${JSON.stringify(`#routes?${new URLSearchParams({ ...place })}`)}`);
  await page.getByRole("region", { name: `Route ${place.route}` }).waitFor();
  const text = await page.evaluate<string>(`document.querySelector("dl.facts").innerText`);
  const figures = figuresIn(text);
  if (!figures) throw new Error(`there are no figures in: ${text}`);
  return figures;
}
