/**
 * Measures TLS that kt speaks beside plain HTTP, in turns, on the cluster of the end-to-end tests: `bun test/bench/tls.ts`, with dist/kt and
 * dist/bench-load built.
 */

import { connect, type TLSSocket } from "node:tls";
import { file, spawn } from "bun";

const clusterDir = process.env["KT_CLUSTER_DIR"] ?? `${process.env["XDG_CACHE_HOME"] ?? `${process.env["HOME"]}/.cache`}/kt-cluster`;

/** Rooms read these when they are loaded, so they are set before. */
Object.assign(process.env, {
  KT_E2E_NAMESPACE: `kt-bench-tls-${process.pid}`,
  KT_E2E_KUBECONFIG: `${clusterDir}/admin.kubeconfig`,
  KT_CLUSTER_DIR: clusterDir,
});
const { apply, deploy, kubectl, namespace, service } = await import("#test/support/cluster.ts");
const { Kt } = await import("#test/support/kt.ts");
const { freePorts } = await import("#test/support/process.ts");
const { flawless, median } = await import("./measure.ts");

const rounds = 5;
const handshakes = 200;
const downloadBytes = 64 * 1024 * 1024;
const connections = 16;
const streams = 10;
const requests = 16_000;
const host = "a.localhost";

interface Place {
  readonly port: number;
  readonly ca: string;
}

function shake({ port, ca }: Place, session?: Buffer): Promise<{ readonly ms: number; readonly socket: TLSSocket }> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    const socket = connect({ host: "127.0.0.1", port, servername: host, ca, maxVersion: "TLSv1.2", ...(session && { session }) });
    socket.once("secureConnect", () => resolve({ ms: performance.now() - startedMs, socket }));
    socket.once("error", reject);
  });
}

/** From the first packet on, with a connection for each. */
async function handshakeMs(place: Place, isResumed: boolean): Promise<number> {
  const first = await shake(place);
  const session = isResumed ? first.socket.getSession() : undefined;
  first.socket.destroy();
  const times: number[] = [];
  for (let nth = 0; nth < handshakes; nth++) {
    const { ms, socket } = await shake(place, session);
    if (isResumed && !socket.isSessionReused()) throw new Error("the session was not resumed");
    times.push(ms);
    socket.destroy();
  }
  return median(times);
}

/** MB/s of one connection, by curl. */
async function download(scheme: "http" | "https", { port }: Place, root: string): Promise<number> {
  const resolve = ["--resolve", `${host}:${port}:127.0.0.1`, "--http1.1", "--cacert", root];
  const url = `${scheme}://${host}:${port}/bytes?n=${downloadBytes}`;
  const child = spawn(["curl", "-sS", "-o", "/dev/null", "-w", "%{size_download} %{time_total}", ...resolve, url]);
  const [size = 0, seconds = 1] = (await child.stdout.text()).split(" ").map(Number);
  if (size !== downloadBytes) throw new Error(`${size} bytes came`);
  return size / seconds / 1e6;
}

async function main(): Promise<void> {
  const [port = 0] = freePorts(1);
  await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  await deploy(namespace, "web");
  await apply(service(namespace, "web"));
  const profile = `namespace = "${namespace}"\n[http]\nlisten = "127.0.0.1:${port}"\ntls = "terminate"\n[routes]\n"${host}" = "svc/web:http"\n`;
  const kt = await Kt.serve(port, profile);
  try {
    await kt.fetch(host, "/");
    await shake({ port, ca: "" }).catch(() => {});
    const root = `${kt.home.path}/home/.local/share/kt/ca/root.pem`;
    const place = { port, ca: await file(root).text() };
    for (let round = 0; round < rounds; round++) await measure(place, root);
  } finally {
    await kt.close();
    await kubectl("delete", "namespace", namespace, "--wait=false");
  }
}

async function measure(place: Place, root: string): Promise<void> {
  const [full, resumed] = [await handshakeMs(place, false), await handshakeMs(place, true)];
  const [plain, tls] = [await download("http", place, root), await download("https", place, root)];
  const [plainLoad, tlsLoad] = [
    await flawless("keepalive", place.port, host, requests, connections),
    await flawless("h2", place.port, host, requests, connections * streams),
  ];
  const [http1 = 0, h2 = 0] = [plainLoad.perSecond, tlsLoad.perSecond];
  console.log(
    `handshake p50 full ${full.toFixed(2)} ms, resumed ${resumed.toFixed(2)} ms; ` +
      `download plain ${plain.toFixed(0)} MB/s, TLS ${tls.toFixed(0)} MB/s: ${(tls / plain).toFixed(2)}; ` +
      `HTTP/1 ${http1.toFixed(0)}/s, HTTP/2 in TLS ${h2.toFixed(0)}/s: ${(h2 / http1).toFixed(2)}`,
  );
}

await main();
