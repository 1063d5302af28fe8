/** The arguments of `kt forward`, in kubectl's forms: what is forwarded, ports, addresses. */

import { KtError } from "#base/errors.ts";
import { cliLimits } from "#cli/limits.ts";
import { command } from "#base/shell.ts";
import type { ForwardPort, ForwardRequest } from "#daemon/ad-hoc-forward.ts";
import { parseDuration } from "#profile/values/duration.ts";
import { isLoopback, parseListen } from "#profile/values/listen.ts";
import { isLabel, parsePodSource, type PodSource } from "#route/pod-source-text.ts";
import { parsePort } from "#route/port.ts";

export interface ForwardWords {
  /** TYPE/NAME or the name of a pod, then ports. */
  readonly args: readonly string[];
  readonly namespace: string | undefined;
  readonly context: string | undefined;
  /** Each may hold several, with commas. */
  readonly addresses: readonly string[];
  readonly timeout: string | undefined;
  /** Default: false. */
  readonly exitsWhenGone?: boolean;
}

function refuse(message: string, ...hints: string[]): never {
  throw new KtError("usage", message, { hints });
}

/** Throws KtError `usage` with a hint. */
export function readForward({ args, namespace, context, addresses, timeout, exitsWhenGone = false }: ForwardWords): ForwardRequest {
  const [target = "", ...ports] = args;
  const source = readSource(target, namespace);
  if (ports.length === 0)
    refuse(`kt forward ${target} needs a port`, command`kt forward ${target} 8080:80`, command`kt forward ${target} :80`);
  const { kind, name } = source;
  return {
    kind,
    name,
    namespace: source.namespace ?? namespace,
    context,
    ports: readPorts(ports, target),
    hosts: readHosts(addresses.length > 0 ? addresses : ["localhost"]),
    readyTimeoutMs: readTimeout(timeout),
    exitsWhenGone,
  };
}

/** The addresses that are open to other machines. */
export function exposedHosts({ hosts }: ForwardRequest): string[] {
  return hosts.filter((host) => !isLoopback({ host, port: 0 }));
}

function readSource(text: string, namespace: string | undefined): PodSource {
  const [path = "", port] = text.split(":");
  if (path === "") refuse(`"${text}" is neither TYPE/NAME nor the name of a pod`, "kt forward svc/web :80");
  if (port !== undefined) refuse(`"${text}" has its port after a colon`, command`kt forward ${path} ${`:${port === "" ? "80" : port}`}`);
  if (namespace !== undefined && !isLabel(namespace))
    refuse(`"${namespace}" is not a valid namespace name`, "lower case letters, digits and dashes");
  // kubectl's rule: a name alone is a pod's.
  const source = asUsage(() => parsePodSource(text, "target", text.includes("/") ? undefined : "pod"));
  if (namespace !== undefined && source.namespace !== undefined && source.namespace !== namespace)
    refuse(`"${text}" is in another namespace than "${namespace}"`, "name the namespace once");
  return source;
}

/** What profiles call invalid is here a mistake on the command line. */
function asUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof KtError ? new KtError("usage", error.message, error) : error;
  }
}

function readPorts(texts: readonly string[], target: string): ForwardPort[] {
  const ports = texts.map((text) => readPort(text, target));
  const locals = ports.map(({ local, remote }) => local ?? remote);
  const twice = locals.findIndex((local, index) => local !== 0 && locals.indexOf(local) < index);
  if (twice >= 0)
    refuse(`local port ${locals[twice]} is requested twice`, `write "${texts[twice]}" as ":${ports[twice]?.remote}", for a free one`);
  return ports;
}

/** `[LOCAL:]REMOTE`; an empty or zero LOCAL is any free port. */
function readPort(text: string, target: string): ForwardPort {
  const form = `for example 8080:80, 8080, :80 or 8080:http`;
  const pieces = text.split(":");
  const remoteText = pieces.at(-1) ?? "";
  const remote = parsePort(remoteText);
  if (pieces.length > 2 || remoteText === "") refuse(`"${text}" is not of the form [LOCAL:]REMOTE`, form);
  if (remote === undefined) refuse(`"${text}" has the remote port "${remoteText}", which is not a valid port`, form);
  const [localText] = pieces;
  if (pieces.length === 1) return { local: undefined, remote };
  const local = localText === "" ? 0 : Number(localText);
  if (!/^[0-9]*$/.test(localText ?? "") || local > 65535)
    refuse(
      `"${text}" has the local port "${localText}", which is not a number from 0 to 65535`,
      command`kt forward ${target} ${`:${remoteText}`}`,
    );
  return { local, remote };
}

function readHosts(texts: readonly string[]): string[] {
  const words = texts.flatMap((text) => text.split(",")).map((word) => word.trim());
  const hosts = words.flatMap((word) => {
    const bare = word.replace(/^\[(.*)\]$/, "$1");
    try {
      return parseListen(bare.includes(":") ? `[${bare}]:1` : `${bare}:1`).map(({ host }) => host);
    } catch {
      return refuse(`--address "${word}" is not an IP address`, "--address localhost", "--address 0.0.0.0");
    }
  });
  return [...new Set(hosts)];
}

function readTimeout(text: string | undefined): number {
  if (text === undefined) return cliLimits.forwardReadyMs;
  const timeoutMs = asUsage(() => parseDuration(text));
  if (timeoutMs > 0) return timeoutMs;
  refuse(`--pod-running-timeout ${text} would not wait for any pod`, "--pod-running-timeout 1m");
}

/** kubectl's: seconds where there is no unit, and 0 for as long as it takes, which here is kt's own bound. */
export function readRequestTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const timeoutMs = asUsage(() => parseDuration(/^[0-9]+$/.test(text) ? `${text}s` : text));
  return timeoutMs > 0 ? timeoutMs : undefined;
}
