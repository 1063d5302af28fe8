/** A profile of kt's own for one target that no project names: a file in the hub's private directory, with one port. */

import { mkdir, rm } from "node:fs/promises";
import { write } from "bun";
import { KtError, messageOf } from "#base/errors.ts";
import { listenTcp } from "#net/tcp.ts";
import { tomlString } from "#profile/toml/text.ts";
import { parseTarget } from "#route/target-text.ts";

export interface TargetProfile {
  readonly target: string;
  /** Undefined: kubeconfig's current one. */
  readonly context: string | undefined;
  /** Undefined: a free one. */
  readonly localPort: number | undefined;
}

/** Resolves to its path. Throws KtError for what is not a valid target. */
export async function writeTargetProfile(directory: string, { target, context, localPort = freePort() }: TargetProfile): Promise<string> {
  parseTarget(target);
  const folder = `${foldersIn(directory)}/${crypto.randomUUID()}`;
  const path = `${folder}/tunnels.toml`;
  const lines = [
    "# Made by kt for one target; it goes when that is no longer forwarded.",
    `name = ${literal(target)}`,
    ...(context === undefined ? [] : [`context = ${literal(context)}`]),
    "[tcp]",
    `${localPort} = ${literal(target)}`,
    "",
  ];
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await write(path, lines.join("\n"));
  } catch (error) {
    throw new KtError("file-unwritable", `write "${path}": ${messageOf(error)}`, { cause: error });
  }
  return path;
}

/** Nothing where it is not one of these. */
export async function removeTargetProfile(directory: string, path: string): Promise<void> {
  const folder = path.slice(0, path.lastIndexOf("/"));
  if (!path.startsWith(`${foldersIn(directory)}/`) || path.includes("/../")) return;
  await rm(folder, { recursive: true, force: true });
}

const foldersIn = (directory: string): string => `${directory}/forwards`;

/** Nothing in it is a variable. */
const literal = (text: string): string => tomlString(text.replaceAll("$", "$$$$"));

/** The system's choice. Another program may take it before the hub does, which the hub then says. */
function freePort(): number {
  const listener = listenTcp({ host: "127.0.0.1", port: 0, accept: (conn) => conn.abort() });
  const { port } = listener;
  listener.close();
  return port;
}
