/** Reads and merges kubeconfig files as kubectl does, and finds what one context says: server, trust, user, namespace. */

import { KtError, messageOf } from "#base/errors.ts";
import { nearest } from "#base/nearest.ts";
import { command } from "#base/shell.ts";
import { besideFile, type FileCache, fileStamp } from "./files.ts";
import { decoded, type Entry, entries, type Fields, fields, flag, isFields, list, text, textFields, texts } from "./kubeconfig-fields.ts";
import type { ClusterConfig, ContextConfig, ExecConfig, Impersonation, PemSource, UserConfig } from "./context-config.ts";
import { bareCluster, type ContextOverrides, withOverrides } from "./overrides.ts";
import { serverUrl } from "./server-url.ts";
import { parseYaml, plainValue } from "./yaml.ts";

interface ContextEntry {
  readonly file: string;
  readonly cluster: string;
  readonly user: string | undefined;
  readonly namespace: string | undefined;
}

export interface Kubeconfig {
  /** The files that were there, in order. */
  readonly files: readonly string[];
  readonly currentContext: string | undefined;
  readonly contexts: ReadonlyMap<string, ContextEntry>;
  readonly clusters: ReadonlyMap<string, ClusterConfig>;
  readonly users: ReadonlyMap<string, UserConfig>;
}

/** Reads the files that exist; the first to define a name or the current context wins. Throws KtError `kubeconfig-unreadable`. */
export function readKubeconfig(paths: readonly string[], cache: FileCache): Kubeconfig {
  const files: string[] = [];
  const contexts = new Map<string, ContextEntry>();
  const clusters = new Map<string, ClusterConfig>();
  const users = new Map<string, UserConfig>();
  let currentContext: string | undefined;
  for (const path of paths) {
    const raw = readFile(path, cache);
    if (!raw) continue;
    files.push(path);
    currentContext ??= text(raw["current-context"]);
    try {
      addMissing(clusters, entries(raw, "clusters", "cluster"), (named) => readCluster(named, path));
      addMissing(users, entries(raw, "users", "user"), (named) => readUser(named, path));
      addMissing(contexts, entries(raw, "contexts", "context"), (named) => readContext(named, path));
    } catch (error) {
      throw unreadableFile(path, error);
    }
  }
  return { files, currentContext, contexts, clusters, users };
}

function addMissing<T>(into: Map<string, T>, from: readonly Entry[], read: (named: Entry) => T | undefined): void {
  for (const named of from) {
    const config = into.has(named.name) ? undefined : read(named);
    if (config !== undefined) into.set(named.name, config);
  }
}

function readFile(path: string, cache: FileCache): Fields | undefined {
  try {
    if (fileStamp(path) === undefined) return undefined;
    const parsed = cache.parsed(path, parseYaml);
    if (parsed === undefined) return {};
    if (!isFields(parsed)) throw new KtError("kubeconfig-unreadable", "it is not a YAML mapping");
    refuseOther(parsed);
    return parsed;
  } catch (error) {
    throw unreadableFile(path, error);
  }
}

/** Adds which file it is. */
function unreadableFile(path: string, error: unknown): KtError {
  return new KtError("kubeconfig-unreadable", `cannot read kubeconfig "${path}": ${messageOf(error)}`, {
    hints: [command`kubectl config view --kubeconfig ${path}`],
    cause: error,
  });
}

/** Manifests of other objects are YAML too. */
function refuseOther(raw: Fields): void {
  const [kind = "Config", version = "v1"] = [text(raw["kind"]), text(raw["apiVersion"])];
  if (kind !== "Config" || version !== "v1")
    throw new KtError("kubeconfig-unreadable", `it says that it is a "${kind}" of "${version}", and a kubeconfig is a "Config" of "v1"`);
}

/** Data in the kubeconfig wins over a file. */
function pemSource({ entry, quoted }: Entry, key: string, file: string): PemSource {
  const pem = decoded(entry, `${key}-data`, quoted);
  if (pem !== undefined) return { pem };
  const named = text(entry[key]);
  return named === undefined ? {} : { file: besideFile(file, named) };
}

const isNamed = ({ pem, file }: PemSource): boolean => pem !== undefined || file !== undefined;

/** A cluster without a server is none. */
function readCluster(named: Entry, file: string): ClusterConfig | undefined {
  const { name, entry, quoted } = named;
  const server = text(entry["server"]);
  if (server === undefined) return undefined;
  const extension = list(entry["extensions"]).find((item) => fields(item)["name"] === "client.authentication.k8s.io/exec");
  return {
    name,
    file,
    server: serverUrl(server),
    ca: pemSource(named, "certificate-authority", file),
    tlsServerName: text(entry["tls-server-name"]),
    insecure: flag(entry, "insecure-skip-tls-verify", quoted),
    proxyUrl: text(entry["proxy-url"]),
    execExtension: plainValue(fields(extension)["extension"]),
  };
}

function readUser(named: Entry, file: string): UserConfig {
  const { name, entry } = named;
  const tokenFile = text(entry["tokenFile"]);
  return {
    name,
    file,
    cert: pemSource(named, "client-certificate", file),
    key: pemSource(named, "client-key", file),
    token: text(entry["token"]),
    tokenFile: tokenFile === undefined ? undefined : besideFile(file, tokenFile),
    username: text(entry["username"]),
    password: text(entry["password"]),
    exec: readExec(entry["exec"], named, file),
    authProvider: readAuthProvider(entry["auth-provider"]),
    impersonate: readImpersonation(entry),
  };
}

function readExec(value: unknown, { quoted }: Entry, file: string): ExecConfig | undefined {
  const exec = fields(value);
  const command = text(exec["command"]);
  if (command === undefined) return undefined;
  const env = list(exec["env"]).map((item) => [text(fields(item)["name"]), text(fields(item)["value"]) ?? ""] as const);
  return {
    apiVersion: text(exec["apiVersion"]) ?? "",
    // A path is relative to the kubeconfig, a bare name is looked up in PATH.
    command: command.includes("/") ? besideFile(file, command) : command,
    args: texts(exec["args"]),
    env: Object.fromEntries(env.filter((entry): entry is [string, string] => entry[0] !== undefined)),
    installHint: text(exec["installHint"])?.trim(),
    interactiveMode: text(exec["interactiveMode"]),
    provideClusterInfo: flag(exec, "provideClusterInfo", quoted),
  };
}

function readAuthProvider(value: unknown): UserConfig["authProvider"] {
  const name = text(fields(value)["name"]);
  return name === undefined ? undefined : { name, config: textFields(fields(value)["config"]) };
}

function readImpersonation(entry: Fields): Impersonation | undefined {
  const user = text(entry["as"]);
  if (user === undefined && ["as-uid", "as-groups", "as-user-extra"].every((key) => entry[key] === undefined)) return undefined;
  const extra = Object.entries(fields(entry["as-user-extra"])).map(([key, values]) => [key, texts(values)] as const);
  return { user: user ?? "", uid: text(entry["as-uid"]), groups: texts(entry["as-groups"]), extra: Object.fromEntries(extra) };
}

/** A context that names no cluster is none. */
function readContext({ entry }: Entry, file: string): ContextEntry | undefined {
  const cluster = text(entry["cluster"]);
  return cluster === undefined ? undefined : { file, cluster, user: text(entry["user"]), namespace: text(entry["namespace"]) };
}

/** Who signs in to the cluster. As kubectl, kt sends credentials over https only, and asks no plugin for what it would not send. */
export function signedInUser({ cluster, user }: ContextConfig): UserConfig | undefined {
  return cluster.server.startsWith("https:") ? user : undefined;
}

/** Throws KtError `context-unknown`, naming the nearest and the known ones, or `kubeconfig-unreadable` for a loose end. */
export function selectContext(config: Kubeconfig, wanted: string | undefined, overrides: ContextOverrides = {}): ContextConfig {
  const where = config.files.map((file) => `"${file}"`).join(", ");
  const { name, entry } = findContext(config, wanted, overrides, where);
  const clusterName = overrides.cluster ?? entry.cluster;
  const cluster = config.clusters.get(clusterName) ?? (overrides.server === undefined ? undefined : bareCluster(clusterName));
  if (!cluster) throw looseEnd(where, `context "${name}" names cluster "${clusterName}", which is not there or has no server`);
  const userName = overrides.user ?? entry.user;
  const user = userName === undefined ? undefined : config.users.get(userName);
  if (userName !== undefined && !user) throw looseEnd(where, `context "${name}" names user "${userName}", which is not there`);
  const selected = { name, file: entry.file, namespace: entry.namespace ?? "default", isInside: false, cluster, user };
  const context = withOverrides(selected, overrides);
  const contradiction = contradictionIn(context.cluster) ?? (context.user && halfIn(context.user));
  if (contradiction !== undefined) throw looseEnd(where, contradiction);
  return context;
}

interface FoundContext {
  readonly name: string;
  readonly entry: ContextEntry;
}

/** Where the command line says which cluster, no context is needed: the cluster's name stands for one. */
function findContext(config: Kubeconfig, wanted: string | undefined, overrides: ContextOverrides, where: string): FoundContext {
  const standIn = overrides.cluster ?? overrides.server;
  const name = wanted ?? config.currentContext ?? standIn;
  if (name === undefined)
    throw new KtError("context-unknown", `kubeconfig ${where} sets no current-context`, {
      hints: contextHints(config, undefined),
      detail: "no-current-context",
    });
  const entry = config.contexts.get(name);
  if (entry) return { name, entry };
  if (name === standIn) return { name, entry: { file: config.files[0] ?? "", cluster: name, user: undefined, namespace: undefined } };
  throw new KtError("context-unknown", `context "${name}" is not in kubeconfig ${where}`, { hints: contextHints(config, name) });
}

/** One of the two is a mistake, and which one decides whether any server is trusted. */
function contradictionIn({ name, insecure, ca }: ClusterConfig): string | undefined {
  return insecure && isNamed(ca) ? `cluster "${name}" has both insecure-skip-tls-verify and a certificate authority` : undefined;
}

function halfIn({ name, cert, key, impersonate }: UserConfig): string | undefined {
  if (impersonate?.user === "") return `user "${name}" has as-uid, as-groups or as-user-extra without as`;
  if (isNamed(cert) === isNamed(key)) return undefined;
  const [has, lacks] = isNamed(cert) ? ["certificate", "key"] : ["key", "certificate"];
  return `user "${name}" has a client ${has} without a client ${lacks}`;
}

const looseEnd = (where: string, what: string): KtError => new KtError("kubeconfig-unreadable", `kubeconfig ${where}: ${what}`);

function contextHints(config: Kubeconfig, wanted: string | undefined): string[] {
  const known = [...config.contexts.keys()];
  if (known.length === 0) return ["the kubeconfig has no contexts at all"];
  const close = wanted === undefined ? undefined : nearest(wanted, known);
  const listed = `known contexts: ${known.map((name) => `"${name}"`).join(", ")}`;
  return close === undefined ? [listed] : [`did you mean "${close}"?`, listed];
}
