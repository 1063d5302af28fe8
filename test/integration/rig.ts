/** A real hub in front of the embedded API server: pods that tests start and end, and clients that ask by name. */

import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { Clock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import type { RouteStatus } from "#control/api.ts";
import { Hub } from "#daemon/hub.ts";
import { examinePlan, recordsOf } from "#daemon/plans/consent.ts";
import { realProviders } from "#daemon/providers.ts";
import { ApiServer, type ApiServerOptions } from "#demo/api-server.ts";
import type { LoadOptions } from "#profile/load.ts";
import { freePorts } from "#test/support/process.ts";
import { startTestPod, type TestPod } from "./test-pod.ts";

export const namespace = "shop";

/** The TCP services of a test pod, by the name of the service port. */
export const tcpPorts = { echo: 7000, ending: 7003, resetting: 7004, late: 7006, refused: 7999 } as const;
export type TcpName = keyof typeof tcpPorts;

export interface RigOptions {
  readonly api?: ApiServerOptions;
  readonly clock?: Clock;
  /** Lines of the profile that come first, e.g. `idle_timeout = "5s"`. */
  readonly settings?: string;
  /** Makes the kubeconfig; default the API server's own. */
  readonly kubeconfig?: (api: ApiServer, directory: string) => Promise<string>;
}

export class Rig {
  readonly api: ApiServer;
  readonly directory: string;
  readonly #hub: Hub;
  /** The front door's. */
  readonly httpPort: number;
  readonly #tcp: ReadonlyMap<TcpName, number>;
  readonly #pods = new Map<string, TestPod>();

  private constructor(api: ApiServer, directory: string, hub: Hub, port: number, tcp: ReadonlyMap<TcpName, number>) {
    this.api = api;
    this.directory = directory;
    this.#hub = hub;
    this.httpPort = port;
    this.#tcp = tcp;
  }

  /** A hub that serves `web.localhost` and the TCP ports, before a service "web" without pods. */
  static async start(options: RigOptions = {}): Promise<Rig> {
    const directory = await mkdtemp(`${await realpath(tmpdir())}/kt-rig-`);
    // Shorter than containerd's second, as long as everything else here is.
    const api = new ApiServer({ graceMs: 50, ...options.api });
    const targets = Object.entries(tcpPorts).map(([name, port]) => ({ name, port, targetPort: port }));
    const ports = [{ name: "http", port: 80, targetPort: "http" }, ...targets];
    api.cluster.setService({ namespace, name: "web", selector: { app: "web" }, ports });
    const kubeconfig = (await options.kubeconfig?.(api, directory)) ?? api.kubeconfig({ namespace });
    await writeFile(`${directory}/kubeconfig`, kubeconfig);
    const names = Object.keys(tcpPorts) as TcpName[];
    const [port = 0, ...locals] = freePorts(1 + names.length);
    const tcp = new Map(names.map((name, index) => [name, locals[index] ?? 0]));
    await writeFile(`${directory}/tunnels.toml`, profile(`${directory}/kubeconfig`, port, tcp, options.settings ?? ""));
    const { clock } = options;
    const providers = realProviders();
    const base = { directory, version: "test", commit: "test", log: silentLog, lingers: false, providers };
    const hub = await Hub.start(clock ? { ...base, clock } : base);
    if (!hub) throw new Error("another hub is running in a directory of our own");
    const environment = { PATH: process.env["PATH"] ?? "", HOME: directory };
    await allowProfile({ file: `${directory}/tunnels.toml`, environment, home: directory });
    await hub.pin({ file: `${directory}/tunnels.toml`, environment });
    return new Rig(api, directory, hub, port, tcp);
  }

  /** Starts a pod behind the service. */
  startPod(name: string, options: { readonly ready?: boolean } = {}): TestPod {
    const pod = startTestPod(name);
    this.#pods.set(name, pod);
    this.api.cluster.setPod({
      namespace,
      name,
      labels: { app: "web" },
      containerPorts: [{ name: "http", containerPort: 8080 }],
      backends: pod.backends,
      ready: options.ready ?? true,
    });
    return pod;
  }

  /** Ends a pod at once, with all its connections, as when its node dies or it is deleted with no grace. */
  endPod(name: string): void {
    this.api.cluster.deletePod(namespace, name);
    this.#pods.get(name)?.close();
    this.#pods.delete(name);
  }

  setReady(name: string, ready: boolean): void {
    this.api.cluster.setReady(namespace, name, ready);
  }

  /** One request through the front door. */
  fetch(path = "/", init: RequestInit = {}): Promise<Response> {
    const headers = { Host: "web.localhost", Accept: "text/plain", ...(init.headers as Record<string, string> | undefined) };
    return fetch(`http://127.0.0.1:${this.httpPort}${path}`, { ...init, headers });
  }

  /** Status and text of one request; the text of "/" is the pod's name. */
  async ask(path = "/"): Promise<{ readonly status: number; readonly text: string }> {
    const response = await this.fetch(path);
    return { status: response.status, text: await response.text() };
  }

  /** The local port of a TCP route. */
  tcpPort(name: TcpName): number {
    return this.#tcp.get(name) ?? 0;
  }

  /** The route as `kt status` shows it. */
  route(): RouteStatus {
    const route = this.#hub.snapshot().profiles[0]?.routes.find(({ name }) => name === "web.localhost");
    if (!route) throw new Error("the hub does not know the route");
    return route;
  }

  async close(): Promise<void> {
    await this.#hub.stop(0);
    this.api.close();
    for (const pod of this.#pods.values()) pod.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A kubeconfig with a plugin of its own needs consent. */
async function allowProfile(options: LoadOptions): Promise<void> {
  const { profile, facts } = await examinePlan(options);
  await recordsOf(options).allow(profile, facts);
}

function profile(kubeconfig: string, port: number, tcp: ReadonlyMap<TcpName, number>, settings: string): string {
  const routes = [...tcp].map(([name, local]) => `"127.0.0.1:${local}" = "svc/web:${name}"`);
  return `kubeconfig = "${kubeconfig}"
${settings}
[http]
listen = "127.0.0.1:${port}"
[routes]
"web.localhost" = "svc/web:http"
[tcp]
${routes.join("\n")}
`;
}
