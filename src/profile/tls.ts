/** TLS as the whole profile says it: what routes leave to [http], and what goes together. */

import type { Layer } from "#profile/read/layer.ts";
import type { LayerRoute } from "#profile/sections/routes.ts";
import type { LayerTermination } from "#profile/sections/tls-settings.ts";
import type { Placed } from "#profile/values/placed.ts";
import type { BackendTls, Termination } from "#route/route-tls.ts";

export interface RouteTls {
  readonly tls?: Termination;
  readonly backend?: BackendTls;
}

export interface ReadTls {
  /** By hostname; those that have any. */
  readonly routes: ReadonlyMap<string, RouteTls>;
  /** Absolute paths: a change in one means a reload. */
  readonly files: readonly string[];
}

const httpsPort = 443;

/** What an entry says, else what [http] says. Undefined: TLS is passed through. */
export function terminationOf({ http }: Layer, said: LayerTermination | undefined): Termination | undefined {
  if ((said?.mode ?? http.tls?.value) !== "terminate") return undefined;
  const hasDefaultPort = http.listen?.value.some(({ port }) => port === httpsPort) === true;
  return { redirects: said?.redirect ?? http.redirect?.value ?? false, hasDefaultPort };
}

/** Reports what does not go together. */
export function checkTls(layer: Layer): void {
  const { tls, redirect } = layer.http;
  if (redirect?.value === true && tls?.value !== "terminate") {
    redirect.source.problem(redirect.path, 'redirect needs tls = "terminate" beside it', { at: "key", hint: 'tls = "terminate"' });
  }
  for (const route of layer.routes.values()) checkRoute(layer, route);
}

function checkRoute(layer: Layer, route: Placed<LayerRoute>): void {
  const { tls, scheme } = route.value;
  const problem = (key: string, message: string, hint: string): void =>
    route.source.problem([...route.path, key], message, { at: "key", hint });
  checkBackend(route, problem, scheme);
  if (terminationOf(layer, tls) === undefined) {
    const needy = { cert: tls.cert, key: tls.key, client_ca: tls.clientCa, redirect: tls.redirect === true ? true : undefined };
    const first = Object.entries(needy).find(([, value]) => value !== undefined);
    if (first) problem(first[0], `${first[0]} is for TLS that kt speaks, and here it is passed through`, 'add tls = "terminate"');
    return;
  }
  if (tls.cert && !tls.key) problem("cert", "cert has no key beside it", 'for example key = "./certs/shop.key"');
  if (tls.key && !tls.cert) problem("key", "key has no cert beside it", 'for example cert = "./certs/shop.pem"');
}

function checkBackend({ value: { tls } }: Placed<LayerRoute>, problem: Report, scheme: LayerRoute["scheme"]): void {
  if (tls.ca && tls.insecure === true)
    problem("insecure", "insecure = true takes any certificate, and ca says who signs them", "leave one out");
  const needs = { ca: tls.ca, insecure: tls.insecure, server_name: tls.serverName };
  const first = Object.entries(needs).find(([, value]) => value !== undefined);
  if (first && scheme === "http")
    problem(first[0], `${first[0]} is for a backend that speaks TLS, and scheme = "http" says that it does not`, "leave one out");
}

type Report = (key: string, message: string, hint: string) => void;

/** Whether any route says something of TLS that must be read, or stands for it by what [http] says. */
export function saysTls(layer: Layer): boolean {
  return [...layer.routes.values()].some(({ value: { tls } }) => {
    const ofBackend = [tls.ca, tls.insecure, tls.serverName];
    return terminationOf(layer, tls) !== undefined || ofBackend.some((each) => each !== undefined);
  });
}
