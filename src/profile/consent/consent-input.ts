/** Looks up what the rules of consent go by: who owns the profile's files, where they are, and what its kubeconfigs would do. */

import { realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { limits } from "#base/limits.ts";
import { readRegularFile } from "#base/regular-file.ts";
import { type ConsentInput, digestOf, type NamedKubeconfig, type ProfilePart } from "./consent.ts";
import type { SourceReader } from "#profile/read/extends.ts";
import { kubeconfigRisks } from "./kubeconfig-risks.ts";
import type { Layer } from "#profile/read/layer.ts";
import { foreignOwner, isInside, isUsersOwn, isUsualKubeconfig, type User } from "./trust.ts";

export interface ConsentQuestion extends User {
  /** Absolute path of the profile. */
  readonly file: string;
  readonly layer: Layer;
  readonly reader: SourceReader;
  /** What counts where no file names a kubeconfig. */
  readonly usualKubeconfig: readonly string[];
}

export async function consentInput(question: ConsentQuestion): Promise<ConsentInput> {
  const { layer, reader, file, usualKubeconfig } = question;
  const folder = await real(dirname(file));
  const named = layer.settings.kubeconfig?.value ?? [];
  const strange = named.filter((path) => !isUsualKubeconfig(path, usualKubeconfig, question));
  const kubeconfigs = strange.map((path) => examineKubeconfig(path, named, folder, question));
  return { layer, sources: reader.sources, parts: partsOf(question, folder), kubeconfigs: await Promise.all(kubeconfigs) };
}

/** The profile's path, the same through whatever links its folder is reached. */
export async function canonicalPath(file: string): Promise<string> {
  return join(await real(dirname(file)), basename(file));
}

async function real(path: string): Promise<string> {
  return await realpath(path).catch(() => path);
}

function partsOf({ reader, ...user }: ConsentQuestion, folder: string): readonly ProfilePart[] {
  return [...reader.found].map(([path, found]) => ({
    ...found,
    path,
    isOutside: !reader.own.has(path) && !isInside(found.realPath, folder) && !isUsersOwn(path, user),
    foreignOwner: foreignOwner(found.uid, user),
  }));
}

async function examineKubeconfig(path: string, all: readonly string[], folder: string, user: User): Promise<NamedKubeconfig> {
  const found = read(path);
  const risks = found === undefined ? [] : kubeconfigRisks(Buffer.from(found.bytes).toString("utf8"));
  const mergedWith = all.filter((other) => other !== path);
  const text = found === undefined ? "" : digestOf(found.bytes);
  const references = risks.flatMap(({ paths }) => paths);
  const folders = [await real(dirname(path)), folder];
  const programs = await Promise.all(references.flatMap((reference) => folders.map((base) => stateOf(reference, base, folders))));
  return {
    path,
    risks,
    accepted: risks.length + mergedWith.length === 0 ? "" : text,
    digest: digestOf([text, ...programs].join(" ")),
    foreignOwner: foreignOwner(found?.uid, user),
    mergedWith,
  };
}

/** What is in the folder comes with it, and changes with it; what the user has installed does not. */
async function stateOf(reference: string, base: string, folders: readonly string[]): Promise<string> {
  const path = resolve(base, reference);
  if (!folders.some((folder) => isInside(path, folder))) return "";
  const target = await real(path);
  // Behind a link that leads out, such as one to a token, what counts is where it leads.
  if (!folders.some((folder) => isInside(target, folder))) return target;
  const bytes = read(path)?.bytes;
  return bytes === undefined ? "" : digestOf(bytes);
}

function read(path: string): { readonly bytes: Uint8Array; readonly uid: number } | undefined {
  try {
    return readRegularFile(path, { mostBytes: limits.kubeconfigBytes, code: "kubeconfig-unreadable" });
  } catch {
    return undefined;
  }
}
