/** Where each setting was said, as `kt status` and `kt explain` show it: a place in a file, a variable, or --set. */

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { write } from "bun";
import type { Snapshot } from "#control/api.ts";
import { ApiServer } from "#demo/api-server.ts";
import { freePorts } from "#test/support/process.ts";
import { SourceHome } from "#test/support/source-home.ts";
import { eventually } from "#test/support/wait.ts";

const api = new ApiServer();
const [port = 0] = freePorts(1);
let home: SourceHome;

const profile = `kubeconfig = "kubeconfig"
[http]
listen = ["127.0.0.1:${port}"]
[routes]
"web.localhost" = "shop/svc/web:80"
[retry]
max = 2
`;
const stronger = { KT_HEALTH_FAILURES: "5" };
const said = [
  'health.interval = "10s", from --set health.interval',
  "health.failures = 5, from KT_HEALTH_FAILURES",
  "retry.max = 2, from tunnels.toml:7:7",
];

const shown = (text: string): string[] => text.split("\n").flatMap((line) => /[a-z_]+\.[a-z_]+ = .*, .*$/.exec(line) ?? []);

beforeAll(() => {
  api.cluster.setService({ namespace: "shop", name: "web", selector: { app: "web" }, ports: [{ name: "", port: 80, targetPort: 80 }] });
});
afterAll(() => api.close());

// Each test has a home of its own: they run in any order, and one of them leaves a hub.
beforeEach(async () => {
  home = await SourceHome.make();
  await write(`${home.project}/kubeconfig`, api.kubeconfig({ context: "dev", namespace: "shop" }));
  await write(`${home.project}/tunnels.toml`, profile);
  await home.run(["allow"]);
});
afterEach(() => home[Symbol.asyncDispose]());

test("kt explain without a hub goes by the variables of this shell, and says nothing of defaults", async () => {
  const { stdout } = await home.run(["explain", "web.localhost"], { KT_SET: "health.interval=10s", ...stronger });
  expect(shown(stdout)).toEqual(said);
  expect(shown((await home.run(["explain", "web.localhost"])).stdout)).toEqual([said[2] ?? ""]);
});

test("with a hub both go by what the profile was attached with, and by the file as it is now", async () => {
  expect((await home.run(["up", "-d", "--set", "health.interval=10s"], stronger)).exitCode).toBe(0);
  for (const words of [["status"], ["explain", "web.localhost"]]) expect(shown((await home.run(words)).stdout)).toEqual(said);
  const { profiles }: Snapshot = JSON.parse((await home.run(["status", "--json"])).stdout);
  expect(profiles[0]?.settings).toEqual([
    { key: "health.interval", value: "10s", from: "--set health.interval" },
    { key: "health.failures", value: 5, from: "KT_HEALTH_FAILURES" },
    { key: "retry.max", value: 2, from: "tunnels.toml:7:7" },
  ]);
  await write(`${home.project}/tunnels.local.toml`, "[retry]\nmax = 1\n");
  const now = [...said.slice(0, 2), "retry.max = 1, from tunnels.local.toml:2:7"].join("\n");
  const isShown = async (wanted: string): Promise<boolean> => shown((await home.run(["status"])).stdout).join("\n") === wanted;
  await eventually("the local file", async () => await isShown(now));
  await write(`${home.project}/tunnels.local.toml`, "# For this machine.\n\n[retry]\nmax = 1\n");
  await eventually("the line that it moved to", async () => await isShown(now.replace(":2:7", ":4:7")));
});
