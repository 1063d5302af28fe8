/** The pictures of the dashboard: a hub with two minutes of traffic behind it, as Chromium draws it. */

import { sleep } from "bun";
import type { Page } from "playwright-core";
import { Chromium } from "#test/support/browser.ts";
import type { SourceHome } from "#test/support/source-home.ts";

const widthPx = 1280;
/** So that the charts of two minutes and the small ones of one are full. */
const trafficSeconds = 125;

/** Ways that clients go, with what each asks for. */
const asked: readonly (readonly [host: string, path: string, method: string])[] = [
  ["grafana", "/api/dashboards/home", "GET"],
  ["grafana", "/d/orders", "GET"],
  ["api", "/v1/orders", "GET"],
  ["api", "/v1/orders", "POST"],
  ["api", "/v1/orders/4711", "GET"],
  ["grafana", "/api/live/ws", "GET"],
  ["api", "/v1/customers/12/invoices", "GET"],
];

async function ask(port: number, [host, path, method]: (typeof asked)[number]): Promise<void> {
  const headers = { Host: `${host}.localhost` };
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, ...(method === "POST" ? { body: "{}" } : {}) });
  await response.arrayBuffer();
}

/** More and less of it, as people make. */
async function traffic(port: number, signal: AbortSignal): Promise<void> {
  for (let at = 0; !signal.aborted; at++) {
    const next = asked[(at * 5 + (at % 3)) % asked.length];
    if (next) await ask(port, next).catch(() => {});
    await sleep(60 + 50 * Math.sin(at / 40) + 30 * Math.sin(at / 7));
  }
}

/** What stands in a folder of this run alone is written as on a user's machine. */
async function nameFolder(page: Page, folder: string): Promise<void> {
  await page.evaluate(
    `for (const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); walker.nextNode(); ) {
      walker.currentNode.data = walker.currentNode.data.replace(${JSON.stringify(folder)}, "/home/me/shop");
    }`,
  );
}

export async function takeDashboard(home: SourceHome, port: number, folder: string): Promise<void> {
  const browser = await Chromium.start();
  const over = new AbortController();
  try {
    const page = await browser.page({ width: widthPx });
    await page.goto((await home.run(["dashboard", "--url"])).stdout.trim());
    const running = traffic(port, over.signal);
    await page.getByRole("row", { name: "api.localhost" }).locator(".target").click();
    await page.getByRole("button", { name: "2 minutes" }).click();
    await sleep(trafficSeconds * 1000);
    await nameFolder(page, home.project);
    await page.screenshot({ path: `${folder}/dashboard.png`, animations: "disabled" });
    await page.keyboard.press("2");
    await page.getByRole("row", { name: "/v1/orders/4711" }).first().click();
    await page.keyboard.press("R");
    await page.locator(".result").waitFor();
    await page.evaluate("document.activeElement.blur()");
    await page.screenshot({ path: `${folder}/dashboard-requests.png`, animations: "disabled" });
    await page.keyboard.press("Escape");
    await page.keyboard.press("4");
    await page.getByRole("button", { name: "2 minutes" }).click();
    await page.getByText("Checks of targets in use").waitFor();
    await nameFolder(page, home.project);
    await page.screenshot({ path: `${folder}/dashboard-health.png`, animations: "disabled", fullPage: true });
    over.abort();
    await running;
  } finally {
    over.abort();
    await browser.close();
  }
}
