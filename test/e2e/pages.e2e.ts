/** kt's own pages in a real browser, at the width of a phone and of a desk: they fit, link, and open by themselves when a pod is ready. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Chromium } from "#test/support/browser.ts";
import { apply, deployment, kubectl, namespace, service, writeKubeconfig } from "#test/support/cluster.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";

const [port = 0] = freePorts(1);
let kt: Kt;
let browser: Chromium;

beforeAll(async () => {
  // Its own, for it becomes ready in the end, which others must not see.
  await apply(deployment(namespace, "late", { env: { READY: "false" } }), service(namespace, "late"));
  const profile = `
name = "pages"
namespace = "${namespace}"

[http]
listen = ["127.0.0.1:${port}", "[::1]:${port}"]

[routes]
"web.localhost" = "svc/web:http"
"crash.localhost" = "svc/crash:http"
"late.localhost" = "svc/late:http"
"tls.localhost" = "svc/web:tls"
"a-name-that-is-quite-a-bit-longer-than-what-a-telephone-is-wide.localhost" = "svc/none-of-this-name-which-is-long-too:http"

[tcp]
${port + 1} = "svc/web:echo"
`;
  kt = await Kt.serve(port, profile, { KUBECONFIG: await writeKubeconfig({ kt: { namespace } }) });
  browser = await Chromium.start();
});
afterAll(async () => {
  await browser?.close();
  await kt?.close();
});

const url = (host: string, path = "/", scheme = "http"): string => `${scheme}://${host}:${port}${path}`;
const pictures = process.env["KT_E2E_PICTURES"];

describe.each([
  [390, false],
  [390, true],
  [1440, false],
])("at %p pixels, dark %p", (width, dark) => {
  test.each([
    ["index", url("localhost")],
    ["crash", url("crash.localhost")],
    ["unknown", url("wbe.localhost")],
    ["long", url("a-name-that-is-quite-a-bit-longer-than-what-a-telephone-is-wide.localhost")],
    ["code", url("localhost", "/errors/no-ready-pod")],
    ["plain-http", url("web.localhost", "/", "https")],
    ["tls", url("tls.localhost")],
    ["waiting", url("late.localhost")],
  ])("%s fits, is whole and asks no other host", async (name, address) => {
    await browser.visit({ width, dark }, async (page) => {
      const problems: string[] = [];
      const asked: string[] = [];
      page.on(
        "console",
        (message) => void (message.type() === "error" && !message.text().includes("status of") && problems.push(message.text())),
      );
      page.on("request", (request) => void asked.push(request.url()));
      await page.goto(address);
      if (pictures !== undefined) await page.screenshot({ path: `${pictures}/${name}-${width}${dark ? "-dark" : ""}.png` });
      const scrollWidth = await page.evaluate<number>("document.documentElement.scrollWidth");
      const heading = await page.textContent("h1");
      const colours = await page.evaluate<string>("getComputedStyle(document.documentElement).colorScheme");
      expect(scrollWidth).toBeLessThanOrEqual(width);
      expect(heading).not.toBe("");
      expect(colours).toBe("light dark");
      expect(asked.filter((each) => !each.startsWith(address) && !each.endsWith("/favicon.ico"))).toEqual([]);
      expect(problems).toEqual([]);
    });
  });
});

test("names and codes are links that lead there", async () => {
  await browser.visit({ width: 1440 }, async (page) => {
    await page.goto(url("localhost"));
    await page.getByRole("link", { name: "web.localhost", exact: true }).click();
    await page.waitForURL(url("web.localhost"));
    expect(await page.textContent("body")).toContain("host=web.localhost");
    await page.goto(url("wbe.localhost"));
    expect(await page.getByRole("link", { name: "web.localhost" }).first().getAttribute("href")).toBe(`//web.localhost:${port}/`);
    await page.getByRole("link", { name: "host-unknown" }).click();
    await page.waitForURL(url("localhost", "/errors/host-unknown"));
    expect(await page.textContent("h1")).toBe("host-unknown");
  });
});

test("one click takes a whole command", async () => {
  await browser.visit({ width: 390 }, async (page) => {
    await page.goto(url("crash.localhost"));
    const command = (await page.textContent("pre")) ?? "";
    expect(command).toStartWith("kubectl ");
    await page.click("pre");
    expect(await page.evaluate<string>("String(getSelection()).trim()")).toBe(command);
  });
});

test("a pod that is not ready is waited for in sight, and its page opens by itself", async () => {
  await browser.visit({ width: 390 }, async (page) => {
    const began = performance.now();
    await page.goto(url("late.localhost"));
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(await page.textContent("h1")).toBe("Waiting for a pod");
    expect(await page.textContent(".reason")).toContain("not ready");
  });
  await browser.visit({ width: 390 }, async (page) => {
    await page.goto(url("late.localhost"));
    await kubectl("-n", namespace, "set", "env", "deployment/late", "READY-");
    await page.getByText("host=late.localhost").waitFor({ timeout: 120_000 });
  });
});
