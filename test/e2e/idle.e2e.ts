/** A tunnel closes after idle_timeout and opens again on use; an open connection is never idle. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { sleep } from "bun";
import { namespace } from "#test/support/cluster.ts";
import { twoContexts } from "#test/support/front.ts";
import { Kt } from "#test/support/kt.ts";
import { descriptorCount, freePorts } from "#test/support/process.ts";
import { eventually } from "#test/support/wait.ts";
import { openWebSocket } from "#test/support/web-socket.ts";

let kt: Kt;
const idleTimeoutMs = 2_000;

beforeAll(async () => {
  const [port = 0] = freePorts(1);
  const profile = `namespace = "${namespace}"\nidle_timeout = "2s"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n"web.localhost" = "svc/web:http"\n"api.localhost" = "svc/api:http"\n`;
  kt = await Kt.serve(port, profile, { KUBECONFIG: await twoContexts() });
});
afterAll(async () => await kt?.close());

test("closes when idle, opens on use", async () => {
  const before = descriptorCount(kt.pid);
  expect((await kt.fetch("web.localhost", "/")).status).toBe(200);
  expect(JSON.stringify(await kt.status())).toContain('"running"');
  await eventually("the tunnel to go idle", async () => !JSON.stringify(await kt.status()).includes('"running"'), 4 * idleTimeoutMs);
  await eventually("its connections to be closed", () => descriptorCount(kt.pid) <= before + 2, 5_000);
  expect((await kt.fetch("web.localhost", "/")).status).toBe(200);
});

test("an open quiet WebSocket is never closed by it", async () => {
  const socket = await openWebSocket(kt.port, "api.localhost", "/ws");
  expect(await socket.ask("before")).toBe("before");
  await sleep(3 * idleTimeoutMs); // the silence that is asked for
  expect(socket.isOpen).toBe(true);
  expect(await socket.ask("after")).toBe("after");
  await socket.close();
});
