/** How fast the dashboard is in Chromium, and what it and the hub take: 1,000 routes, at rest and while requests run. */

import { eventually } from "#test/support/wait.ts";
import { sleep } from "bun";
import type { Page } from "playwright-core";
import { Chromium } from "#test/support/browser.ts";
import type { Home } from "#test/support/kt.ts";
import { residentBytes } from "#test/support/process.ts";
import { openFullScreen } from "./full-screen.ts";
import { cpuSeconds, median } from "./measure.ts";
import type { Figures } from "./rows.ts";

const restSeconds = 20;
const frameSeconds = 5;
const requestsPerSecond = 100;

/** Notes when the first row of a route is drawn: the frame after it came into the page. */
const noteFirstRow = `new MutationObserver((_, observer) => {
  if (!document.querySelector(".row.route[aria-rowindex]")) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.firstRowMs = performance.now(); }));
}).observe(document, { childList: true, subtree: true });`;

/** The times between frames, milliseconds. */
const collectFrames = `new Promise((resolve) => {
  const gaps = [];
  let last = performance.now();
  const end = last + ${frameSeconds * 1000};
  const frame = (now) => {
    gaps.push(now - last);
    last = now;
    if (now < end) requestAnimationFrame(frame);
    else resolve(gaps);
  };
  requestAnimationFrame(frame);
})`;

const transferred = `[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .filter(({ name }) => !name.includes("/api/"))
  .reduce((sum, { transferSize }) => sum + transferSize, 0)`;

async function firstRowMs(page: Page, address: string): Promise<number> {
  await page.goto(address);
  // Playwright's own way to wait evaluates a text in the page, which the dashboard's policy forbids.
  return await eventually("the first row", () => page.evaluate<number | undefined>("window.firstRowMs"), 30_000);
}

/** Of routes whose service is there: what does not answer is as good for what is shown. */
async function whileRequestsRun<T>(port: number, hosts: readonly string[], measure: () => Promise<T>): Promise<T> {
  let isRunning = true;
  const asked = (async () => {
    for (let at = 0; isRunning; at++) {
      const Host = hosts[at % hosts.length] ?? "";
      void fetch(`http://127.0.0.1:${port}/`, { headers: { Host } }).then(
        (response) => response.arrayBuffer(),
        () => {},
      );
      await sleep(1000 / requestsPerSecond);
    }
  })();
  try {
    return await measure();
  } finally {
    isRunning = false;
    await asked;
  }
}

/** The hub of the home has 1,000 routes, and `hosts` are some of them. */
export async function measureDashboard(home: Home, hubPid: number, hosts: readonly string[]): Promise<Figures> {
  const browser = await Chromium.start();
  try {
    const page = await browser.page({ width: 1440 });
    await page.addInitScript(noteFirstRow);
    const signIn = (await home.ok("dashboard", "--url")).trim();
    const { origin, port } = new URL(signIn);
    await firstRowMs(page, signIn);
    const bytes = await page.evaluate<number>(transferred);
    const first: number[] = [];
    for (let times = 0; times < 5; times++) first.push(await firstRowMs(page, `${origin}/`));
    const view = await openFullScreen(home);
    await sleep(2_000);
    const before = cpuSeconds(hubPid);
    await sleep(restSeconds * 1000);
    const hub = cpuSeconds(hubPid) - before;
    await view.close();
    const gaps = await whileRequestsRun(Number(port), hosts, () => page.evaluate<number[]>(collectFrames));
    return {
      "the dashboard until its first routes, 1,000 routes": median(first),
      "the dashboard, transferred": bytes / 1000,
      "time between frames, 1,000 routes and 100 requests/s, p95": gaps.toSorted((a, b) => a - b)[Math.floor(gaps.length * 0.95)],
      "the hub at rest, 1,000 routes, kt tui and a dashboard": (hub / restSeconds) * 100,
      "resident memory, 1,000 routes and a dashboard": residentBytes(hubPid) / (1024 * 1024),
    };
  } finally {
    await browser.close();
  }
}
