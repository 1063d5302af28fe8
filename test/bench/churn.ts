/** Changes services and pods of a namespace each second for minutes, and says each minute whether kt has what the cluster has. */

import { readFileSync } from "node:fs";
import { connect, type Socket, sleep } from "bun";
import { apply, deploy, deployment, kubectl, namespace, pod, rolledOut, service } from "#test/support/cluster.ts";
import { Kt, statusOf } from "#test/support/kt.ts";
import { listeningAt } from "#test/support/plain-services.ts";
import { descriptorCount, freePorts, residentBytes } from "#test/support/process.ts";
import { eventually, within } from "#test/support/wait.ts";
import { cpuSeconds } from "./measure.ts";
import { ProxiedApi } from "./proxied-api.ts";

const mb = 1024 * 1024;
const prefix = "127.62.";
/** Services and pods of the churn that are there at the same time. */
const livingServices = 20;
const livingPods = 2;
/** A pod takes a second of the kubelet: one comes and one goes this often, and in between one becomes unready or ready. */
const podSeconds = 5;
/** After so many minutes memory is what it will be: until then caches and the heap grow. */
const warmMinutes = 5;
const spanMinutes = 5;
const growthBytes = 16 * mb;
/** Connections to the API server and to pods come and go. */
const growthDescriptors = 10;
/** The cluster tells of a change within this time, and kt follows. */
const settleMs = 5_000;
/** An answer takes some milliseconds, on a busy machine more. */
const askMs = 10_000;

interface Route {
  readonly name: string;
  readonly url: string;
}

interface Rig {
  readonly kt: Kt;
  readonly api: ProxiedApi;
  /** Path of what a running command resolves by. */
  readonly hosts: string;
}

/** What comes, changes and goes: fresh names every time, as of preview environments. */
class Churn {
  readonly #api: ProxiedApi;
  #tick = 0;

  constructor(api: ProxiedApi) {
    this.#api = api;
  }

  async second(): Promise<void> {
    const tick = this.#tick++;
    const ports = (count: number): object => ({
      ports: Array.from({ length: count }, (_, at) => ({ name: `p${at}`, port: 7000 + at, targetPort: 7000 })),
    });
    const api = this.#api;
    await api.send("POST", "services", service(namespace, `comes-${tick}`, { selector: { app: "bench" }, ...ports(1 + (tick % 3)) }));
    if (tick > 0) await api.send("PATCH", `services/comes-${tick - 1}`, { spec: ports(1 + (tick % 2)) });
    if (tick >= livingServices) await api.send("DELETE", `services/comes-${tick - livingServices}`);
    if (tick % podSeconds === 0) await this.#pods(tick / podSeconds);
    else await api.send("PATCH", "pods/stays", { metadata: { labels: { app: tick % 2 === 0 ? "set" : "away" } } });
  }

  async #pods(round: number): Promise<void> {
    const object = pod(namespace, `pod-${round}`) as { metadata: object; spec: object };
    const spec = { ...object.spec, hostname: `pod-${round}`, subdomain: "set" };
    await this.#api.send("POST", "pods", { ...object, metadata: { ...object.metadata, labels: { app: "set" } }, spec });
    if (round >= livingPods) await this.#api.send("DELETE", `pods/pod-${round - livingPods}`);
  }
}

/** A connection that is used every second, and must never break: its pod stays. Once it has, the next to ask fails, and another is opened. */
class Echo {
  readonly #address: readonly string[];
  #socket: Socket | undefined;
  #wasClosed = false;
  #heard = Promise.withResolvers<void>();

  constructor(address: string) {
    this.#address = address.split(":");
  }

  async ask(): Promise<void> {
    if (this.#wasClosed) {
      this.#wasClosed = false;
      throw new Error("the open connection was closed");
    }
    this.#socket ??= await this.#open();
    this.#heard = Promise.withResolvers();
    this.#socket.write("x");
    await within(askMs, "an echo", this.#heard.promise);
  }

  end(): void {
    this.#socket?.end();
  }

  async #open(): Promise<Socket> {
    const [hostname = "", port = ""] = this.#address;
    const close = (): void => {
      this.#socket = undefined;
      this.#wasClosed = true;
    };
    return await connect({ hostname, port: Number(port), socket: { data: () => this.#heard.resolve(), close } });
  }
}

async function routesOf(kt: Kt): Promise<readonly Route[]> {
  const { profiles } = (await statusOf(kt.home)) as { profiles: { routes: (Route & { kind: string })[] }[] };
  return (profiles[0]?.routes ?? []).filter(({ kind }) => kind === "forward");
}

const serviceIn = ({ name }: Route): string =>
  name
    .slice(0, name.indexOf(`.${namespace}`))
    .split(".")
    .at(-1) ?? "";
const addressIn = ({ url }: Route): string => url.slice(0, url.lastIndexOf(":"));

/** What kt has and the cluster has not, or the other way; read while nothing changes. */
async function stale({ kt, api, hosts }: Rig): Promise<readonly string[]> {
  const wanted = new Set(await api.names("services"));
  const routes = await routesOf(kt);
  const shown = new Set(routes.map(serviceIn));
  const addresses = new Set(routes.map(addressIn));
  const listening = new Set(listeningAt(prefix));
  const named = new Set([...readFileSync(hosts, "utf8").matchAll(/^127\.62\.\S+ ([^.\s]+) /gm)].map(([, name = ""]) => name));
  const differences = [wanted.symmetricDifference(shown), addresses.symmetricDifference(listening), wanted.symmetricDifference(named)];
  return differences.flatMap((each) => [...each]);
}

/** The hosts file of a command that runs from the first minute to the last. */
async function hostsOfCommand(kt: Kt): Promise<string> {
  kt.home.start(["run", "-f", kt.profile, "--", "sleep", "infinity"]);
  const pid = await eventually("the command", () =>
    kt.home.pids().find((each) => readFileSync(`/proc/${each}/comm`, "utf8") === "sleep\n"),
  );
  return `/proc/${pid}/root/etc/hosts`;
}

async function prepare(): Promise<void> {
  await apply(deployment(namespace, "bench", { replicas: 2 }), service(namespace, "bench"));
  await apply(...Array.from({ length: 10 }, (_, at) => service(namespace, `steady-${at}`, { selector: { app: "bench" } })));
  await apply(service(namespace, "set", { clusterIP: "None" }), pod(namespace, "stays"));
  await deploy(namespace, "bench");
  await rolledOut(namespace, "bench");
}

async function start(kubeconfig: string): Promise<Kt> {
  const [port = 0] = freePorts(1);
  const addresses = `[addresses]\nbase = "${prefix}1.1"\n`;
  return await Kt.serve(
    port,
    `context = "kt"\n[http]\nlisten = ["127.0.0.1:${port}"]\n${addresses}[[forward]]\nnamespaces = ["${namespace}"]\n`,
    {
      KUBECONFIG: kubeconfig,
    },
  );
}

/** One minute of it; resolves to what failed. */
async function minuteOf(churn: Churn, address: string, ask: () => Promise<void>): Promise<readonly string[]> {
  const failures: string[] = [];
  const attempt = async (what: Promise<unknown>): Promise<void> => void (await what.catch((error: Error) => failures.push(error.message)));
  for (let second = 0; second < 60; second++) {
    const next = sleep(1_000);
    const request = fetch(`http://${address}/`, { keepalive: false, signal: AbortSignal.timeout(askMs) }).then(async (response) => {
      if (response.status !== 200) throw new Error(`status ${response.status}`);
      await response.text();
    });
    await Promise.all([attempt(churn.second()), attempt(request), attempt(ask())]);
    await next;
  }
  return failures;
}

/** What must stay where it is. */
async function steadyIn(kt: Kt): Promise<string> {
  const routes = (await routesOf(kt)).filter(({ name }) => /^(steady-|bench|set\.)/.test(name));
  const lines = routes.map(({ name, url }) => `${name} ${url}`);
  return lines.sort().join("\n");
}

const addressOf = (steady: string, name: string): string => new RegExp(`^${name} (.*)$`, "m").exec(steady)?.[1] ?? "";

/** Of one minute. */
interface Look {
  readonly problems: readonly string[];
  readonly bytes: number;
  /** Other than listeners. */
  readonly descriptors: number;
}

async function lookAfter(minute: number, rig: Rig, failures: readonly string[], before: string): Promise<Look> {
  const { pid } = rig.kt;
  const isCurrent = eventually("kt to have what the cluster has", async () => (await stale(rig)).length === 0, settleMs, 100);
  const left = await isCurrent.then(
    () => [],
    async () => await stale(rig),
  );
  const moved = (await steadyIn(rig.kt)) === before ? [] : ["an address has moved"];
  const listeners = (await routesOf(rig.kt)).length;
  const [bytes, descriptors] = [residentBytes(pid), descriptorCount(pid) - listeners];
  const cost = `${(bytes / mb).toFixed(1)} MB, ${listeners} listeners, ${descriptors} other descriptors, ${cpuSeconds(pid)} s of CPU so far`;
  console.log(`minute ${minute}: ${failures.length} failed, ${left.length} stale, ${moved.length} moved; ${cost}`);
  return { problems: [...failures, ...left, ...moved], bytes, descriptors };
}

/** Returns whether all was well: nothing failed, nothing was stale, no address moved, and nothing grew. */
export async function churn(minutes: number, kubeconfig: string): Promise<boolean> {
  await prepare();
  const [kt, api] = [await start(kubeconfig), await ProxiedApi.start(kubeconfig, namespace)];
  try {
    const rig = { kt, api, hosts: await hostsOfCommand(kt) };
    await eventually("every service to be listened for", async () => (await stale(rig)).length === 0, 30_000, 200);
    const before = await steadyIn(kt);
    const echo = new Echo(addressOf(before, `bench.${namespace}:7000`));
    const work = new Churn(api);
    const looks: Look[] = [];
    for (let minute = 1; minute <= minutes; minute++) {
      const failures = await minuteOf(work, addressOf(before, `steady-0.${namespace}:80`), () => echo.ask());
      const look = await lookAfter(minute, rig, failures, before);
      looks.push(look);
      for (const problem of new Set(look.problems.slice(0, 5))) console.log(`  ${problem}`);
    }
    echo.end();
    return judge(looks);
  } finally {
    await kt.close();
    api.close();
    await kubectl("-n", namespace, "delete", "pods", "--all", "--wait=false");
  }
}

/** By the least of several minutes: how much of a heap waits for its collection at one moment is chance. */
function judge(looks: readonly Look[]): boolean {
  const wellAt = Math.min(warmMinutes, Math.floor(looks.length / 2));
  const [early, late] = [looks.slice(wellAt, wellAt + spanMinutes), looks.slice(-spanMinutes)];
  const grownBy = (of: (look: Look) => number): number => Math.min(...late.map(of)) - Math.min(...early.map(of));
  const [bytes, descriptors] = [grownBy((look) => look.bytes), grownBy((look) => look.descriptors)];
  console.log(`from its first minutes to its last: ${(bytes / mb).toFixed(1)} MB and ${descriptors} descriptors more`);
  return looks.every(({ problems }) => problems.length === 0) && bytes <= growthBytes && descriptors <= growthDescriptors;
}
