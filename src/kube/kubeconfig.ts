/** Reads and merges kubeconfig files as kubectl does, and finds what one context says: server, trust, user, namespace. */

import { YAML } from "bun";
import { newClusters, newContexts, newUsers } from "@kubernetes/client-node/dist/config_types.js";
import { KtError, messageOf } from "#base/errors.ts";
import { nearest } from "#base/nearest.ts";
import { shellQuoted } from "#base/shell.ts";
import { besideFile, type FileCache, fileStamp } from "./files.ts";

/** A PEM text in the kubeconfig itself, or the absolute path of a file that holds it. */
export interface PemSource {
  readonly pem?: string | undefined;
  readonly file?: string | undefined;
}

export interface ClusterConfig {
  readonly name: string;
  /** Without a trailing slash; may have a path. */
  readonly server: string;
  readonly ca: PemSource;
  readonly tlsServerName: string | undefined;
  readonly insecure: boolean;
  readonly proxyUrl: string | undefined;
  /** For exec plugins with `provideClusterInfo`: the cluster's own extension for them. */
  readonly execExtension: unknown;
}

export interface ExecConfig {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly installHint: string | undefined;
  readonly interactiveMode: string | undefined;
  readonly provideClusterInfo: boolean;
}

export interface Impersonation {
  readonly user: string;
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export interface UserConfig {
  readonly name: string;
  /** The kubeconfig file that defines the user. */
  readonly file: string;
  readonly cert: PemSource;
  readonly key: PemSource;
  readonly token: string | undefined;
  /** Absolute path; wins over `token`. */
  readonly tokenFile: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly exec: ExecConfig | undefined;
  readonly authProvider: { readonly name: string; readonly config: Readonly<Record<string, string>> } | undefined;
  readonly impersonate: Impersonation | undefined;
}

/** What a context comes down to. */
export interface ContextConfig {
  readonly name: string;
  readonly namespace: string;
  readonly cluster: ClusterConfig;
  /** Undefined: anonymous. */
  readonly user: UserConfig | undefined;
}

interface ContextEntry {
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

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const fields = (value: unknown): Fields => (isFields(value) ? value : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** YAML reads an unquoted number as a number; a name or token is text all the same. */
function text(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

const texts = (value: unknown): string[] => list(value).flatMap((item) => text(item) ?? []);

function textFields(value: unknown): Record<string, string> {
  const entries = Object.entries(fields(value)).map(([key, item]) => [key, typeof item === "boolean" ? String(item) : text(item)] as const);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
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
    addMissing(clusters, readClusters(raw, path));
    addMissing(users, readUsers(raw, path));
    addMissing(contexts, readContexts(raw));
  }
  return { files, currentContext, contexts, clusters, users };
}

function addMissing<T>(into: Map<string, T>, entries: ReadonlyMap<string, T>): void {
  for (const [name, entry] of entries) if (!into.has(name)) into.set(name, entry);
}

function readFile(path: string, cache: FileCache): Fields | undefined {
  try {
    if (fileStamp(path) === undefined) return undefined;
    const parsed: unknown = YAML.parse(cache.read(path));
    if (parsed === null || parsed === undefined) return {};
    if (!isFields(parsed)) throw new KtError("kubeconfig-unreadable", "it is no YAML mapping");
    return parsed;
  } catch (error) {
    const reason = messageOf(error);
    throw new KtError("kubeconfig-unreadable", `cannot read kubeconfig "${path}": ${reason}`, {
      hints: [`kubectl config view --kubeconfig ${shellQuoted(path)}`],
      cause: error,
    });
  }
}

/** The named entries of one list, by name, as written. */
function rawEntries(raw: Fields, key: string, inner: string): Map<string, Fields> {
  const entries = new Map<string, Fields>();
  for (const item of list(raw[key])) {
    const name = text(fields(item)["name"]);
    if (name !== undefined && !entries.has(name)) entries.set(name, fields(fields(item)[inner]));
  }
  return entries;
}

const lenient = { onInvalidEntry: "filter" } as const;

function decodeData(data: unknown): string | undefined {
  const encoded = text(data);
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString("utf8");
}

/** Data in the kubeconfig wins over a file, as with kubectl. */
function pemSource(data: unknown, path: unknown, file: string): PemSource {
  const pem = decodeData(data);
  if (pem !== undefined) return { pem };
  const named = text(path);
  return named === undefined ? {} : { file: besideFile(file, named) };
}

function readClusters(raw: Fields, file: string): Map<string, ClusterConfig> {
  const entries = rawEntries(raw, "clusters", "cluster");
  const clusters = new Map<string, ClusterConfig>();
  for (const { name, server, caData, caFile, tlsServerName, skipTLSVerify, proxyUrl } of newClusters(raw["clusters"], lenient)) {
    const extension = list(entries.get(name)?.["extensions"]).find((item) => fields(item)["name"] === "client.authentication.k8s.io/exec");
    const ca = pemSource(caData, caFile, file);
    const execExtension = fields(extension)["extension"];
    const config = {
      name,
      server,
      ca,
      tlsServerName: text(tlsServerName),
      insecure: skipTLSVerify,
      proxyUrl: text(proxyUrl),
      execExtension,
    };
    if (!clusters.has(name)) clusters.set(name, config);
  }
  return clusters;
}

function readUsers(raw: Fields, file: string): Map<string, UserConfig> {
  const entries = rawEntries(raw, "users", "user");
  const users = new Map<string, UserConfig>();
  for (const user of newUsers(raw["users"], lenient)) {
    const entry = entries.get(user.name) ?? {};
    const tokenFile = text(entry["tokenFile"]);
    if (users.has(user.name)) continue;
    users.set(user.name, {
      name: user.name,
      file,
      cert: pemSource(user.certData, user.certFile, file),
      key: pemSource(user.keyData, user.keyFile, file),
      token: text(user.token),
      tokenFile: tokenFile === undefined ? undefined : besideFile(file, tokenFile),
      username: text(user.username),
      password: text(user.password),
      exec: readExec(user.exec, file),
      authProvider: readAuthProvider(user.authProvider),
      impersonate: readImpersonation(entry),
    });
  }
  return users;
}

function readExec(value: unknown, file: string): ExecConfig | undefined {
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
    provideClusterInfo: exec["provideClusterInfo"] === true,
  };
}

function readAuthProvider(value: unknown): UserConfig["authProvider"] {
  const name = text(fields(value)["name"]);
  return name === undefined ? undefined : { name, config: textFields(fields(value)["config"]) };
}

function readImpersonation(entry: Fields): Impersonation | undefined {
  const user = text(entry["as"]);
  if (user === undefined) return undefined;
  const extra = Object.entries(fields(entry["as-user-extra"])).map(([key, values]) => [key, texts(values)] as const);
  return { user, uid: text(entry["as-uid"]), groups: texts(entry["as-groups"]), extra: Object.fromEntries(extra) };
}

function readContexts(raw: Fields): Map<string, ContextEntry> {
  const contexts = new Map<string, ContextEntry>();
  for (const { name, cluster, user, namespace } of newContexts(raw["contexts"], lenient)) {
    if (!contexts.has(name)) contexts.set(name, { cluster, user: text(user), namespace: text(namespace) });
  }
  return contexts;
}

/** Who signs in to the cluster. As kubectl, kt sends credentials over https only, and asks no plugin for what it would not send. */
export function signedInUser({ cluster, user }: ContextConfig): UserConfig | undefined {
  return cluster.server.startsWith("https:") ? user : undefined;
}

/** Throws KtError `context-unknown`, naming the nearest and the known ones, or `kubeconfig-unreadable` for a loose end. */
export function selectContext(config: Kubeconfig, wanted: string | undefined): ContextConfig {
  const name = wanted ?? config.currentContext;
  const where = config.files.map((file) => `"${file}"`).join(", ");
  if (name === undefined)
    throw new KtError("context-unknown", `kubeconfig ${where} sets no current-context`, { hints: contextHints(config, undefined) });
  const entry = config.contexts.get(name);
  if (!entry)
    throw new KtError("context-unknown", `context "${name}" is not in kubeconfig ${where}`, { hints: contextHints(config, name) });
  const cluster = config.clusters.get(entry.cluster);
  if (!cluster) throw looseEnd(where, `context "${name}" names cluster "${entry.cluster}", which is not there or has no server`);
  const user = entry.user === undefined ? undefined : config.users.get(entry.user);
  if (entry.user !== undefined && !user) throw looseEnd(where, `context "${name}" names user "${entry.user}", which is not there`);
  return { name, namespace: entry.namespace ?? "default", cluster, user };
}

const looseEnd = (where: string, what: string): KtError => new KtError("kubeconfig-unreadable", `kubeconfig ${where}: ${what}`);

function contextHints(config: Kubeconfig, wanted: string | undefined): string[] {
  const known = [...config.contexts.keys()];
  if (known.length === 0) return ["the kubeconfig has no contexts at all"];
  const close = wanted === undefined ? undefined : nearest(wanted, known);
  const listed = `known contexts: ${known.map((name) => `"${name}"`).join(", ")}`;
  return close === undefined ? [listed] : [`did you mean "${close}"?`, listed];
}
