/** `kt serve` as a process: it takes the place of a hub that only lingers, holds its profiles, and ends in order. */

import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { freePorts } from "#test/support/process.ts";
import { SourceHome } from "#test/support/source-home.ts";
import { eventually } from "#test/support/wait.ts";

async function withProfile(text: string): Promise<SourceHome> {
  const home = await SourceHome.make();
  const [port = 0] = freePorts(1);
  await writeFile(`${home.project}/tunnels.toml`, `[http]\nlisten = ["127.0.0.1:${port}"]\n${text}`);
  return home;
}

const route = '[routes]\n"web.localhost" = "svc/web:80"\n';

test.concurrent("takes over from a lingering hub, shows in status, and ends with 0 at SIGTERM", async () => {
  await using home = await withProfile(route);
  await home.run(["up", "-d"]);
  await home.run(["down"]);
  const serve = home.start(["serve", "--log-format", "json", "-f", "tunnels.toml"]);
  const lines = new Response(serve.stderr).text();
  await eventually("the hub", async () => (await home.hubPid()) === serve.pid);
  const { stdout } = await home.run(["status", "--json"]);
  expect(JSON.parse(stdout).profiles).toMatchObject([{ pinned: true, clients: 0, routes: [{ name: "web.localhost" }] }]);
  serve.kill("SIGTERM");
  expect(await serve.exited).toBe(0);
  const events = (await lines)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).event);
  expect(events).toContain("listener");
  expect(events.at(0)).toBe("hub");
  expect(await home.hubPid()).toBeUndefined();
});

test.concurrent("a profile that is broken at the start ends it with 2", async () => {
  await using home = await withProfile("rutes = 1\n");
  const { exitCode, stderr } = await home.run(["serve", "-q", "-f", "tunnels.toml"]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain('kt: error: tunnels.toml:3:1: unknown key "rutes"');
});
