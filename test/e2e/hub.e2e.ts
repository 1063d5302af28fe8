/** One hub per user: two profiles, a clash, a taken port, and kills of the client and of the hub. */

import { afterEach, beforeEach, expect, test } from "bun:test";
import { listen } from "bun";
import { namespace } from "#test/support/cluster.ts";
import { twoContexts } from "#test/support/front.ts";
import { Home, listening, statusOf } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { eventually } from "#test/support/wait.ts";

let home: Home;
let port: number;

beforeEach(async () => {
  [port = 0] = freePorts(1);
  home = new Home({ KUBECONFIG: await twoContexts() });
});
afterEach(async () => await home.close());

function profile(name: string, routes: string, tcp = ""): string {
  return `name = "${name}"\nnamespace = "${namespace}"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n${routes}\n[tcp]\n${tcp}\n`;
}

async function get(host: string): Promise<{ status: number; pod: string | null }> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { Host: host }, keepalive: false });
  return { status: response.status, pod: response.headers.get("x-pod") };
}

async function ok(args: readonly string[], project: string): Promise<string> {
  const ran = await home.run(args, { project });
  if (ran.exitCode !== 0) throw new Error(`kt ${args.join(" ")}: ${ran.exitCode}\n${ran.stdout}${ran.stderr}`);
  return ran.stdout + ran.stderr;
}

test("up -d, status, down", async () => {
  home.write("tunnels.toml", profile("one", '"one.localhost" = "svc/web:http"'));
  await ok(["up", "-d"], "project");
  expect((await get("one.localhost")).status).toBe(200);
  expect(JSON.stringify(await statusOf(home))).toContain("one.localhost");
  expect(home.pids().length).toBe(1);
  await ok(["down"], "project");
  await eventually("the hub to end", () => home.pids().length === 0, 5_000);
});

test("two profiles in one hub on one port; a clash harms the second one's route only", async () => {
  home.write("tunnels.toml", profile("one", '"one.localhost" = "svc/web:http"\n"shared.localhost" = "pod/single:http"'), "one");
  home.write("tunnels.toml", profile("two", '"two.localhost" = "svc/api:http"\n"shared.localhost" = "svc/api:http"'), "two");
  await ok(["up", "-d"], "one");
  const second = await home.run(["up", "-d"], { project: "two" });
  expect(second.stdout + second.stderr).toContain("shared.localhost");
  expect(home.pids().length).toBe(1);
  expect((await get("one.localhost")).pod).toStartWith("web-");
  expect((await get("two.localhost")).pod).toStartWith("api-");
  expect((await get("shared.localhost")).pod).toBe("single");
  expect(JSON.stringify(await statusOf(home))).toContain("route-conflict");
  await ok(["down"], "one");
  await eventually("the second profile to take the name", async () => (await get("shared.localhost")).pod?.startsWith("api-") ?? false);
  expect((await get("one.localhost")).status).toBe(404);
  await ok(["down"], "two");
});

test("a taken port names its holder and harms its own route only", async () => {
  using holder = listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const [free = 0] = freePorts(1);
  home.write(
    "tunnels.toml",
    profile("taken", '"one.localhost" = "svc/web:http"', `${holder.port} = "svc/web:echo"\n${free} = "svc/web:echo"`),
  );
  await home.run(["up", "-d"]);
  const status = JSON.stringify(await statusOf(home));
  expect(status).toContain("port-taken");
  expect(status).toMatch(new RegExp(`bun.{0,40}${process.pid}|${process.pid}.{0,40}bun`));
  expect((await get("one.localhost")).status).toBe(200);
  const client = await RawClient.open(free);
  client.write("hello");
  await client.readUntil("hello");
  client.abort();
});

test("a client that is killed detaches; the hub ends 2 s after its last profile", async () => {
  home.write("tunnels.toml", profile("one", '"one.localhost" = "svc/web:http"'));
  const client = home.start(["up"]);
  await listening(port, client);
  expect((await get("one.localhost")).status).toBe(200);
  client.kill("SIGKILL");
  await client.exited;
  await eventually("the hub to end", () => home.pids().length === 0, 5_000);
});

test("Ctrl-C in kt up detaches at once and exits in order", async () => {
  home.write("tunnels.toml", profile("one", '"one.localhost" = "svc/web:http"'));
  const client = home.start(["up"]);
  await listening(port, client);
  client.kill("SIGINT");
  expect([0, 130]).toContain(await client.exited);
  await eventually("the hub to end", () => home.pids().length === 0, 5_000);
});

test("a hub that is killed leaves nothing in the way of the next kt up", async () => {
  home.write("tunnels.toml", profile("one", '"one.localhost" = "svc/web:http"'));
  await ok(["up", "-d"], "project");
  const [hub = 0] = home.pids();
  process.kill(hub, "SIGKILL");
  await eventually("the hub to end", () => home.pids().length === 0);
  const status = await home.run(["status"]);
  expect(status.stderr).not.toMatch(/ at .*\.ts:\d+/);
  await ok(["up", "-d"], "project");
  expect((await get("one.localhost")).status).toBe(200);
});

test("two kt up at the same moment start one hub", async () => {
  home.write("tunnels.toml", profile("one", '"one.localhost" = "svc/web:http"'), "one");
  home.write("tunnels.toml", profile("two", '"two.localhost" = "svc/api:http"'), "two");
  await Promise.all([ok(["up", "-d"], "one"), ok(["up", "-d"], "two")]);
  expect(home.pids().length).toBe(1);
  expect((await get("one.localhost")).status).toBe(200);
  expect((await get("two.localhost")).status).toBe(200);
});
