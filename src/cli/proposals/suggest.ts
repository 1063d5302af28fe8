/** Proposes where a new route is reached: a hostname for what speaks HTTP, the usual local port for what does not. */

import { parsePort } from "#route/port.ts";

/** The port of what is reached, by its name and number as far as they are known. */
export interface ReachedPort {
  readonly name: string;
  readonly port: number | undefined;
}

/** As a target ends. */
export function readPort(text: string): ReachedPort {
  const port = parsePort(text);
  return typeof port === "number" ? { name: "", port } : { name: text, port: undefined };
}

/** Protocols other than HTTP, by the ports that they are known for. */
const tcpPorts: ReadonlySet<number> = new Set([
  22, 25, 53, 389, 636, 1433, 1521, 1883, 2181, 3306, 4222, 5432, 5433, 5671, 5672, 6379, 6432, 6650, 8883, 9042, 9092, 9094, 11211, 26257,
  26379, 27017, 33060, 61616,
]);

const tcpNames = /^(tcp|db|pg|postgres|mysql|mariadb|redis|mongo|kafka|amqp|mqtt|nats|sql|mssql|ldap|smtp|ssh|memcache|cql|sentinel)/;

/** Whether a browser or an HTTP client is likely to speak with it. */
export function isHttpLike({ name, port }: ReachedPort): boolean {
  if (/^(http|web|ui|grpc|dashboard|console)/.test(name)) return true;
  return !tcpNames.test(name) && (port === undefined || !tcpPorts.has(port));
}

/** The usual ports of protocols, by what their ports are named. */
const portsByName: readonly (readonly [names: RegExp, port: number])[] = [
  [/^(pg|postgres)/, 5432],
  [/^(mysql|mariadb)/, 3306],
  [/^redis/, 6379],
  [/^mongo/, 27017],
  [/^kafka/, 9092],
  [/^amqp/, 5672],
  [/^mqtt/, 1883],
  [/^nats/, 4222],
  [/^mssql/, 1433],
  [/^ldap/, 10389],
  [/^smtp/, 10025],
  [/^ssh/, 10022],
  [/^memcache/, 11211],
  [/^cql/, 9042],
];

/** Below 1024 only root may listen. A local port for what does not speak HTTP; undefined where nothing is known of it. */
export function usualLocalPort({ name, port }: ReachedPort): number | undefined {
  if (port !== undefined) return port < 1024 ? port + 10_000 : port;
  return portsByName.find(([names]) => names.test(name))?.[1];
}

const lastPort = 65_535;

/** The first hostname or port that is free; "" where none comes to mind. `name` and `namespace` are those of what is reached. */
export function suggestLocal(
  port: ReachedPort,
  { name, namespace }: { readonly name: string; readonly namespace: string },
  isTaken: (local: string) => boolean,
): string {
  if (isHttpLike(port)) {
    const hosts = [`${name}.localhost`, `${name}-${namespace}.localhost`];
    return hosts.find((host) => !isTaken(host)) ?? hosts[0] ?? "";
  }
  const wanted = usualLocalPort(port);
  if (wanted === undefined) return "";
  // A database beside the usual one is most often found ten thousand further.
  for (let local = wanted; local <= lastPort; local += 10_000) {
    if (!isTaken(String(local))) return String(local);
  }
  return "";
}
