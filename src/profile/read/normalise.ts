/** Turns one file's table into a layer: short forms expanded, texts parsed, every value with its place. */

import { normaliseHostname } from "#base/hostname.ts";
import { typographicHint } from "#base/typography.ts";
import { parseAllowedOrigin } from "#route/origins.ts";
import { HostPattern, starsAsCaptures } from "#route/pattern.ts";
import { isLabel } from "#route/pod-source-text.ts";
import { checkContextTemplate, parseTargetTemplate } from "#route/template.ts";
import { parseDuration } from "#profile/values/duration.ts";
import { expandPath } from "./extends.ts";
import { formatListen, parseListen } from "#profile/values/listen.ts";
import type { Layer, LayerPattern, LayerRoute, LayerSettings, LayerTcp, Placed } from "./layer.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import type { KeyPath } from "#profile/toml/positions.ts";
import type { ProfileTable } from "#profile/schema/schema.ts";
import type { Source } from "./source.ts";
import { readTarget } from "./targets.ts";

/** Puts an entry under its key; a second entry of one key in one file is a problem. */
function addOnce<T extends { readonly name: string }>(map: Map<string, Placed<T>>, key: string, entry: Placed<T>, hint: string): void {
  const earlier = map.get(key);
  if (earlier === undefined) {
    map.set(key, entry);
    return;
  }
  entry.source.problem(entry.path, `"${entry.value.name}" is there already, in line ${earlier.at.line}`, { at: "key", hint });
}

function hostHint(name: string): string {
  const pattern = starsAsCaptures(name);
  if (pattern !== undefined) return `such names are patterns: [[patterns]] with host = "${pattern}" and target = "svc/{service}:80"`;
  const typographic = typographicHint(name);
  if (typographic !== undefined) return typographic;
  if (name.includes("{")) return "hostnames with {captures} belong in [[patterns]]";
  if (name.includes("://") || name.includes("/")) return 'only the hostname, such as "grafana.localhost"';
  if (/:\d*$/.test(name)) return "without the port: it is the same for all hosts, [http] listen";
  return 'letters, digits and dashes between dots, such as "grafana.localhost"';
}

/** Reads one file's table. Problems are reported to the source; what has one is left out. */
class Normaliser {
  readonly #source: Source;
  readonly #table: ProfileTable;
  readonly #home: string;

  constructor(source: Source, home: string) {
    this.#source = source;
    this.#table = source.table;
    this.#home = home;
  }

  layer(): Layer {
    return {
      settings: this.#settings(),
      contexts: this.#contexts(),
      routes: this.#routes(),
      patterns: this.#patterns(),
      tcp: this.#tcp(),
      env: this.#env(),
    };
  }

  #place<T>(path: KeyPath, value: T, at: "key" | "value" = "value"): Placed<T> {
    const position = at === "key" ? this.#source.key(path) : this.#source.value(path);
    return { value, at: position, source: this.#source, path };
  }

  /** A setting that may be missing and may be wrong. */
  #setting<In, Out>(path: KeyPath, given: In | undefined, parse: (value: In) => Out): Placed<Out> | undefined {
    if (given === undefined) return undefined;
    const value = this.#source.attempt(path, "value", () => parse(given));
    return value === undefined ? undefined : this.#place(path, value);
  }

  #settings(): LayerSettings {
    const { name, context, namespace, kubeconfig, idle_timeout, start_timeout, expose, http = {} } = this.#table;
    const same = <T>(value: T): T => value;
    return {
      name: this.#setting(["name"], name, same),
      context: this.#setting(["context"], context, same),
      namespace: this.#namespace(namespace),
      kubeconfig: this.#setting(["kubeconfig"], kubeconfig, (paths) => this.#kubeconfig(paths)),
      idleTimeoutMs: this.#setting(["idle_timeout"], idle_timeout, parseDuration),
      startTimeoutMs: this.#startTimeout(start_timeout),
      expose: this.#setting(["expose"], expose, same),
      listen: this.#listen(http.listen),
      exposeHttp: this.#setting(["http", "expose"], http.expose, same),
      suffix: this.#suffix(http.suffix),
      dynamic: this.#setting(["http", "dynamic"], http.dynamic, same),
      allowOrigins: this.#allowOrigins(http.allow_origins),
    };
  }

  #namespace(namespace: string | undefined): Placed<string> | undefined {
    if (namespace === undefined) return undefined;
    if (isLabel(namespace)) return this.#place(["namespace"], namespace);
    const hint = "lower case letters, digits and dashes";
    this.#source.problem(["namespace"], `"${namespace}" is no name of a namespace`, { hint });
    return undefined;
  }

  #kubeconfig(paths: string | readonly string[]): readonly string[] {
    const list = typeof paths === "string" ? paths.split(":") : paths;
    return list.filter((path) => path !== "").map((path) => expandPath(path, this.#source.directory, this.#home));
  }

  #startTimeout(text: string | undefined): Placed<number> | undefined {
    const path = ["start_timeout"];
    const parsed = this.#setting(path, text, parseDuration);
    if (parsed?.value !== 0) return parsed;
    this.#source.problem(path, `"${text}" would never let a tunnel start`, { hint: 'for example start_timeout = "30s"' });
    return undefined;
  }

  /** What may be one or a list of it; an item that is wrong is reported in its own place. */
  #each<Out>(path: KeyPath, given: string | number | readonly (string | number)[], parse: (item: string) => Out): Out[] {
    const list = typeof given === "object" ? given : [given];
    const pathOf = (index: number): KeyPath => (list === given ? [...path, String(index)] : path);
    return list.flatMap((item, index) => this.#source.attempt(pathOf(index), "value", () => [parse(String(item))]) ?? []);
  }

  #listen(given: string | number | readonly (string | number)[] | undefined): Placed<readonly ListenAddress[]> | undefined {
    if (given === undefined) return undefined;
    const path = ["http", "listen"];
    const addresses = this.#each(path, given, parseListen).flat();
    const unique = new Map(addresses.map((address) => [formatListen(address), address]));
    if (Array.isArray(given) && given.length === 0)
      this.#source.problem(path, "listen is an empty list", { hint: 'for example ["127.0.0.1:8989", "[::1]:8989"]' });
    return this.#place(path, [...unique.values()]);
  }

  #allowOrigins(given: string | readonly string[] | undefined): Placed<readonly string[]> | undefined {
    if (given === undefined) return undefined;
    const path = ["http", "allow_origins"];
    return this.#place(path, this.#each(path, given, parseAllowedOrigin));
  }

  #suffix(text: string | undefined): Placed<string> | undefined {
    if (text === undefined) return undefined;
    const path = ["http", "suffix"];
    const suffix = normaliseHostname(text.replace(/^\./, ""));
    if (suffix !== undefined) return this.#place(path, suffix);
    this.#source.problem(path, `"${text}" is not a valid hostname`, { hint: 'for example suffix = "k8s.localhost"' });
    return undefined;
  }

  #contexts(): ReadonlyMap<string, Placed<string>> {
    const contexts = new Map<string, Placed<string>>();
    for (const [name, context] of Object.entries(this.#table.contexts ?? {})) {
      const path = ["contexts", name];
      if (isLabel(name)) contexts.set(name, this.#place(path, context));
      else {
        const hint = "lower case letters, digits and dashes: it stands in hostnames";
        this.#source.problem(path, `"${name}" cannot be the short name of a context`, { at: "key", hint });
      }
    }
    return contexts;
  }

  #routes(): ReadonlyMap<string, Placed<LayerRoute>> {
    const routes = new Map<string, Placed<LayerRoute>>();
    for (const [name, given] of Object.entries(this.#table.routes ?? {})) {
      const path = ["routes", name];
      if (this.#isMisplaced(path, name)) continue;
      const entry = typeof given === "string" ? { target: given } : given;
      const host = this.#hostname(path, name);
      const target = readTarget(this.#source, path, given);
      if ("tls" in entry && entry.tls === "terminate") this.#refuseTerminate(path);
      if (host === undefined || target === undefined) continue;
      const scheme = "scheme" in entry ? entry.scheme : undefined;
      const forwarded = "forwarded" in entry ? entry.forwarded : undefined;
      addOnce(
        routes,
        host,
        this.#place(path, { name, host, target, context: entry.context, scheme, forwarded }, "key"),
        "names match without regard to case and a trailing dot",
      );
    }
    return routes;
  }

  #refuseTerminate(path: KeyPath): void {
    const message = 'tls = "terminate" is not in this version of kt';
    this.#source.problem([...path, "tls"], message, { hint: "leave it out: TLS is passed through to the backend" });
  }

  #hostname(path: KeyPath, name: string): string | undefined {
    const host = normaliseHostname(name);
    if (host === undefined) {
      this.#source.problem(path, `"${name}" is not a valid hostname`, { at: "key", hint: hostHint(name) });
      return undefined;
    }
    return host;
  }

  /** In TOML, a setting below the first [table] is that table's. */
  #isMisplaced(path: KeyPath, name: string): boolean {
    if (!/^(name|context|namespace|kubeconfig|idle_timeout|start_timeout)$/.test(name)) return false;
    const hint = `to set the ${name}, move the line to the top of the file, before the first [table]`;
    this.#source.problem(path, `"${name}" stands under [routes], as if it were a hostname`, { at: "key", hint });
    return true;
  }

  #patterns(): ReadonlyMap<string, Placed<LayerPattern>> {
    const patterns = new Map<string, Placed<LayerPattern>>();
    for (const [index, { host, target, context, scheme, forwarded }] of (this.#table.patterns ?? []).entries()) {
      const path = ["patterns", String(index)];
      const pattern = this.#source.attempt([...path, "host"], "value", () => HostPattern.parse(host));
      if (pattern === undefined) continue;
      const { captures } = pattern;
      const template = this.#source.attempt([...path, "target"], "value", () => parseTargetTemplate(target, captures));
      if (context !== undefined) this.#source.attempt([...path, "context"], "value", () => checkContextTemplate(context, captures));
      if (template === undefined) continue;
      const place = this.#place([...path, "host"], { name: host, pattern, target: template, context, scheme, forwarded });
      addOnce(patterns, pattern.shape, place, "two patterns are the same when only the names of their captures differ");
    }
    return patterns;
  }

  #tcp(): ReadonlyMap<string, Placed<LayerTcp>> {
    const routes = new Map<string, Placed<LayerTcp>>();
    for (const [name, given] of Object.entries(this.#table.tcp ?? {})) {
      const path = ["tcp", name];
      const entry = typeof given === "string" ? { target: given } : given;
      const listen = this.#source.attempt(path, "key", () => parseListen(name));
      const target = readTarget(this.#source, path, given);
      if (listen === undefined || target === undefined) continue;
      const expose = "expose" in entry && entry.expose === true;
      const place = this.#place(path, { name, listen, target, context: entry.context, expose }, "key");
      addOnce(routes, listen.map(formatListen).join(" "), place, "a bare port and localhost are both 127.0.0.1 and ::1");
    }
    return routes;
  }

  #env(): ReadonlyMap<string, Placed<string>> {
    const variables = new Map<string, Placed<string>>();
    for (const [name, text] of Object.entries(this.#table.env ?? {})) {
      const path = ["env", name];
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
        this.#source.problem(path, `"${name}" is no name of a variable`, { at: "key", hint: "letters, digits and underscores" });
      else if (text.includes("\0"))
        this.#source.problem(path, `"${name}" holds a NUL character, which no variable can hold`, { hint: 'write it without "\\u0000"' });
      else variables.set(name, this.#place(path, text));
    }
    return variables;
  }
}

/** One file as a layer. `home` is what `~` stands for. */
export function normalise(source: Source, home: string): Layer {
  return new Normaliser(source, home).layer();
}
