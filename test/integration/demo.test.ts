/** The demo from start to end: every kind of request goes through a real hub and comes back right, and a wrong answer is noticed. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir, stat } from "node:fs/promises";
import { spawnSync } from "bun";
import { silentLog } from "#base/log.ts";
import { Hub } from "#daemon/hub.ts";
import { realProviders } from "#daemon/providers.ts";
import { type Demo, startDemo } from "#demo/demo.ts";
import type { Attempt } from "#demo/try-it.ts";
import { SourceHome } from "#test/support/source-home.ts";
import { eventually } from "#test/support/wait.ts";

let demo: Demo;
let hub: Hub | undefined;

beforeAll(async () => {
  demo = await startDemo();
  const providers = realProviders();
  hub = await Hub.start({ directory: demo.directory, version: "test", commit: "test", log: silentLog, lingers: false, providers });
  await hub?.pin({ file: demo.profile, environment: {} });
});

afterAll(async () => {
  await hub?.stop(0);
  await demo.close();
});

test("every kind of request goes right", async () => {
  const attempts: Attempt[] = [];
  const ok = await demo.tryAll((attempt) => attempts.push(attempt));
  expect(attempts.filter((attempt) => !attempt.ok)).toEqual([]);
  expect(ok).toBe(true);
  expect(attempts.map(({ what }) => what)).toEqual([
    "page",
    "JSON",
    "WebSocket",
    "events",
    "TLS",
    "TCP",
    "pattern",
    "dynamic name",
    "pod replaced",
    "crashing pod",
    "unknown host",
  ]);
});

test("what goes wrong is reported", async () => {
  const unserved = await startDemo();
  const attempts: Attempt[] = [];
  expect(await unserved.tryAll((attempt) => attempts.push(attempt))).toBe(false);
  expect(attempts).toHaveLength(11);
  expect(attempts.every(({ ok }) => !ok)).toBe(true);
  await unserved.close();
});

test("nothing is left behind", async () => {
  const other = await startDemo();
  await other.close();
  expect(stat(other.directory)).rejects.toThrow("ENOENT");
});

const source = new URL("../../src/main.ts", import.meta.url).pathname;

test("what it says to try can be pasted, what happens is shown, and kt status sees it", async () => {
  await using home = await SourceHome.make();
  const child = home.start(["demo"]);
  let output = "";
  const reading = (async () => {
    for await (const bytes of child.stdout) output += new TextDecoder().decode(bytes);
  })();
  await eventually("the end of the introduction", () => output.includes("leaves nothing behind"));
  const commands = [...output.matchAll(/^ {2}\S.*? {2,}(\S.*)$/gm)].map(([, command = ""]) => command);
  expect(commands.length).toBeGreaterThan(10);
  for (const command of commands) {
    const line = `kt() { '${process.execPath}' '${source}' "$@"; }; ${command}`;
    const { exitCode, stdout, stderr } = spawnSync(["bash", "-c", line], { env: { ...home.env, no_proxy: "*" }, cwd: home.project });
    expect({ command, exitCode, stderr: exitCode === 0 ? "" : stderr.toString(), hasAnswer: stdout.length > 0 }).toEqual({
      command,
      exitCode: 0,
      stderr: "",
      hasAnswer: true,
    });
  }
  await eventually("the last request", () => output.includes("nowhere.localhost refused"));
  expect(output).toMatch(/ debug api\.localhost GET 200 in [\d.]+ ms/);
  expect(output).toContain('broken.localhost refused: no pod of service "shop/broken" is ready');
  const { hub, profiles } = JSON.parse((await home.run(["status", "--json"])).stdout);
  expect([hub, profiles.map(({ name }: { name: string }) => name)]).toEqual([null, ["demo"]]);
  child.kill("SIGINT");
  expect(await child.exited).toBe(0);
  await reading;
  expect(await readdir(`${home.path}/run/kt`)).toEqual([]);
  expect((await home.run(["status"])).stdout).toBe("no profile is attached\n");
});

test("of a demo that was killed nothing is shown", async () => {
  await using home = await SourceHome.make();
  const child = home.start(["demo"], { TMPDIR: home.path });
  const registered = async (): Promise<string[]> =>
    (await readdir(`${home.path}/run/kt`).catch(() => [])).filter((name) => name.startsWith("demo-"));
  await eventually("its link", async () => (await registered()).length === 1);
  child.kill("SIGKILL");
  await child.exited;
  expect((await home.run(["status"])).stdout).toBe("no profile is attached\n");
  expect(await registered()).toEqual([]);
});
