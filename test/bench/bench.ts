/** Measures kt beside kubectl port-forward on a real cluster and writes RESULTS.md; --soak and --churn keep it busy, --relay measures its relay, --inside kt in a pod, --edge an edge beside Envoy, --transports its two tunnels. */

import { mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { $, file, write } from "bun";

const { values } = parseArgs({
  options: {
    soak: { type: "string" },
    churn: { type: "string" },
    relay: { type: "boolean", default: false },
    inside: { type: "boolean", default: false },
    edge: { type: "boolean", default: false },
    transports: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    keep: { type: "boolean", default: false },
  },
});
const root = new URL("../..", import.meta.url).pathname;
const clusterDir = process.env["KT_CLUSTER_DIR"] ?? `${process.env["XDG_CACHE_HOME"] ?? `${process.env["HOME"]}/.cache`}/kt-cluster`;

/** Rooms read these when they are loaded, so they are set before. */
Object.assign(process.env, {
  KT_E2E_NAMESPACE: `kt-bench-${process.pid}`,
  KT_E2E_KUBECONFIG: `${clusterDir}/admin.kubeconfig`,
  KT_CLUSTER_DIR: clusterDir,
});
const { apply, deploy, kubectl, namespace, service, writeKubeconfig } = await import("#test/support/cluster.ts");
const { eventually } = await import("#test/support/wait.ts");
const { contestants, startTunnel, versions } = await import("./tunnels.ts");
const { measureJump, prepareJump } = await import("./jump.ts");
const { machine } = await import("./measure.ts");
const rows = await import("./rows.ts");
const { measureBursts, measureCold, measureFirstUse, measureMemory } = rows;
const { measureStall, measureStart, measureStatus, measureTunnel, measureWatching } = rows;
const { measureArrivals, measureRequests } = await import("./arrivals.ts");
const { measureFullRings } = await import("./full-rings.ts");
const { measureNamespaces } = await import("./namespaces.ts");
const { Results, table } = await import("./report.ts");
const { measureProxy } = await import("./proxies.ts");
const { measureEdge } = await import("./edge.ts");
const { measureInside } = await import("./inside.ts");
const { measureTransports } = await import("./transports.ts");
const { measureRelay } = await import("./relay.ts");
const { soak } = await import("./soak.ts");
const { churn } = await import("./churn.ts");

async function build(): Promise<void> {
  mkdirSync(`${root}/dist`, { recursive: true });
  await $`${process.execPath} scripts/build.ts`.cwd(root);
  await $`go -C test/bench/load build -o ${root}/dist/bench-load .`
    .cwd(root)
    .env({ ...process.env, CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false" });
}

async function prepare(): Promise<boolean> {
  await build();
  await $`go -C test/e2e/client build -o ${root}/dist/e2e-client .`
    .cwd(root)
    .env({ ...process.env, CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false" });
  const ran = (await $`kubectl --kubeconfig ${clusterDir}/admin.kubeconfig get --raw /readyz`.quiet().nothrow()).exitCode === 0;
  await $`test/cluster/up`.cwd(root);
  await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  await deploy(namespace, "bench");
  await prepareJump();
  return ran;
}

/** So many services in front of the same pod, with their slices. */
async function manyServices(count: number): Promise<void> {
  const objects = Array.from({ length: count }, (_, at) => service(namespace, `many-${at}`, { selector: { app: "bench" } }));
  for (let at = 0; at < count; at += 100) await apply(...objects.slice(at, at + 100));
  const slices = async (): Promise<string> => await kubectl("-n", namespace, "get", "endpointslices", "-o", "name");
  await eventually("every service to have its slice", async () => (await slices()).split("\n").length > count, 120_000, 500);
}

async function measureAll(kubeconfig: string): Promise<string> {
  const results = new Results();
  const rounds = Number(values.rounds);
  for (let round = 1; round <= rounds; round++) {
    for (const contestant of contestants) {
      console.log(`round ${round} of ${rounds}: ${contestant}`);
      const tunnel = await startTunnel(contestant, kubeconfig);
      try {
        results.add(contestant, await measureTunnel(tunnel));
      } finally {
        await tunnel.close();
      }
      results.add(contestant, await measureCold(contestant, kubeconfig));
      results.add(contestant, await measureBursts(contestant, kubeconfig));
      results.add(contestant, await measureJump(contestant, kubeconfig));
      results.add(contestant, await measureMemory(contestant, kubeconfig));
      if (contestant === "kt" || round === 1) results.add(contestant, await measureStall(contestant, kubeconfig));
      if (contestant === "kt") for (let times = 0; times < 3; times++) results.add("kt", await measureStart(kubeconfig));
    }
  }
  console.log("a proxy");
  for (let round = 1; round <= rounds; round++) results.add("kt", await measureProxy(kubeconfig));
  console.log("the status of many routes");
  for (let round = 1; round <= rounds; round++) results.add("kt", await measureStatus(kubeconfig, namespace));
  console.log("as much as is ever kept");
  results.add("kt", await measureFullRings(kubeconfig, namespace));
  // Before there are thousands: the controller of their slices is then minutes behind.
  console.log("services and pods that are new");
  for (const figures of await measureArrivals(kubeconfig, namespace, rounds)) results.add("kt", figures);
  console.log("500 and 1,000 services");
  await manyServices(500);
  results.add("kt", await measureWatching(kubeconfig, namespace));
  await manyServices(1_000);
  for (let round = 1; round <= rounds; round++) results.add("kt", await measureFirstUse(kubeconfig, namespace));
  for (const figures of await measureNamespaces(kubeconfig, namespace, rounds)) results.add("kt", figures);
  results.add("kt", await measureRequests(kubeconfig, namespace));
  return table(results);
}

/** Its own chapter of RESULTS.md: what begins with these characters, up to the next one. The others stay. */
async function writeChapter(begins: "# " | "## An edge" | "## The transports", text: string): Promise<void> {
  const path = `${root}/test/bench/RESULTS.md`;
  const chapters = (await file(path).text()).split(/^(?=##? )/m).filter((chapter) => !chapter.startsWith(begins));
  await write(
    path,
    `${[...chapters, text]
      .sort()
      .map((chapter) => chapter.trim())
      .join("\n\n")}\n`,
  );
}

async function benchEdge(): Promise<boolean> {
  await build();
  const figures = await measureEdge(Number(values.rounds));
  const made = `Median of ${values.rounds} rounds, in turns (lowest–highest), by \`bun run bench --edge\` on: ${await machine()}.`;
  const text = `## An edge beside Envoy\n\n${made} No tunnel is under either; the ratio is kt's figure to Envoy's.\n\n${figures}`;
  console.log(`\n${text}`);
  await writeChapter("## An edge", text);
  return true;
}

async function main(): Promise<boolean> {
  if (values.edge) return await benchEdge();
  const ranBefore = await prepare();
  let kubeconfig: string | undefined;
  try {
    kubeconfig = await writeKubeconfig({ kt: { namespace } });
    if (values.soak !== undefined) return await soak(Number(values.soak), kubeconfig);
    if (values.churn !== undefined) return await churn(Number(values.churn), kubeconfig);
    if (values.relay) {
      console.log(await measureRelay(kubeconfig, Number(values.rounds)));
      return true;
    }
    if (values.transports) {
      const figures = await measureTransports(Number(values.rounds));
      const made = `Median of ${values.rounds} rounds, in turns (lowest–highest), by \`bun run bench --transports\` on: ${await machine()}.`;
      const about =
        "From the internet by a VPS in namespaces and its tunnel to a pod, all on this machine; the ratio is that of tls to wireguard.";
      await writeChapter("## The transports", `## The transports of a public edge\n\n${made} ${about}\n\n${figures}`);
      return true;
    }
    if (values.inside) {
      console.log(await measureInside(Number(values.rounds)));
      return true;
    }
    const where = `${await machine()}; Bun ${process.versions["bun"]}, ${await versions()}`;
    const text = `# Benchmark results\n\nMedian of ${values.rounds} rounds in one run, in turns (lowest–highest); the ratio is kt's figure to the better of kubectl's two modes (port-forward; through a jump host, exec for each connection).\nMade by \`bun run bench\` on: ${where}.\n\n${await measureAll(kubeconfig)}\n`;
    console.log(`\n${text}`);
    await writeChapter("# ", text);
    return true;
  } finally {
    if (kubeconfig !== undefined) rmSync(dirname(kubeconfig), { recursive: true });
    await kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found");
    if (!ranBefore && !values.keep) await $`test/cluster/down`.cwd(root);
  }
}

process.exit((await main()) ? 0 : 1);
