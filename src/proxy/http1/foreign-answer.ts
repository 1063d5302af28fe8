/** The error for a backend that answers in another protocol than HTTP/1: its first bytes, and what the profile must say instead. Pure. */

import { KtError, withHints } from "#base/errors.ts";
import type { Found } from "#route/lookup.ts";
import { type Destination, formatTarget, type PortRef } from "#route/target.ts";
import { type ForeignProtocol, foreignProtocol, quoteBytes } from "#wire/foreign-protocol.ts";

/** What a request was sent to. */
export interface Asked {
  readonly found: Found;
  /** As the client sent it. */
  readonly host: string;
  /** The first line of the request, as the backend got it. */
  readonly requestLine: string;
}

/** `bytes` are all that has come; an HTTP/1 response does not begin like this. */
export function foreignAnswer(bytes: Uint8Array, { found, host, requestLine }: Asked): KtError {
  const protocol = foreignProtocol(bytes, requestLine);
  const message = `the backend's answer is not HTTP/1: ${describe(protocol)}${quoteBytes(bytes)}`;
  const detail = protocol && "other-protocol";
  return new KtError("backend-invalid", message, { hints: hintsFor(protocol, found, host), detail });
}

/** For a backend that says in HTTP that it wants TLS. */
export function plainToTls(found: Found, host: string): KtError {
  return new KtError("backend-invalid", `the backend of "${found.route}" speaks TLS, and was asked without`, {
    hints: tlsHints(found, host),
    detail: "other-protocol",
  });
}

function describe(protocol: ForeignProtocol | undefined): string {
  switch (protocol?.kind) {
    case "tls":
      return "it wants TLS, and sent the alert ";
    case "http2":
      return "it speaks HTTP/2 only, and sent ";
    case "echo":
      return "it sends back what it is sent, ";
    case "known":
      return `it speaks ${protocol.name}, and sent `;
    case undefined:
      return "it begins with ";
  }
}

function hintsFor(protocol: ForeignProtocol | undefined, found: Found, host: string): string[] {
  if (protocol?.kind === "tls") return tlsHints(found, host);
  if (protocol?.kind === "http2") return [settingHint(found, 'protocol = "h2c"')];
  return [tcpHint(found, protocol?.kind === "known" ? protocol.port : undefined)];
}

/** The client speaks TLS to it, or kt does. */
function tlsHints(found: Found, host: string): string[] {
  return [schemeHint(found, "https"), `open https://${host}/`];
}

/** How the profile says that the backend speaks otherwise, for this route. */
export function schemeHint(found: Found, scheme: "http" | "https"): string {
  return settingHint(found, `scheme = "${scheme}"`);
}

function settingHint({ via, route, target }: Found, setting: string): string {
  if (via === "pattern") return `set ${setting} in the [[patterns]] table of "${route}"`;
  if (!target.via) return `under [routes] write "${route}" = { ${targetKeys(target)}, ${setting} }`;
  return `set ${setting} under [routes."${route}"]`;
}

/** For what is not HTTP: a port of its own, which carries any bytes. */
function tcpHint({ target }: Found, usualPort: number | undefined): string {
  const port = localPort(target, usualPort);
  if (target.via) return `for what is not HTTP use a route under [tcp], such as [tcp.${port}]`;
  const keys = targetKeys(target);
  const value = target.cluster.context === undefined ? `"${formatTarget(target)}"` : `{ ${keys} }`;
  return `for what is not HTTP use a [tcp] route: under [tcp] write ${port} = ${value}`;
}

function targetKeys(target: Destination): string {
  const { context } = target.cluster;
  return `target = "${formatTarget(target)}"${context === undefined ? "" : `, context = ${JSON.stringify(context)}`}`;
}

/** Of databases, queues and the like, many of which close at the sight of HTTP. */
const otherPorts: ReadonlySet<PortRef> = new Set([
  22, 25, 110, 143, 389, 465, 587, 636, 993, 995, 1433, 1521, 1883, 2181, 3306, 4222, 5432, 5672, 6379, 6432, 8883, 9042, 9092, 11211,
  27017,
]);
const otherNames =
  /^(?:tcp-)?(?:pg|psql|postgres(?:ql)?|mysql|mariadb|redis|valkey|mongo(?:db)?|amqps?|kafka|ssh|smtps?|imaps?|ldaps?|mqtts?|nats|memcached?|cql)(?:-|$)/;

/** What to try where the backend closed without a word and its port is not one of HTTP. */
export function withSilenceHint(error: KtError, found: Found): KtError {
  const { port } = found.target;
  if (error.code !== "connection-lost" || (!otherPorts.has(port) && !otherNames.test(String(port)))) return error;
  return withHints(error, [...error.hints, tcpHint(found, undefined)]);
}

/** Ports below are for root only. */
const firstUserPort = 1024;

function localPort({ port }: Destination, usualPort = 9000): number {
  if (typeof port !== "number") return usualPort;
  return port >= firstUserPort ? port : usualPort;
}
