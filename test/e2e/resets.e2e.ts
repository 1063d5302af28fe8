/** Every connection to the API server is reset at once, again and again, while requests are under way. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { namespace, readKubeconfig, writeKubeconfig } from "#test/support/cluster.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { type ResettingFront, startResettingFront } from "#test/support/resetting-front.ts";
import { eventually } from "#test/support/wait.ts";

let kt: Kt;
let front: ResettingFront;

beforeAll(async () => {
  const admin = await readKubeconfig();
  const { hostname, port } = new URL(String(admin.clusters[0]?.cluster["server"]));
  front = startResettingFront(hostname, Number(port));
  const [http = 0] = freePorts(1);
  const cluster = { server: `https://127.0.0.1:${front.port}`, "tls-server-name": hostname };
  const profile = `[http]\nlisten = ["127.0.0.1:${http}"]\n[routes]\n"web.localhost" = "svc/web:http"\n`;
  kt = await Kt.serve(http, profile, { KUBECONFIG: await writeKubeconfig({ kt: { namespace, cluster } }) });
});
afterAll(async () => {
  await kt?.close();
  front?.close();
});

async function get(): Promise<number> {
  const response = await kt.fetch("web.localhost", "/slow?d=150ms");
  await response.arrayBuffer();
  return response.status;
}

async function isOpen(count: number): Promise<boolean> {
  return JSON.stringify(await kt.status()).includes(`"openConnections":${count}`);
}

test("GETs under way are answered all the same", async () => {
  expect(await get()).toBe(200);
  const atOnce = 6;
  const statuses: number[] = [];
  for (let round = 0; round < 25; round++) {
    const underWay = Promise.all(Array.from({ length: atOnce }, get));
    await eventually("the requests to be under way", () => isOpen(atOnce), 5_000, 5);
    front.resetAll();
    statuses.push(...(await underWay));
  }
  expect(new Set(statuses)).toEqual(new Set([200]));
}, 60_000);
