/** Holds kubeconfigs that are not the user's own to what was consented to, at the one place where they are used. */

import { KtError } from "#base/errors.ts";
import { hasState } from "#base/file-state.ts";
import type { FileCache } from "./files.ts";
import type { ClusterConfig, ContextConfig, ExecConfig, UserConfig } from "./context-config.ts";

/** By path, the SHA-256 of the text that was consented to, empty for none; with them the states of the files that they name. */
export type Strangers = Readonly<Record<string, string>>;

/**
 * A context that comes from a stranger's kubeconfig, in a text that was not consented to, may only speak to its own server with
 * credentials that stand beside it. Throws KtError `profile-not-allowed`.
 */
export function refuseStrangers(config: ContextConfig, strangers: Strangers, cache: FileCache): void {
  const files = new Set([config.file, config.cluster.file, ...(config.user === undefined ? [] : [config.user.file])]);
  const unknown = [...files].find((file) => Object.hasOwn(strangers, file) && !isAccepted(file, strangers, cache));
  if (unknown === undefined || (files.size === 1 && isSelfContained(config))) return;
  throw new KtError(
    "profile-not-allowed",
    `context "${config.name}" of kubeconfig "${unknown}" would run a program, read other files or use what is in others, without your consent`,
    { hints: ["kt check says what, kt allow gives it"] },
  );
}

/** Its plugin runs only while the files that the consent is about are what they were. */
export function bindPlugin(config: ContextConfig, strangers: Strangers, files: readonly string[]): ContextConfig {
  const { user } = config;
  if (user?.exec === undefined || !Object.hasOwn(strangers, user.file)) return config;
  const named = Object.entries(strangers).filter(([path]) => !files.includes(path));
  return named.length === 0 ? config : { ...config, user: { ...user, exec: { ...user.exec, consented: Object.fromEntries(named) } } };
}

/** Throws KtError `profile-not-allowed`. */
export function refuseChanged({ consented = {} }: Pick<ExecConfig, "consented">): void {
  const changed = Object.entries(consented).find(([path, state]) => !hasState(path, state));
  if (changed === undefined) return;
  throw new KtError("profile-not-allowed", `"${changed[0]}" is not what it was when you gave your consent to run it`, {
    hints: ["kt check says what, kt allow gives it"],
  });
}

function isAccepted(file: string, strangers: Strangers, cache: FileCache): boolean {
  return strangers[file] === cache.digest(file);
}

function isSelfContained({ cluster, user }: ContextConfig): boolean {
  return isWholeCluster(cluster) && (user === undefined || isWholeUser(user));
}

function isWholeCluster({ ca, proxyUrl }: ClusterConfig): boolean {
  return ca.file === undefined && proxyUrl === undefined;
}

function isWholeUser({ exec, authProvider, tokenFile, cert, key }: UserConfig): boolean {
  return [exec, authProvider, tokenFile, cert.file, key.file].every((part) => part === undefined);
}
