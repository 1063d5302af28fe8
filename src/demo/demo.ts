/** The demo as the command line starts it: the embedded cluster, and a directory of its own with kubeconfig and profile. */

import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { write } from "bun";
import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import { listenTcp } from "#net/tcp.ts";
import { ApiServer } from "./api-server.ts";
import { openShop, secureHost, shopNamespace } from "./shop.ts";
import { type Attempt, type DemoAddresses, tryAll } from "./try-it.ts";

export interface Demo {
  /** Private and its own: for the hub's socket and lock, so that the user's hub is not touched. */
  readonly directory: string;
  /** The tunnels.toml to serve. */
  readonly profile: string;
  readonly kubeconfig: string;
  /** What to open or run, one line each. */
  readonly invitations: readonly Invitation[];
  /** One request of each kind through the front door, once the profile is served; each is reported as it ends. */
  tryAll(report: (attempt: Attempt) => void): Promise<boolean>;
  /** Stops the cluster and removes the directory. */
  close(): Promise<void>;
}

export interface Invitation {
  readonly what: string;
  /** A command to be pasted; needs no program but curl. */
  readonly how: string;
}

const wantedHttpPort = 8989;
const wantedEchoPort = 7000;
const suffix = "k8s.localhost";
const context = "demo";

/** Starts it all. Nothing outside the directory is written. */
export async function startDemo(): Promise<Demo> {
  // macOS has its temporary directory behind a link, and the hub wants the real path.
  const directory = await mkdtemp(`${await realpath(tmpdir())}/kt-demo-`);
  const api = new ApiServer();
  const shop = openShop(api.cluster);
  const ports = { http: freePort(wantedHttpPort), echo: freePort(wantedEchoPort) };
  const kubeconfig = `${directory}/kubeconfig`;
  const profile = `${directory}/tunnels.toml`;
  await write(kubeconfig, api.kubeconfig({ context, namespace: shopNamespace }));
  await write(profile, profileText(kubeconfig, ports));
  const addresses: DemoAddresses = { ports, suffix, context, namespace: shopNamespace, secureHost, certificate: shop.certificate.cert };
  return {
    directory,
    profile,
    kubeconfig,
    invitations: invitations(ports),
    tryAll: (report) => tryAll(addresses, (pod) => shop.web.replace(pod), report),
    async close() {
      api.close();
      shop.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

interface Ports {
  readonly http: number;
  readonly echo: number;
}

/** The wanted port when nothing has it, else any. It is let go again, for the hub to take. */
function freePort(wanted: number): number {
  const take = (port: number): number => {
    const listener = listenTcp({ host: "127.0.0.1", port, accept: (conn) => conn.abort() });
    listener.close();
    return listener.port;
  };
  try {
    return take(wanted);
  } catch (error) {
    if (error instanceof KtError && error.code === "port-taken") return take(0);
    throw error;
  }
}

function profileText(kubeconfig: string, ports: Ports): string {
  return `# The profile of kt demo. Change it while the demo runs: it is read again when you save it.
name = "demo"
kubeconfig = ${JSON.stringify(kubeconfig)}

[http]
listen = "127.0.0.1:${ports.http}"

[routes]
"shop.localhost" = "svc/web:http"
"api.localhost" = "svc/api:80"
"${secureHost}" = "svc/secure:https"       # TLS passes through: the certificate is the pod's
"broken.localhost" = "svc/broken:http"     # its pod crashes again and again
"asleep.localhost" = "svc/asleep:http"     # scaled to zero

[[patterns]]
host = "{service}.{namespace}.demo.localhost"
target = "{namespace}/svc/{service}:80"

[tcp]
"127.0.0.1:${ports.echo}" = "svc/echo:7000"
`;
}

function invitations({ http, echo }: Ports): Invitation[] {
  const url = (host: string, path = "/"): string => `http://${host}:${http}${path}`;
  return [
    { what: "all of it at a glance", how: "kt status" },
    { what: "a page, also for a browser", how: command`curl ${url("shop.localhost")}` },
    { what: "JSON", how: command`curl ${url("api.localhost")}` },
    { what: "server-sent events", how: command`curl -N ${url("api.localhost", "/events?n=3")}` },
    { what: "a WebSocket", how: `${command`curl -isNm 1 ${webSocketHeaders} ${url("api.localhost", "/ws")}`} | head -n 1` },
    { what: "TLS with the pod's certificate", how: command`curl -k ${`https://${secureHost}:${http}/`}` },
    { what: "a TCP echo", how: command`echo hello | curl -sm 1 ${`telnet://127.0.0.1:${echo}`} | head -n 2` },
    { what: "a pattern of the profile", how: command`curl ${url(`web.${shopNamespace}.demo.localhost`)}` },
    { what: "a service by its dynamic name", how: command`curl ${url(`web-80.svc.${shopNamespace}.ns.${context}.cx.${suffix}`)}` },
    { what: "a service that crashes", how: command`curl ${url("broken.localhost")}` },
    { what: "a service scaled to zero", how: command`curl ${url("asleep.localhost")}` },
    { what: "a name that is not known", how: command`curl ${url("nowhere.localhost")}` },
  ];
}

/** RFC 6455 §4.1; the key is the one of its examples. */
const webSocketHeaders = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
].flatMap((header) => ["-H", header]);
