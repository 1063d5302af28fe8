/** Measures kt in a pod of the cluster beside direct access to the service behind it, in turns. */

import { connect, type Socket } from "bun";
import { apply, kubectl, namespace, rolledOut } from "#test/support/cluster.ts";
import { Home } from "#test/support/kt.ts";
import { processesWith, residentBytes } from "#test/support/process.ts";
import { importRelayImage } from "#test/support/relay-image.ts";
import { eventually } from "#test/support/wait.ts";
import { flawless } from "./measure.ts";
import { Results, type TablePlan, table } from "./report.ts";
import type { Figures, Row } from "./rows.ts";

const insideRows: readonly Row[] = [
  { name: "keep-alive requests, 16 connections", unit: "/s", better: "higher", ratio: 0.5 },
  { name: "requests, one after the other, p99", unit: "ms", better: "lower" },
  { name: "p99 above direct access", unit: "ms", better: "lower", limit: 0.5 },
  { name: "new connection, HTTP, p50", unit: "ms", better: "lower" },
  { name: "memory with 1,000 connections", unit: "MB", better: "lower", limit: 96 },
];
const ways = ["kt in a pod", "direct"] as const;
const plan: TablePlan = { rows: insideRows, contestants: ways, rivals: ["direct"] };

const host = "bench.apps.example.com";
const connections = 1_000;

const profile = `namespace = "${namespace}"
[http]
listen = "0.0.0.0:8989"
expose = true
[routes]
"${host}" = "svc/bench:http"
[tcp]
"0.0.0.0:7000" = { target = "svc/bench:echo", expose = true }
`;

const addressOf = async (service: string): Promise<string> =>
  (await kubectl("-n", namespace, "get", "service", service, "-o", "jsonpath={.spec.clusterIP}")).trim();

async function install(image: string): Promise<string> {
  const home = new Home();
  try {
    home.write("tunnels.toml", profile);
    const printed = await home.ok("manifests", "--json", "-n", namespace, "--image", image, "--replicas", "1");
    await apply(...(JSON.parse(printed) as { items: object[] }).items);
  } finally {
    await home.close();
  }
  await rolledOut(namespace, "kt");
  const address = await addressOf("kt");
  await eventually("kt's service to answer", async () => (await flawless("newconn", `${address}:8989`, host, 1)).ok === 1, 60_000, 250);
  return address;
}

async function measure(place: string): Promise<Figures> {
  await flawless("keepalive", place, host, 2_000, 16);
  const kept = await flawless("keepalive", place, host, 16_000, 16);
  const single = await flawless("keepalive", place, host, 4_000, 1);
  const one = await flawless("newconn", place, host, 300);
  return {
    "keep-alive requests, 16 connections": kept.perSecond,
    "requests, one after the other, p99": single.p99Ms,
    "new connection, HTTP, p50": one.p50Ms,
  };
}

/** Of kt's process, which is one of this machine's. */
async function measureMemory(address: string): Promise<Figures> {
  const pod = (
    await kubectl("-n", namespace, "get", "pods", "-l", "app.kubernetes.io/instance=kt", "-o", "jsonpath={.items[0].metadata.name}")
  ).trim();
  const [pid = 0] = processesWith(`HOSTNAME=${pod}`);
  const sockets: Socket[] = [];
  try {
    for (let at = 0; at < connections; at++) {
      const answered = Promise.withResolvers<void>();
      const events = { data: () => answered.resolve(), close: () => answered.reject(new Error("closed")) };
      const socket = await connect({ hostname: address, port: 7000, socket: events });
      sockets.push(socket);
      socket.write("x");
      await answered.promise;
    }
    return { "memory with 1,000 connections": residentBytes(pid) / 1e6 };
  } finally {
    for (const socket of sockets) socket.terminate();
  }
}

/** All of it as a table. */
export async function measureInside(rounds: number): Promise<string> {
  const results = new Results();
  const image = await importRelayImage();
  try {
    const address = await install(image.name);
    const direct = `${await addressOf("bench")}:80`;
    for (let round = 1; round <= rounds; round++) {
      console.log(`round ${round} of ${rounds}`);
      const [kt, without] = [await measure(`${address}:8989`), await measure(direct)];
      const p99 = "requests, one after the other, p99";
      results.add("kt in a pod", { ...kt, "p99 above direct access": (kt[p99] ?? Number.NaN) - (without[p99] ?? Number.NaN) });
      results.add("direct", without);
    }
    results.add("kt in a pod", await measureMemory(address));
  } finally {
    await image.remove();
  }
  return table(results, plan);
}
