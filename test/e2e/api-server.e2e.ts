/** The way to the API server breaks: stopped and started again, and packets that vanish without a word. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { sleep } from "bun";
import { dropPackets, passPackets, separateKubeconfig, startApiServer, stopApiServer } from "#test/support/api-server.ts";
import { namespace, ownCluster } from "#test/support/cluster.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts, isAlive } from "#test/support/process.ts";
import { eventually, within } from "#test/support/wait.ts";
import { openWebSocket } from "#test/support/web-socket.ts";

let kt: Kt;
/** While others use the cluster its API server is not to be stopped. */
const shared = process.env["KT_E2E_SHARED"] === "1";

beforeAll(async () => {
  if (!ownCluster) return;
  const [port = 0] = freePorts(1);
  const profile = `[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n"web.localhost" = "svc/web:http"\n"api.localhost" = "svc/api:http"\n`;
  kt = await Kt.serve(port, profile, { KUBECONFIG: await separateKubeconfig(namespace) });
});
afterAll(async () => {
  if (ownCluster) await passPackets();
  await kt?.close();
});

async function serves(): Promise<boolean> {
  const response = await kt.fetch("web.localhost", "/");
  await response.text();
  return response.status === 200;
}

test.skipIf(!ownCluster)("packets vanish: noticed within 15 s, said so, and healed", async () => {
  expect(await serves()).toBe(true);
  const socket = await openWebSocket(kt.port, "web.localhost", "/ws");
  expect(await socket.ask("before")).toBe("before");
  await dropPackets();
  const droppedAt = performance.now();
  await within(15_000, "the open WebSocket to be closed", socket.closed);
  expect(performance.now() - droppedAt).toBeLessThan(15_000);
  const refused = await within(20_000, "an answer while packets vanish", kt.fetch("api.localhost", "/"));
  expect(refused.status).toBe(502);
  expect(await refused.text()).toStartWith("kt: error: ");
  expect(JSON.stringify(await kt.status())).toContain("cluster-unreachable");
  await passPackets();
  await eventually("an answer again", serves, 5_000);
  const again = await openWebSocket(kt.port, "web.localhost", "/ws");
  expect(await again.ask("after")).toBe("after");
  await again.close();
});

test.skipIf(!ownCluster || shared)(
  "the API server is stopped for 5 s: the hub lives, says so, and serves within 2 s of its return",
  async () => {
    expect(await serves()).toBe(true);
    try {
      await stopApiServer();
      const refused = await within(10_000, "an answer while the API server is down", kt.fetch("api.localhost", "/"));
      expect(refused.status).toBe(502);
      expect(await refused.text()).toMatch(/^kt: error: .*127\.0\.0\.2:6443/);
      expect(JSON.stringify(await kt.status())).toContain("cluster-unreachable");
      await sleep(5_000); // the outage that is asked for
    } finally {
      await startApiServer();
    }
    await eventually("an answer within 2 s", serves, 2_000);
    expect(isAlive(kt.pid)).toBe(true);
  },
);
