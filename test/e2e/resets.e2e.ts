/** Every connection to the API server is reset at once, again and again, while requests are under way. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { namespace, readKubeconfig, writeKubeconfig } from "#test/support/cluster.ts";
import { ask, connectClient } from "#test/support/h2-peers.ts";
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
  const profile = `[http]\nlisten = ["127.0.0.1:${http}"]\n[routes]\n"web.localhost" = "svc/web:http"\n"tls.localhost" = { target = "svc/web:tls", scheme = "https" }\n`;
  kt = await Kt.serve(http, profile, { KUBECONFIG: await writeKubeconfig({ kt: { namespace, cluster } }) });
});
afterAll(async () => {
  await kt?.close();
  front?.close();
});

const path = "/slow?d=150ms";

async function overHttp1(): Promise<number> {
  const response = await kt.fetch("web.localhost", path);
  await response.arrayBuffer();
  return response.status;
}

/** Six streams of one connection, to a backend that speaks HTTP/2 too. */
async function overHttp2(): Promise<number[]> {
  const client = connectClient({ port: kt.port });
  const answers = await Promise.all(Array.from({ length: atOnce }, () => ask(client, "tls.localhost", { ":path": path })));
  client.destroy();
  return answers.map(({ headers }) => Number(headers[":status"]));
}

const atOnce = 6;

async function isUnderWay(requests: number): Promise<boolean> {
  return JSON.stringify(await kt.status()).includes(`"requests":${requests}`);
}

const ways = { "HTTP/1": () => Promise.all(Array.from({ length: atOnce }, overHttp1)), "HTTP/2": overHttp2 };

test.each(Object.entries(ways))(
  "GETs under way in %s are answered all the same",
  async (_, ask) => {
    const rounds = 25;
    const statuses = [...(await ask())];
    for (let round = 1; round <= rounds; round++) {
      const underWay = ask();
      await eventually("the requests to be under way", () => isUnderWay((round + 1) * atOnce), 5_000, 5);
      front.resetAll();
      statuses.push(...(await underWay));
    }
    expect(statuses).toEqual(Array.from({ length: atOnce * (rounds + 1) }, () => 200));
  },
  60_000,
);
