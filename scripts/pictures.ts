/** Makes the pictures of docs/pictures from the real thing: `kt up` in a terminal, an error page and the dashboard in Chromium, on the embedded API. */

import { mkdir } from "node:fs/promises";
import { write } from "bun";
import { Chromium } from "#test/support/browser.ts";
import { startDocCluster } from "#test/support/doc-cluster.ts";
import { SourceHome } from "#test/support/source-home.ts";
import { Terminal } from "#test/support/terminal.ts";
import { eventually } from "#test/support/wait.ts";
import { takeDashboard } from "./pictures/dashboard-pictures.ts";
import { terminalSvg } from "./pictures/terminal-svg.ts";
import { root } from "./steps.ts";

const folder = `${root}/docs/pictures`;
const size = { columns: 96, rows: 30 };
const tuiSize = { columns: 120, rows: 20 };
const pageWidthPx = 760;
const marginPx = 24;

const profile = `name = "shop"
context = "dev"

[routes]
"grafana.localhost" = "monitoring/svc/grafana:http"
"argocd.localhost" = "argocd/svc/argocd-server:443"
"api.localhost" = "shop/svc/api:http"
"checkout.localhost" = "shop/svc/checkout:http"

[tcp]
5432 = "databases/svc/postgresql:5432"
`;

await using home = await SourceHome.make();
const cluster = startDocCluster((written) => written);
try {
  await mkdir(`${home.path}/home/.kube`, { recursive: true });
  await write(`${home.path}/home/.kube/config`, cluster.kubeconfig);
  await write(`${home.project}/tunnels.toml`, profile);
  await write(`${folder}/kt-up.svg`, await pictureOfUp());
  console.log("docs/pictures/kt-up.svg, kt-tui.svg, error-page.png, dashboard.png, dashboard-requests.png, dashboard-health.png");
} finally {
  cluster.close();
}

/** With routes in use, one that fails and others that are idle. The page is taken meanwhile, and is what makes that one fail. */
async function pictureOfUp(): Promise<string> {
  const command = `clear; printf '\\033[32m$\\033[0m kt up\\n'; '${process.execPath}' '${root}/src/main.ts' up`;
  using terminal = Terminal.open(home.path, command, { cwd: home.project, env: home.env, size });
  await terminal.sees("Ctrl-C detaches");
  if (terminal.screen().includes("blocked")) throw new Error("ports 8989 and 5432 are not free here: end what has them");
  for (const host of ["grafana", "api"]) {
    const response = await fetch("http://127.0.0.1:8989/", { headers: { Host: `${host}.localhost` }, keepalive: false });
    await response.arrayBuffer();
  }
  await takeErrorPage();
  await terminal.sees("✗ failed");
  // Both are over and counted.
  await eventually("what was asked to be counted", () => !terminal.screen().includes(" open"));
  await write(`${folder}/kt-tui.svg`, await pictureOfTui());
  const rows = terminal.styledRows().map((row) => row.replace(home.project, "/home/me/shop"));
  await takeDashboard(home, 8989, folder);
  return terminalSvg("kt up", rows);
}

/** With the route that fails selected. */
async function pictureOfTui(): Promise<string> {
  using terminal = Terminal.open(home.path, `'${process.execPath}' '${root}/src/main.ts' tui`, {
    cwd: home.project,
    env: home.env,
    size: tuiSize,
  });
  await terminal.sees("● live");
  terminal.press("Down", "Down", "Down");
  await terminal.sees("hint:");
  const rows = terminal.styledRows();
  terminal.type("q");
  return terminalSvg("kt tui", rows);
}

async function takeErrorPage(): Promise<void> {
  const browser = await Chromium.start();
  try {
    const page = await browser.page({ width: pageWidthPx });
    await page.goto("http://checkout.localhost:8989/");
    await page.getByRole("heading").first().waitFor();
    const body = await page.locator("body").boundingBox();
    const clip = { x: 0, y: (body?.y ?? 0) - marginPx, width: pageWidthPx, height: (body?.height ?? 0) + 2 * marginPx };
    await page.screenshot({ path: `${folder}/error-page.png`, clip, animations: "disabled" });
  } finally {
    await browser.close();
  }
}
