/** What the cluster says about a port, a Service's appProtocol → how a backend is spoken to whose profile is silent. Pure. */

import type { Found } from "./lookup.ts";
import type { BackendProtocol, BackendScheme } from "./target.ts";

/** IANA's names and those of Kubernetes (KEP-3726). What is not here says nothing to us. */
const schemes: Readonly<Record<string, BackendScheme>> = {
  http: "http",
  https: "https",
  ws: "http",
  wss: "https",
  "kubernetes.io/ws": "http",
  "kubernetes.io/wss": "https",
  h2c: "http",
  "kubernetes.io/h2c": "http",
  grpc: "http",
  grpcs: "https",
};

/** In any case; undefined where it does not say. */
export function schemeOfAppProtocol(text: string | undefined): BackendScheme | undefined {
  const lower = text?.toLowerCase() ?? "";
  return Object.hasOwn(schemes, lower) ? schemes[lower] : undefined;
}

/** What is served by HTTP/2 without TLS. */
const h2c: ReadonlySet<string> = new Set(["h2c", "kubernetes.io/h2c", "grpc"]);

/** Whether a backend speaks HTTP/2 without being asked: the profile's word comes first, then the cluster's. */
export function speaksH2(protocol: BackendProtocol | undefined, appProtocol: string | undefined): boolean {
  return protocol === undefined ? appProtocol !== undefined && h2c.has(appProtocol.toLowerCase()) : protocol !== "http1";
}

/** Whether a backend of TLS is offered HTTP/2 for clients of HTTP/1 as well; by ALPN it chooses. */
export function offersH2(protocol: BackendProtocol | undefined, appProtocol: string | undefined): boolean {
  return protocol === undefined ? appProtocol?.toLowerCase() === "grpcs" : protocol === "grpc";
}

/** The route as it is spoken to: the profile's word comes first, then the cluster's, then what the port looks like. */
export function asTheClusterSays(found: Found, appProtocol: string | undefined): Found {
  if (found.manner?.schemeGiven !== false || appProtocol === undefined) return found;
  const scheme = schemeOfAppProtocol(appProtocol);
  return scheme === undefined || scheme === found.scheme ? found : { ...found, scheme };
}
