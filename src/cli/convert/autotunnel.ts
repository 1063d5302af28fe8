/** Converts AutoTunnel's configuration, `~/.autotunnel.yaml`. */

import { YAML } from "bun";
import { KtError, messageOf } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import type { TomlInline, TomlValue } from "#profile/toml/text.ts";
import type { Converted, ConvertedRoute, Left } from "./converted.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Settings that kt does not need, with the reason. */
const needless: Readonly<Record<string, string>> = {
  apiVersion: "",
  verbose: "",
  auto_reload_config: "a profile is always read again when it is saved",
  exec_path: "credential plugins see the PATH of the shell that runs kt up",
};

/** Whether a text looks like that file and not like a script. */
export function looksLikeAutoTunnel(text: string): boolean {
  return /^apiVersion:\s*["']?autotunnel\//m.test(text) || /^(http|tcp):\s*(#.*)?\n(.*\n)*?\s+k8s:/m.test(text);
}

/** Throws KtError `usage` for what is not YAML. */
export function convertAutoTunnel(text: string): Converted {
  const root = fieldsOf(parse(text));
  const [http, tcp] = [fieldsOf(root["http"]), fieldsOf(root["tcp"])];
  const [httpK8s, tcpK8s] = [fieldsOf(http["k8s"]), fieldsOf(tcp["k8s"])];
  const kubeconfig = textOf(httpK8s["kubeconfig"]) ?? textOf(tcpK8s["kubeconfig"]);
  const idle = textOf(http["idle_timeout"]) ?? textOf(tcp["idle_timeout"]);
  const [listen, suffix] = [textOf(http["listen"])?.replace(/^:/, ""), textOf(httpK8s["dynamic_host"])];
  const isWide = listen !== undefined && !/^((127\.0\.0\.1|localhost|\[::1\]):)?\d+$/.test(listen);
  const left: Left[] = Object.entries(needless).flatMap(([key, why]) =>
    root[key] === undefined || why === "" ? [] : [{ place: key, why }],
  );
  if (isWide)
    left.push({ place: "http.listen", why: `"${listen}" is reached from other machines, which takes expose = true under [http]` });
  const routes = [
    ...entriesOf(httpK8s["routes"]).flatMap(([name, route]) => servedRoute("routes", `http.k8s.routes.${name}`, name, route, left)),
    ...entriesOf(tcpK8s["routes"]).flatMap(([name, route]) => servedRoute("tcp", `tcp.k8s.routes.${name}`, name, route, left)),
    ...entriesOf(tcpK8s["jump"]).flatMap(([name, route]) => jumpRoute(`tcp.k8s.jump.${name}`, name, route, left)),
  ];
  return {
    settings: { ...(kubeconfig === undefined ? {} : { kubeconfig }), ...(idle === undefined ? {} : { idle_timeout: idle }) },
    http: { ...(listen === undefined || isWide ? {} : { listen }), ...(suffix === undefined ? {} : { suffix }) },
    routes,
    left,
  };
}

function parse(text: string): unknown {
  try {
    return YAML.parse(text);
  } catch (error) {
    throw new KtError("usage", `this is not YAML: ${messageOf(error)}`);
  }
}

function servedRoute(section: "routes" | "tcp", place: string, name: string, fields: Fields, left: Left[]): ConvertedRoute[] {
  const [service, pod, port] = [textOf(fields["service"]), textOf(fields["pod"]), textOf(fields["port"])];
  if ((service ?? pod) === undefined || port === undefined) return leave(left, place, "it names no service or pod, or no port");
  const source = service === undefined ? `pod/${pod}` : `svc/${service}`;
  const scheme = section === "routes" ? textOf(fields["scheme"]) : undefined;
  // What the port says already need not be written.
  const isUsual = scheme === undefined || scheme === (/^(443|8443)$|^https/.test(port) ? "https" : "http");
  const settings = { ...contextOf(fields), ...(isUsual ? {} : { scheme }) };
  return [{ section, place, name, target: `${prefixOf(fields)}${source}:${port}`, settings }];
}

function jumpRoute(place: string, name: string, fields: Fields, left: Left[]): ConvertedRoute[] {
  const [via, target] = [fieldsOf(fields["via"]), fieldsOf(fields["target"])];
  const [host, port] = [textOf(target["host"]), textOf(target["port"])];
  const [service, pod] = [textOf(via["service"]), textOf(via["pod"])];
  if (host === undefined || port === undefined) return leave(left, place, "its target has no host or no port");
  if ((service ?? pod) === undefined) return leave(left, place, "its via has no service and no pod");
  const container = textOf(via["container"]) ?? textOf(fields["container"]);
  const method = textOf(fields["method"]) ?? textOf(via["method"]);
  const settings: TomlInline = {
    ...contextOf(fields),
    via: viaOf(prefixOf(fields), service, pod, via["create"]),
    ...(container === undefined ? {} : { container }),
    ...(method === undefined || method === "auto" ? {} : { method }),
  };
  return [{ section: "tcp", place, name, target: formatHostPort({ host, port }), settings }];
}

function viaOf(prefix: string, service: string | undefined, pod: string | undefined, create: unknown): TomlValue {
  if (service !== undefined) return `${prefix}svc/${service}`;
  if (create === undefined || create === null) return `${prefix}pod/${pod}`;
  const image = textOf(fieldsOf(create)["image"]);
  return { pod: `${prefix}${pod}`, create: image === undefined ? {} : { image } };
}

const contextOf = (fields: Fields): TomlInline => {
  const context = textOf(fields["context"]);
  return context === undefined ? {} : { context };
};

function prefixOf(fields: Fields): string {
  const namespace = textOf(fields["namespace"]);
  return namespace === undefined ? "" : `${namespace}/`;
}

function leave(left: Left[], place: string, why: string): [] {
  left.push({ place, why });
  return [];
}

function entriesOf(value: unknown): (readonly [name: string, fields: Fields])[] {
  return Object.entries(fieldsOf(value)).map(([name, fields]) => [name, fieldsOf(fields)] as const);
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

/** Ports are numbers there, and texts here. */
function textOf(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}
