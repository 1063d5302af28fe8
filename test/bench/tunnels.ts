/** Starts what is compared: kt, and kubectl port-forward in its two modes, each leading to the same service. */

import { type Subprocess, spawn } from "bun";
import { kubectl, namespace } from "#test/support/cluster.ts";
import { Home, listening } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { takesConnections } from "#test/support/raw-client.ts";
import { eventually } from "#test/support/wait.ts";

export const contestants = ["kt", "kubectl WebSocket", "kubectl SPDY"] as const;
export type Contestant = (typeof contestants)[number];

/** A running tunnel to the bench service. */
export interface Tunnel {
  readonly pid: number;
  /** Local port that leads to the app's HTTP port. */
  readonly http: number;
  /** Local port that leads to the app's echo port. */
  readonly echo: number;
  readonly host: string;
  close(): Promise<void>;
}

export const benchHost = "bench.localhost";

export function benchProfile(http: number, echo: number): string {
  return `context = "kt"
namespace = "${namespace}"
[http]
listen = ["127.0.0.1:${http}"]
[routes]
"${benchHost}" = "svc/bench:http"
[tcp]
${echo} = "svc/bench:echo"
`;
}

/** Spawns kubectl; it listens some time after that. */
export function spawnKubectl(mode: Contestant, kubeconfig: string, http: number, echo: number): Subprocess {
  const command = ["kubectl", "--kubeconfig", kubeconfig, "-n", namespace, "port-forward", "svc/bench", `${http}:80`, `${echo}:7000`];
  const webSockets = mode === "kubectl WebSocket" ? "true" : "false";
  return spawn(command, { stdout: "ignore", stderr: "ignore", env: { ...process.env, KUBECTL_PORT_FORWARD_WEBSOCKETS: webSockets } });
}

async function startKubectl(mode: Contestant, kubeconfig: string): Promise<Tunnel> {
  const [http = 0, echo = 0] = freePorts(2);
  const child = spawnKubectl(mode, kubeconfig, http, echo);
  for (const port of [http, echo]) await eventually(`${mode} to listen`, () => takesConnections(port));
  const close = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };
  return { pid: await realPid(child.pid), http, echo, host: benchHost, close };
}

/** Some kubectl binaries only start another one of the right version: the one that works is the last of the chain. */
async function realPid(pid: number): Promise<number> {
  const ran = spawn(["pgrep", "-P", String(pid)], { stdout: "pipe" });
  const [child] = (await ran.stdout.text()).trim().split("\n").filter(Boolean).map(Number);
  return child === undefined ? pid : await realPid(child);
}

async function startKt(kubeconfig: string): Promise<Tunnel> {
  const [http = 0, echo = 0] = freePorts(2);
  const home = new Home({ KUBECONFIG: kubeconfig });
  const started = home.start(["serve", "-f", home.write("tunnels.toml", benchProfile(http, echo))]);
  await listening(http, started);
  return { pid: started.pid, http, echo, host: benchHost, close: async () => await home.close() };
}

export async function startTunnel(contestant: Contestant, kubeconfig: string): Promise<Tunnel> {
  return contestant === "kt" ? await startKt(kubeconfig) : await startKubectl(contestant, kubeconfig);
}

/** The address of the API server and what runs behind it, for the report. */
export async function versions(): Promise<string> {
  const version: { clientVersion: { gitVersion: string }; serverVersion: { gitVersion: string } } = JSON.parse(
    await kubectl("version", "-o", "json"),
  );
  return `kubectl ${version.clientVersion.gitVersion}, Kubernetes ${version.serverVersion.gitVersion}`;
}
