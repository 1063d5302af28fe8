/** What the hub takes once it keeps as much of 1,000 routes as it ever does, while the dashboard and the full-screen view show it. */

import { $, sleep } from "bun";
import { observeLimits } from "#observe/limits.ts";
import { Chromium } from "#test/support/browser.ts";
import { DashboardPage } from "#test/support/dashboard-page.ts";
import { Home } from "#test/support/kt.ts";
import { freePorts, residentBytes } from "#test/support/process.ts";
import { eventually } from "#test/support/wait.ts";
import { openFullScreen } from "./full-screen.ts";
import { flawless } from "./measure.ts";
import type { Figures } from "./rows.ts";

const root = new URL("../..", import.meta.url).pathname;
const program = "dist/bench-full-rings";
const routes = 1_000;
/** What went through is given back by then. */
const restSeconds = 20;

export async function measureFullRings(kubeconfig: string, namespace: string): Promise<Figures> {
  const build = ["--define", 'process.env.KT_VERSION="0.0.0"', "--define", 'process.env.KT_COMMIT="bench"'];
  const flags = ["--compile", "--minify", "--splitting", "--bytecode", "--format=esm", ...build];
  await $`${process.execPath} build ${flags} test/bench/full-rings-hub.ts --outfile ${program}`.cwd(root).quiet();
  const home = new Home({ KUBECONFIG: kubeconfig });
  const [http = 0] = freePorts(1);
  const names = Array.from({ length: routes }, (_, at) => `"many-${at}.localhost" = "svc/bench:http"`);
  const file = home.write(
    "tunnels.toml",
    `namespace = "${namespace}"\n[http]\nlisten = ["127.0.0.1:${http}"]\n[routes]\n${names.join("\n")}\n`,
  );
  const hub = home.start(["serve", "-f", file], { program: `${root}${program}` });
  const browser = await Chromium.start();
  let view: Awaited<ReturnType<typeof openFullScreen>> | undefined;
  try {
    await eventually("the hub to listen", async () => (await fetch(`http://127.0.0.1:${http}/`)).status > 0, 10_000, 20);
    const page = new DashboardPage(await browser.page({ width: 1440 }));
    await page.page.goto((await home.ok("dashboard", "--url")).trim());
    await page.live();
    view = await openFullScreen(home);
    for (let round = 0; round < observeLimits.requestPageEntries; round++) await flawless("hosts", http, "many-%d.localhost", routes, 50);
    hub.kill("SIGUSR2");
    await eventually("full rings", () => hub.output.includes("filled the rings"), 120_000, 200);
    await sleep(restSeconds * 1000);
    const megabytes = residentBytes(hub.pid) / (1024 * 1024);
    return { "resident memory at rest, 1,000 routes with full rings, kt tui and a dashboard": megabytes };
  } finally {
    await view?.close();
    await browser.close();
    await home.close();
  }
}
