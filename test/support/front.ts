/** The profile that the protocol tests share: each kind of service through a static route, a pattern and a dynamic name. */

import { namespace, otherNamespace, writeKubeconfig } from "./cluster.ts";
import { Kt } from "./kt.ts";
import { freePorts } from "./process.ts";

/** Three ways to the same service port. */
export interface ThreeNames {
  readonly static: string;
  readonly pattern: string;
  readonly dynamic: string;
}

function dynamic(service: string, port: number | string, ns = namespace, context = "kt"): string {
  return `${service}-${port}.svc.${ns}.ns.${context}.cx.k8s.localhost`;
}

export const names = {
  http: { static: "web.localhost", pattern: `web.${namespace}.shop.localhost`, dynamic: dynamic("web", 80) },
  tls: { static: "tls.localhost", pattern: "web.tls.localhost", dynamic: dynamic("web", 443) },
  grpc: { static: "grpc.localhost", pattern: "web.grpc.localhost", dynamic: dynamic("web", 9090) },
} as const satisfies Record<string, ThreeNames>;

/** Each name with the way it is found, for `test.each`. */
export function eachName(of: ThreeNames): [string, string][] {
  return Object.entries(of);
}

/** Local ports of the TCP routes. */
export interface TcpPorts {
  readonly echo: number;
  readonly sum: number;
  readonly push: number;
  readonly reset: number;
  readonly greet: number;
  readonly refused: number;
  /** The HTTP service, as plain TCP. */
  readonly web: number;
}

export interface Front extends TcpPorts {
  readonly kt: Kt;
  /** The front door's port. */
  readonly http: number;
}

function profileText(http: number, tcp: TcpPorts): string {
  return `
name = "e2e"
context = "kt"
namespace = "${namespace}"

[http]
listen = ["127.0.0.1:${http}", "[::1]:${http}"]

[routes]
"web.localhost" = "svc/web:http"
"number.localhost" = "svc/web:8081"
"headless.localhost" = "svc/web-headless:http"
"api.localhost" = "${namespace}/svc/api:80"
"single.localhost" = "pod/single:8080"
"single-named.localhost" = "pod/single:http"
"tls.localhost" = "svc/web:tls"
"grpc.localhost" = "svc/web:grpc"
"refused.localhost" = "svc/web:refused"
"unready.localhost" = "svc/unready:http"
"crash.localhost" = "svc/crash:http"
"unpullable.localhost" = "svc/unpullable:http"
"zero.localhost" = "svc/zero:http"
"external.localhost" = "svc/external:80"
"none.localhost" = "svc/none:80"
"noport.localhost" = "svc/web:nosuch"

[routes."other.localhost"]
target = "${otherNamespace}/svc/web:http"
context = "second"

[routes."https.localhost"]
target = "svc/web:tls"
scheme = "https"

[routes."terminated.localhost"]
target = "svc/web:grpc"
tls = "terminate"

[[patterns]]
host = "{service}.{namespace}.shop.localhost"
target = "{namespace}/svc/{service}:80"

[[patterns]]
host = "{service}.tls.localhost"
target = "${namespace}/svc/{service}:443"

[[patterns]]
host = "{service}.grpc.localhost"
target = "${namespace}/svc/{service}:9090"

[tcp]
${tcp.echo} = "svc/web:echo"
${tcp.sum} = "svc/web:7002"
${tcp.push} = "svc/web:push"
${tcp.reset} = "svc/web:reset"
${tcp.greet} = "svc/web:greet"
${tcp.refused} = "svc/web:refused"
${tcp.web} = "svc/web:http"
`;
}

/** Two contexts of the test cluster, in its two namespaces. */
export async function twoContexts(): Promise<string> {
  return await writeKubeconfig({ kt: { namespace }, second: { namespace: otherNamespace } });
}

/** Starts kt with the shared profile. */
export async function startFront(): Promise<Front> {
  const [http = 0, echo = 0, sum = 0, push = 0, reset = 0, greet = 0, refused = 0, web = 0] = freePorts(8);
  const tcp = { echo, sum, push, reset, greet, refused, web };
  const kt = await Kt.serve(http, profileText(http, tcp), { KUBECONFIG: await twoContexts() });
  return { kt, http, ...tcp };
}
