/** Holds kubeconfigs that are not the user's own to what was consented to, at the one place where they are used. */

import { KtError } from "#base/errors.ts";
import type { FileCache } from "./files.ts";
import type { ClusterConfig, ContextConfig, UserConfig } from "./context-config.ts";

/** By path, the SHA-256 of the text that was consented to; empty for none. */
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
