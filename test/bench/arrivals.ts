/** How soon what is new in a namespace is reachable, how soon a cold service answers, and what it costs the API server. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { serve } from "bun";
import { deploy, kubectl, service } from "#test/support/cluster.ts";
import { Home, Kt, statusOf } from "#test/support/kt.ts";
import { listeningAt, plainServices } from "#test/support/plain-services.ts";
import { freePorts } from "#test/support/process.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { eventually } from "#test/support/wait.ts";
import { ProxiedApi } from "./proxied-api.ts";
import type { Figures } from "./rows.ts";

const prefix = "127.63.";

function profileOf(http: number, namespace: string): string {
  return `[http]\nlisten = ["127.0.0.1:${http}"]\n[addresses]\nbase = "${prefix}1.1"\n[[forward]]\nnamespaces = ["${namespace}"]\n`;
}

async function answers(address: string): Promise<boolean> {
  const response = await fetch(`http://${address}/`, { keepalive: false }).catch(() => undefined);
  await response?.arrayBuffer();
  return response?.status === 200;
}

/** From the API server's answer to the first byte from the service. */
async function newService(api: ProxiedApi, namespace: string): Promise<number> {
  const before = new Set(listeningAt(prefix));
  await api.send("POST", "services", service(namespace, "fresh", { selector: { app: "app" } }));
  const createdMs = performance.now();
  const address = await eventually("its address", () => listeningAt(prefix).find((each) => !before.has(each)), 10_000, 2);
  await eventually("an answer", () => answers(`${address}:80`), 10_000, 2);
  const tookMs = performance.now() - createdMs;
  await api.send("DELETE", "services/fresh");
  return tookMs;
}

interface RawPod {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}
const isReady = ({ status }: RawPod): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") === true;

/** From the watch's word that the only pod is ready to the first byte from it. */
async function newPod(api: ProxiedApi, namespace: string, address: string): Promise<number> {
  await kubectl("-n", namespace, "scale", "deployment/app", "--replicas=0");
  await kubectl("-n", namespace, "wait", "--for=delete", "pod", "-l", "app=app", "--timeout=60s");
  const ready = api.when<RawPod>("pods", "labelSelector=app%3Dapp", isReady).then(() => performance.now());
  await kubectl("-n", namespace, "scale", "deployment/app", "--replicas=1");
  const answered = eventually("an answer of the new pod", () => answers(address), 60_000, 2).then(() => performance.now());
  return Math.max(0, (await answered) - (await ready));
}

/** The namespace is made and removed. */
export async function measureArrivals(kubeconfig: string, base: string, rounds: number): Promise<Figures[]> {
  const namespace = `${base}-arrivals`;
  await kubectl("create", "namespace", namespace);
  await deploy(namespace, "app");
  const api = await ProxiedApi.start(kubeconfig, namespace);
  try {
    const figures: Figures[] = [];
    for (let round = 0; round < rounds; round++) figures.push(await arrivalsOnce(kubeconfig, namespace, api));
    return figures;
  } finally {
    api.close();
    await kubectl("delete", "namespace", namespace, "--wait=false");
  }
}

async function arrivalsOnce(kubeconfig: string, namespace: string, api: ProxiedApi): Promise<Figures> {
  const [http = 0] = freePorts(1);
  // In memory, as the one that systemd gives to users.
  await using runtime = await tempDir("/dev/shm");
  await using kt = await Kt.serve(http, profileOf(http, namespace), { KUBECONFIG: kubeconfig, XDG_RUNTIME_DIR: runtime.path });
  const address = await eventually("a listener", async () => await addressOf(kt, `app.${namespace}:80`));
  const startedMs = performance.now();
  await fetch(`http://${address}/`, { keepalive: false });
  const coldMs = performance.now() - startedMs;
  const names = await runWithNames(kt);
  return {
    "first byte from a cold service of a namespace": coldMs,
    "kt run -- true with the names of a namespace": names,
    "a new service until it answers": await newService(api, namespace),
    "a new pod until it answers, once it is ready": await newPod(api, namespace, address),
  };
}

async function addressOf(kt: Kt, name: string): Promise<string | undefined> {
  const { profiles } = (await statusOf(kt.home)) as { profiles: { routes: { name: string; url: string }[] }[] };
  return profiles[0]?.routes.find((route) => route.name === name)?.url;
}

/** The second: what the first one reads from the disk is in memory then. */
async function runWithNames(kt: Kt): Promise<number> {
  const run = async (): Promise<number> => {
    const startedMs = performance.now();
    const { exitCode, stderr } = await kt.home.run(["run", "-f", kt.profile, "--", "true"]);
    if (exitCode !== 0 || stderr !== "") throw new Error(`kt run: ${exitCode}: ${stderr}`);
    return performance.now() - startedMs;
  };
  await run();
  return await run();
}

/** What kt asks of a namespace with 1,000 services and a headless one until it listens, counted between it and the API server. */
export async function measureRequests(kubeconfig: string, base: string): Promise<Figures> {
  const namespace = `${base}-asked`;
  const remove = await plainServices({ [namespace]: 1_000 });
  await kubectl("-n", namespace, "create", "service", "clusterip", "headless", "--clusterip=None", "--tcp=8080");
  const [http = 0] = freePorts(1);
  const api = await ProxiedApi.start(kubeconfig, namespace);
  const asked: URL[] = [];
  const counter = serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: async (request) => {
      const url = new URL(request.url);
      asked.push(url);
      return await fetch(`${api.origin}${url.pathname}${url.search}`, { method: request.method });
    },
  });
  const directory = mkdtempSync(`${tmpdir()}/kt-bench-`);
  writeFileSync(`${directory}/config`, kubeconfigOf(counter.url.origin));
  const home = new Home({ KUBECONFIG: `${directory}/config` });
  try {
    home.start(["serve", "-f", home.write("tunnels.toml", profileOf(http, namespace))]);
    await eventually("1,001 listeners", () => listeningAt(prefix).length === 1_001, 60_000, 20);
    const ofNamespace = asked.filter(({ pathname }) => pathname.includes(`/namespaces/${namespace}/`));
    const watches = ofNamespace.filter(({ searchParams }) => searchParams.get("watch") === "1").length;
    return { "list requests for 1,000 services": ofNamespace.length - watches, "watches of 1,000 services": watches };
  } finally {
    await home.close();
    await counter.stop(true);
    api.close();
    rmSync(directory, { recursive: true });
    await remove();
  }
}

function kubeconfigOf(server: string): string {
  const parts = { clusters: [{ name: "kt", cluster: { server } }], users: [{ name: "kt", user: {} }] };
  const contexts = [{ name: "kt", context: { cluster: "kt", user: "kt" } }];
  return JSON.stringify({ apiVersion: "v1", kind: "Config", ...parts, contexts, "current-context": "kt" });
}
