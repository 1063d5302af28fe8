/** Measures connections to an address behind a jump host: through kt, and by `kubectl exec -i POD -- socat` for each one. */

import { sleep, spawn } from "bun";
import { apply, kubectl, namespace } from "#test/support/cluster.ts";
import { Home, listening } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { flawless, median } from "./measure.ts";
import type { Figures } from "./rows.ts";
import { benchHost, type Contestant } from "./tunnels.ts";

const connections = 15;
const atOnce = 20;
const downloadBytes = 300_000_000;

/** Between two connections that are not back to back: kt prepares the next one meanwhile. */
const pauseMs = 400;

/** The pod that is jumped through, with socat. */
export async function prepareJump(): Promise<void> {
  const containers = [{ name: "jump", image: "kt.test/jump:1", imagePullPolicy: "IfNotPresent" }];
  const metadata = { namespace, name: "jump" };
  await apply({ apiVersion: "v1", kind: "Pod", metadata, spec: { terminationGracePeriodSeconds: 1, containers } });
  await kubectl("-n", namespace, "wait", "--for=condition=Ready", "pod/jump", "--timeout=60s");
}

/** The app's address as the cluster sees it. */
async function targetAddress(): Promise<string> {
  return (await kubectl("-n", namespace, "get", "pods", "-l", "app=bench", "-o", "jsonpath={.items[0].status.podIP}")).trim();
}

export async function measureJump(contestant: Contestant, kubeconfig: string): Promise<Figures> {
  const address = await targetAddress();
  const { connectMs, backToBackMs, burstMs, mbPerSecond } =
    contestant === "kt" ? await throughKt(address, kubeconfig) : await byExec(contestant, address, kubeconfig);
  return {
    "new connection through a jump host, p50": median(connectMs),
    "the same, one right after the other, p50": median(backToBackMs),
    "20 through a jump host at once, again, until all are answered": burstMs,
    "download through a jump host": mbPerSecond,
  };
}

interface Measured {
  readonly connectMs: readonly number[];
  readonly backToBackMs: readonly number[];
  readonly burstMs: number;
  readonly mbPerSecond: number | undefined;
}

async function measureConnections(one: () => Promise<number>): Promise<Omit<Measured, "mbPerSecond">> {
  const connectMs: number[] = [];
  for (let count = 0; count < connections; count++) {
    await sleep(pauseMs);
    connectMs.push(await one());
  }
  const backToBackMs: number[] = [];
  for (let count = 0; count < connections; count++) backToBackMs.push(await one());
  const burst = (): Promise<number[]> => Promise.all(Array.from({ length: atOnce }, one));
  await burst();
  await sleep(atOnce * pauseMs);
  return { connectMs, backToBackMs, burstMs: Math.max(...(await burst())) };
}

async function throughKt(address: string, kubeconfig: string): Promise<Measured> {
  const [front = 0, echo = 0, web = 0] = freePorts(3);
  const via = `via = "pod/jump"`;
  const tcp = [`[tcp.${echo}]\ntarget = "${address}:7000"\n${via}`, `[tcp.${web}]\ntarget = "${address}:8080"\n${via}`];
  const home = new Home({ KUBECONFIG: kubeconfig });
  const head = `context = "kt"\nnamespace = "${namespace}"\n[http]\nlisten = ["127.0.0.1:${front}"]\n`;
  const started = home.start(["serve", "-f", home.write("tunnels.toml", head + tcp.join("\n"))]);
  try {
    await listening(front, started);
    await oneThroughKt(echo);
    const measured = await measureConnections(() => oneThroughKt(echo));
    await flawless("down", web, benchHost, 1000);
    return { ...measured, mbPerSecond: (await flawless("down", web, benchHost, downloadBytes)).mbPerSecond };
  } finally {
    await home.close();
  }
}

async function oneThroughKt(port: number): Promise<number> {
  const startedAt = performance.now();
  const client = await RawClient.open(port);
  client.write("x");
  await client.readUntil("x");
  const tookMs = performance.now() - startedAt;
  client.end();
  await client.whenClosed();
  return tookMs;
}

async function byExec(contestant: Contestant, address: string, kubeconfig: string): Promise<Measured> {
  const measured = await measureConnections(async () => 1000 * (await execUntil(contestant, kubeconfig, `${address}:7000`, "x", 1)));
  const request = `GET /bytes?n=${downloadBytes} HTTP/1.1\r\nHost: ${benchHost}\r\nConnection: close\r\n\r\n`;
  const seconds = await execUntil(contestant, kubeconfig, `${address}:8080`, request, downloadBytes);
  return { ...measured, mbPerSecond: downloadBytes / 1e6 / seconds };
}

/** Seconds from the spawn until that many bytes have come back. */
async function execUntil(contestant: Contestant, kubeconfig: string, address: string, words: string, bytes: number): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(
    ["kubectl", "--kubeconfig", kubeconfig, "-n", namespace, "exec", "-i", "jump", "--", "socat", "-", `TCP:${address}`],
    {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "ignore",
      env: { ...process.env, KUBECTL_REMOTE_COMMAND_WEBSOCKETS: contestant === "kubectl WebSocket" ? "true" : "false" },
    },
  );
  void child.stdin.write(words);
  void child.stdin.flush();
  let received = 0;
  let seconds = Number.NaN;
  for await (const piece of child.stdout) {
    received += piece.length;
    if (received < bytes || !Number.isNaN(seconds)) continue;
    seconds = (performance.now() - startedAt) / 1000;
    await child.stdin.end();
  }
  await child.exited;
  if (Number.isNaN(seconds)) throw new Error(`${contestant}: ${received} of ${bytes} bytes came back by exec`);
  return seconds;
}
