/** Measures round trips by UDP over the relay on the cluster of the end-to-end tests: `bun test/bench/udp.ts`, with dist/kt built. */

import { sleep } from "bun";

const clusterDir = process.env["KT_CLUSTER_DIR"] ?? `${process.env["XDG_CACHE_HOME"] ?? `${process.env["HOME"]}/.cache`}/kt-cluster`;

/** Rooms read these when they are loaded, so they are set before. */
Object.assign(process.env, {
  KT_E2E_NAMESPACE: `kt-bench-udp-${process.pid}`,
  KT_E2E_KUBECONFIG: `${clusterDir}/admin.kubeconfig`,
  KT_CLUSTER_DIR: clusterDir,
});
const { apply, deploy, kubectl, namespace } = await import("#test/support/cluster.ts");
const { Home } = await import("#test/support/kt.ts");
const { freePorts } = await import("#test/support/process.ts");
const { importRelayImage } = await import("#test/support/relay-image.ts");
const { connectUdp } = await import("#net/udp.ts");

const payload = new Uint8Array(64);
const warmUpMs = 1000;
const measuredMs = 5000;
/** As long as resolvers wait before they ask again. */
const lostMs = 1000;

/** Asks again and again until told to stop; each round trip in milliseconds. */
async function client(port: number, times: number[], isOver: () => boolean): Promise<number> {
  const flow = await connectUdp({ host: "127.0.0.1", port });
  let answered = (_: boolean): void => {};
  let lost = 0;
  flow.start({ onDatagram: () => answered(true), onUnreachable() {}, onClose() {} });
  while (!isOver()) {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    answered = resolve;
    const timer = setTimeout(() => resolve(false), lostMs);
    const startedMs = performance.now();
    flow.send(payload);
    if (await promise) times.push(performance.now() - startedMs);
    else lost += 1;
    clearTimeout(timer);
  }
  flow.close();
  return lost;
}

async function measure(port: number, clients: number): Promise<string> {
  const times: number[] = [];
  let isOver = false;
  const all = Promise.all(Array.from({ length: clients }, () => client(port, times, () => isOver)));
  await sleep(warmUpMs);
  times.length = 0;
  const startedMs = performance.now();
  await sleep(measuredMs);
  const perSecond = (times.length * 1000) / (performance.now() - startedMs);
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number): string => (sorted[Math.floor(sorted.length * part)] ?? 0).toFixed(2);
  isOver = true;
  const lost = (await all).reduce((sum, each) => sum + each, 0);
  return `${clients} clients: ${perSecond.toFixed(0)} round trips/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${lost} lost`;
}

async function main(): Promise<void> {
  const [image, home] = [await importRelayImage(), new Home()];
  try {
    await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
    await deploy(namespace, "echo");
    const spec = { selector: { app: "echo" }, ports: [{ name: "udp", port: 53, targetPort: 7001, protocol: "UDP" }] };
    await apply({ apiVersion: "v1", kind: "Service", metadata: { namespace, name: "echo" }, spec });
    const [http = 0, udp = 0] = freePorts(2);
    const head = `namespace = "${namespace}"\n[relay]\nimage = "${image.name}"\n[http]\nlisten = "127.0.0.1:${http}"\n`;
    home.write("tunnels.toml", `${head}[udp]\n"127.0.0.1:${udp}" = "svc/echo:53"\n`);
    for (const args of [["allow"], ["up", "-d"]]) await home.run(args);
    console.log(await measure(udp, 1));
    for (const clients of [1, 100, 1, 100, 1, 100]) console.log(await measure(udp, clients));
  } finally {
    await home.close();
    await kubectl("delete", "namespace", namespace, "--wait=false");
    await image.remove();
  }
}

await main();
