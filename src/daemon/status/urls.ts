/** What to open for a route: its URL, or the address of its port. */

import { formatHostPort } from "#base/hostname.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import type { Termination } from "#route/route-tls.ts";
import type { BackendScheme } from "#route/target.ts";

const defaultPorts: Readonly<Record<BackendScheme, number>> = { http: 80, https: 443 };

/** What browsers speak: TLS that kt terminates, else what the backend does, for TLS is passed through. */
export function clientScheme({ scheme, tls }: { readonly scheme: BackendScheme; readonly tls?: Termination }): BackendScheme {
  return tls === undefined ? scheme : "https";
}

/** `scheme` is what browsers speak, `port` the one in use. */
export function urlOf(host: string, scheme: BackendScheme, port: number): string {
  return `${scheme}://${host}${port === defaultPorts[scheme] ? "" : `:${port}`}`;
}

/** `localhost:5432` for a port on loopback, else the address itself. */
export function addressOf(listen: readonly ListenAddress[], port: number | undefined): string {
  const [first] = listen;
  if (!first) return "";
  const shownPort = port ?? first.port;
  if (listen.length > 1 || first.host === "127.0.0.1" || first.host === "::1") return `localhost:${shownPort}`;
  return formatHostPort({ host: first.host, port: shownPort });
}
