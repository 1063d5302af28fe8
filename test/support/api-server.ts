/** Takes the API server away from one hub or from everybody, and gives it back. */

import { readFileSync } from "node:fs";
import { kubectl, run, writeKubeconfig } from "./cluster.ts";
import { isAlive } from "./process.ts";
import { eventually } from "./wait.ts";

/** The API server listens on every loopback address; the hub under test uses one of its own. */
const address = "127.0.0.2";

/** A kubeconfig whose cluster is reached through that address. */
export async function separateKubeconfig(namespace: string): Promise<string> {
  const cluster = { server: `https://${address}:6443`, "tls-server-name": "localhost" };
  return await writeKubeconfig({ kt: { namespace, cluster } });
}

async function nft(...args: string[]): Promise<void> {
  const ran = await run(["nft", ...args]);
  if (ran.exitCode !== 0) throw new Error(`nft ${args.join(" ")}: ${ran.stderr}`);
}

async function filter(verdict: string): Promise<void> {
  await nft("add", "table", "inet", "kt_e2e");
  await nft("add", "chain", "inet", "kt_e2e", "out", "{ type filter hook output priority 0; }");
  await nft("add", "rule", "inet", "kt_e2e", "out", "ip", "daddr", address, "tcp", "dport", "6443", ...verdict.split(" "));
  await nft("add", "rule", "inet", "kt_e2e", "out", "ip", "saddr", address, "tcp", "sport", "6443", "drop");
}

/** Makes packets vanish, without a reset, in both directions. */
export async function dropPackets(): Promise<void> {
  await filter("drop");
}

/** Lets packets pass again. */
export async function passPackets(): Promise<void> {
  await run(["nft", "delete", "table", "inet", "kt_e2e"]);
}

const clusterDir = process.env["KT_CLUSTER_DIR"] ?? "";

/** Stops the API server process; the rest of the cluster lives on. */
export async function stopApiServer(): Promise<void> {
  const pid = Number(readFileSync(`${clusterDir}/pids/apiserver`, "utf8"));
  process.kill(pid, "SIGKILL");
  await eventually("the API server to end", () => !isAlive(pid));
}

/** Starts it again; resolves once it says that it is ready. */
export async function startApiServer(): Promise<void> {
  const up = new URL("../cluster/up", import.meta.url).pathname;
  const ran = await run([up]);
  if (ran.exitCode !== 0) throw new Error(`cluster up: ${ran.stderr}`);
  await kubectl("get", "--raw", "/readyz");
}
