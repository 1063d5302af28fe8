/** The dashboard in a real browser, on a real cluster: every view, at the width of a phone and of a desk, light and dark, by keys alone. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { Chromium, type Look } from "#test/support/browser.ts";
import { apply, deploy, deployment, ownNamespace, run, service } from "#test/support/cluster.ts";
import { DashboardPage } from "#test/support/dashboard-page.ts";
import { answerWithHostility, hostile } from "#test/support/hostile-api.ts";
import { Kt, listening } from "#test/support/kt.ts";
import { PlainUser } from "#test/support/plain-user.ts";
import { freePorts } from "#test/support/process.ts";
import { eventually } from "#test/support/wait.ts";

const [port = 0] = freePorts(1);
const origin = `http://kt.localhost:${port}`;
const pictures = process.env["KT_E2E_PICTURES"];
const isRoot = process.getuid?.() === 0;
const desk: Look = { width: 1440 };

let own: Awaited<ReturnType<typeof ownNamespace>>;
let kt: Kt;
let browser: Chromium;

const profile = (routes: string): string => `
name = "board"
namespace = "${own.name}"

[http]
listen = ["127.0.0.1:${port}", "[::1]:${port}"]

[routes]
"web.localhost" = "svc/web:http"
"crash.localhost" = "svc/crash:http"
${routes}
`;

beforeAll(async () => {
  own = await ownNamespace("dashboard");
  await deploy(own.name, "web");
  await apply(deployment(own.name, "crash", { env: { CRASH: "1" } }), service(own.name, "crash"));
  kt = await Kt.serve(port, profile(""));
  browser = await Chromium.start();
  await Promise.all([kt.text("web.localhost", "/"), kt.text("crash.localhost", "/")]);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await kt?.close();
  await own?.remove();
});

/** Signed in, with the routes in sight. */
async function dashboardIn(page: Page): Promise<DashboardPage> {
  const dashboard = new DashboardPage(page);
  await page.goto((await kt.home.ok("dashboard", "--url")).trim());
  await dashboard.live();
  return dashboard;
}

/** The same in a test that cannot be run again as a whole: what Chromium drops while the machine's networks change is loaded again. */
async function dashboardAtLast(page: Page): Promise<DashboardPage> {
  for (let tries = 1; ; tries++) {
    try {
      return await dashboardIn(page);
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
}

const visit = <T>(look: Look, body: (dashboard: DashboardPage, page: Page) => Promise<T>): Promise<T> =>
  browser.visit(look, async (page) => await body(await dashboardIn(page), page));

/** What the user sees of each view, and what is awaited there. */
const views: readonly (readonly [name: string, hash: () => string, seen: string])[] = [
  ["routes", () => "#routes", "crash.localhost"],
  ["route", () => `#routes?${new URLSearchParams({ profile: kt.profile, route: "web.localhost" })}`, "is ready"],
  ["failed", () => `#routes?${new URLSearchParams({ profile: kt.profile, route: "crash.localhost" })}`, "Over time"],
  ["requests", () => "#requests", "web.localhost"],
  ["no-requests", () => "#requests?profile=none&route=none", "No "],
  ["events", () => "#events", "attached"],
  ["health", () => "#health", "Checks of targets in use"],
  ["explain", () => "#explain?subject=web.localhost", "pods"],
];

describe.each([
  [390, false],
  [390, true],
  [1440, false],
  [1440, true],
])("at %p pixels, dark %p", (width, dark) => {
  test("every view fits, is accessible, complains of nothing and asks no other host", async () => {
    await visit({ width, dark }, async (dashboard, page) => {
      for (const [name, hash, seen] of views) {
        await page.goto(`${origin}/${hash()}`);
        await page.locator("main").getByText(seen).filter({ visible: true }).first().waitFor();
        if (pictures !== undefined) await page.screenshot({ path: `${pictures}/dashboard-${name}-${width}${dark ? "-dark" : ""}.png` });
        expect(await dashboard.violations()).toEqual([]);
        expect(await dashboard.overflows(width)).toBe(false);
      }
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
      expect(await dashboard.violations()).toEqual([]);
      expect(dashboard.problems).toEqual([]);
      expect(dashboard.elsewhere(origin)).toEqual([]);
    });
  }, 60_000);
});

describe("by keys alone", () => {
  test("a route is found, looked into, stopped, started, connected anew, and its log is read", async () => {
    await visit(desk, async (dashboard, page) => {
      const press = (...keys: string[]) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
      await press("/");
      await page.keyboard.type("web");
      await page.getByRole("row", { name: "crash.localhost" }).waitFor({ state: "detached" });
      await press("Escape", "j", "Enter");
      await page.getByRole("region", { name: "Route web.localhost" }).waitFor();
      const state = page.getByRole("region", { name: "Route web.localhost" }).locator("header .state");
      await press("x");
      await state.getByText("stopped").waitFor();
      expect((await kt.fetch("web.localhost", "/")).status).toBe(503);
      await press("x");
      await page.getByText("web.localhost: started").waitFor();
      await press("r");
      await page.getByText("web.localhost: connected anew").waitFor();
      expect((await kt.fetch("web.localhost", "/")).status).toBe(200);
      await press("l");
      await page.getByRole("log", { name: "Log" }).waitFor();
      await press("Escape", "Escape");
      await page.getByRole("region", { name: "Route web.localhost" }).waitFor({ state: "detached" });
      expect(dashboard.problems).toEqual([]);
    });
  }, 60_000);

  test("a request is found and sent again, and one that may change something only with a word", async () => {
    await visit(desk, async (_, page) => {
      await kt.text("web.localhost", "/found-by-keys");
      await kt.fetch("web.localhost", "/changes-something", { method: "POST", body: "{}" });
      await page.keyboard.press("2");
      await page.keyboard.press("/");
      await page.keyboard.type("found-by-keys");
      await page.getByRole("row", { name: "/found-by-keys" }).first().waitFor();
      await page.keyboard.press("Escape");
      await page.keyboard.press("j");
      await page.getByRole("region", { name: "Request", exact: true }).waitFor();
      await page.keyboard.press("R");
      await page.getByRole("status").getByText("host=web.localhost").waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("searchbox").fill("changes-something");
      await page.getByRole("row", { name: "/changes-something" }).first().click();
      const send = page.getByRole("button", { name: "Send", exact: true });
      expect(await send.isDisabled()).toBe(true);
      await page.getByLabel("POST may change something").check();
      await send.click();
      await page.getByRole("region", { name: "Send it again" }).getByText("200").waitFor();
    });
  }, 60_000);

  test("everything can be reached by Tab", async () => {
    await visit(desk, async (_, page) => {
      const reached: string[] = [];
      const focused = (): Promise<string> =>
        page.evaluate<string>("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent");
      for (let at = 0; at < 14; at++) {
        await page.keyboard.press("Tab");
        reached.push(await focused());
      }
      expect(reached.join("\n")).toMatch(/Routes\nRequests\nEvents\nHealth[\s\S]*Explain\nKeys\n[\s\S]*All 2\n[\s\S]*Routes/);
    });
  });
});

test("all problems stand in one list with what helps, beside charts of all routes together", async () => {
  await visit(desk, async (dashboard, page) => {
    await page.goto(`${origin}/#health`);
    const now = page.getByRole("region", { name: "Now" });
    const crash = now.getByRole("listitem").filter({ hasText: "crash.localhost" });
    await crash.getByText("CrashLoopBackOff").or(crash.getByText("exit code")).first().waitFor();
    await crash.getByText("since").waitFor();
    await crash.getByRole("button", { name: "Copy kubectl" }).first().waitFor();
    const charts = page.getByRole("region", { name: "All routes over time" });
    await Promise.all([kt.text("web.localhost", "/"), charts.getByRole("img", { name: /^Requests.* at most [1-9.]/ }).waitFor()]);
    await crash.getByRole("button", { name: "crash.localhost" }).click();
    await page.getByRole("region", { name: "Route crash.localhost" }).waitFor();
    expect(dashboard.problems).toEqual([]);
  });
}, 60_000);

test("a page that was open goes on after kt was started anew, once the browser is signed in again", async () => {
  const page = await browser.page(desk);
  const dashboard = await dashboardAtLast(page);
  await kt.process.stop();
  await page.getByRole("alert").getByText("This page goes on by itself once kt runs again").waitFor();
  const again = kt.home.start(["serve", "-f", kt.profile]);
  await listening(port, again);
  await page.getByText("kt was started anew, and this page is not signed in to it.").waitFor();
  await dashboardAtLast(await page.context().newPage());
  await dashboard.page.bringToFront();
  await dashboard.live();
  await kt.text("web.localhost", "/after-the-restart");
  await page.locator(".row", { hasText: "web.localhost" }).getByText("running").waitFor();
  await page.context().close();
}, 180_000);

test("without a sign-in the page says how, and shows nothing", async () => {
  await browser.visit(desk, async (page) => {
    await page.goto(origin);
    await page.getByRole("alert").getByText("kt dashboard", { exact: true }).waitFor();
    expect(await page.getByText("web.localhost").count()).toBe(0);
  });
});

describe.if(isRoot)("with another user, which takes root to become", () => {
  test("another user of the machine cannot sign in, and does not use the code up", async () => {
    const path = (await kt.home.ok("dashboard", "--url")).trim().slice(origin.length);
    const host = `Host: kt.localhost:${port}`;
    const { stdout } = await run([...PlainUser.prefix, "curl", "-s", "-i", "-H", host, `http://127.0.0.1:${port}${path}`]);
    expect(stdout).toStartWith("HTTP/1.1 403");
    expect(stdout.toLowerCase()).not.toContain("set-cookie");
    expect((await kt.fetch(`kt.localhost:${port}`, path)).headers.get("set-cookie")).toContain("HttpOnly");
  });
});

test("a broken profile is shown with its line, and what ran before runs on", async () => {
  kt.rewrite(profile(`"broken.localhost" = 5`));
  try {
    await visit(desk, async (_, page) => {
      await page.keyboard.press("4");
      await page
        .getByText(/tunnels\.toml:\d+:\d+/)
        .first()
        .waitFor();
      expect(await kt.text("web.localhost", "/")).toContain("host=web.localhost");
    });
  } finally {
    kt.rewrite(profile(""));
  }
});

test("of a thousand routes only those in the window are in the page, and all are found", async () => {
  const many = Array.from({ length: 1000 }, (_, at) => `"s${at}.localhost" = "svc/s${at}:80"`).join("\n");
  kt.rewrite(profile(many));
  try {
    await visit(desk, async (_, page) => {
      await page.getByRole("button", { name: "All 1002" }).waitFor();
      expect(await page.getByRole("row").count()).toBeLessThan(60);
      await page.keyboard.press("End");
      await page.getByRole("row", { name: "s999.localhost" }).waitFor();
      await page.getByRole("searchbox").fill("s512.");
      await page.getByRole("row", { name: "s512.localhost" }).waitFor();
      expect(await page.getByRole("row").count()).toBe(3);
    });
  } finally {
    kt.rewrite(profile(""));
    await eventually("the routes to go", async () => !(await kt.home.ok("status", "--json")).includes("s999.localhost"));
  }
}, 60_000);

test("no string of a cluster becomes markup, a script or an address", async () => {
  await browser.visit(desk, async (page) => {
    await answerWithHostility(page);
    await page.goto(origin);
    const [visible = ""] = hostile.split("\u202e");
    const sees = (): Promise<void> => page.locator("main").getByText(visible).first().waitFor();
    await sees();
    await page.keyboard.press("j");
    for (const keys of [["Enter"], ["l"], ["Escape", "o", "2"], ["j"], ["3"], ["4"]]) {
      for (const key of keys) await page.keyboard.press(key);
      await sees();
    }
    await page.goto(`${origin}/#explain?subject=${encodeURIComponent(hostile)}`);
    await sees();
    expect(await page.evaluate("window.pwned")).toBeUndefined();
    expect(await page.locator("main img, main script, a[href^=javascript]").count()).toBe(0);
  });
}, 60_000);
