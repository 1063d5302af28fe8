/** Who has a port: a program that may be ended, one that may not, or a kt, which is never to be killed. */

import { describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { protocolVersion } from "#control/api.ts";
import { ControlServer } from "#control/server.ts";
import { socketPath, type Surroundings } from "#control/socket-path.ts";
import { holdingOf } from "#daemon/listening/port-holding.ts";
import type { PortHolder } from "#native/port-holder.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const place = { host: "127.0.0.1", port: 8989 };
const at: Surroundings = { platform: "linux", uid: 1000, home: "/home/me", environment: { XDG_RUNTIME_DIR: "/nowhere" } };
const holder = (facts: Partial<PortHolder>): PortHolder => ({
  pid: 4711,
  command: "nginx",
  argv: ["/usr/bin/nginx"],
  environment: { XDG_RUNTIME_DIR: "/nowhere" },
  isOwn: true,
  ...facts,
});

test("a program of one's own may be ended", async () => {
  expect(await holdingOf(holder({}), place, at)).toEqual({ who: '"nginx" (pid 4711)', fixes: ["kill 4711"] });
});

test.each<[string, Partial<PortHolder>]>([
  ["another user's", { isOwn: false }],
  ["the first process of a container", { pid: 1 }],
  ["a shell", { command: "bash", argv: ["-bash"] }],
  ["a session's", { command: "sshd-session" }],
  ["this process", { pid: process.pid }],
])("%s is never to be killed", async (_, facts) => {
  expect((await holdingOf(holder(facts), place, at)).fixes).toEqual([]);
});

const kt = (...words: string[]): Partial<PortHolder> => ({ command: "kt", argv: ["/usr/local/bin/kt", ...words] });

test.each<[string, Partial<PortHolder>, string, string[]]>([
  ["the demo", kt("demo"), '"kt demo" (pid 4711)', ["press Ctrl-C where that runs"]],
  ["kt forward", kt("forward", "svc/web", "80"), '"kt forward svc/web 80" (pid 4711)', ["press Ctrl-C where that runs"]],
  ["a hub that does not answer", kt("hub"), "your kt hub (pid 4711)", ["kt down --all"]],
  ["a hub from source", { command: "bun", argv: ["bun", "/src/kt/src/main.ts", "hub"] }, "your kt hub (pid 4711)", ["kt down --all"]],
  [
    "a hub elsewhere",
    { ...kt("--log-format", "json", "serve"), environment: { XDG_RUNTIME_DIR: "/run/o ther" } },
    "another kt hub (pid 4711)",
    ["XDG_RUNTIME_DIR='/run/o ther' kt down --all"],
  ],
  ["another user's hub", { ...kt("hub"), isOwn: false }, "another user's kt hub (pid 4711)", []],
])("%s", async (_, facts, who, fixes) => {
  expect(await holdingOf(holder(facts), place, at)).toEqual({ who, fixes });
});

describe("a hub that answers", () => {
  test.each<[string, boolean, (runtime: string) => string, (runtime: string) => string]>([
    ["of one's own", true, () => 'profile "shop" (/sh op/tunnels.toml)', () => "kt down -f '/sh op/tunnels.toml'"],
    [
      "elsewhere",
      false,
      () => `profile "shop" (/sh op/tunnels.toml), which another kt hub (pid ${process.ppid}) serves`,
      (runtime) => `XDG_RUNTIME_DIR=${runtime} kt down -f '/sh op/tunnels.toml'`,
    ],
  ])("%s names the profile", async (_, isOurs, who, fix) => {
    await using directory = await tempDir();
    const runtime = directory.path;
    await mkdir(`${runtime}/kt`);
    const hello = { protocol: protocolVersion, version: "0", commit: "c", pid: process.ppid };
    const listeners = [{ address: "127.0.0.1:8989", open: true }];
    const profile = { profile: "/sh op/tunnels.toml", name: "shop", pinned: true, clients: 0, listeners, warnings: [] };
    const parts = { hub: { ...hello, startedAtMs: 0 }, profiles: [{ id: 2, order: 0, profile }], routes: [], removed: [] };
    const server = new ControlServer({
      path: socketPath(`${runtime}/kt`),
      hello,
      handle(_request, _session, reply) {
        reply({ type: "changes", isAnew: true, ...parts, isComplete: true });
        reply({ type: "end" });
      },
    });
    const environment = { XDG_RUNTIME_DIR: runtime };
    const found = holder({ ...kt("hub"), pid: process.ppid, environment });
    const here = isOurs ? { ...at, environment } : at;
    expect(await holdingOf(found, place, here)).toEqual({ who: who(runtime), fixes: [fix(runtime)] });
    server.close();
  });
});
