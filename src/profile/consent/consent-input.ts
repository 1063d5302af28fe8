/** Looks up what the rules of consent go by: who owns the profile's files, where they are, and what its kubeconfigs would do. */

import { realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { contentState } from "#base/file-state.ts";
import { sharedLimits } from "#base/limits.ts";
import { readRegularFile } from "#base/regular-file.ts";
import { type ConsentInput, digestOf, type NamedKubeconfig, type ProfilePart } from "./consent.ts";
import type { SourceReader } from "#profile/read/extends.ts";
import { type KubeconfigRisk, kubeconfigRisks } from "./kubeconfig-risks.ts";
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

/** The profile's path behind all links. */
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
  const programs = await programsOf(risks, [await real(dirname(path)), folder]);
  return {
    path,
    risks,
    accepted: risks.length + mergedWith.length === 0 ? "" : text,
    programs,
    digest: digestOf([text, ...Object.values(programs)].join(" ")),
    foreignOwner: foreignOwner(found?.uid, user),
    mergedWith,
  };
}

/** By absolute path, the state of what it names in these folders, also of what is not there yet but has the form of a path. */
async function programsOf(risks: readonly KubeconfigRisk[], folders: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const named = new Set(
    risks.flatMap(({ paths }) => paths).flatMap((name) => folders.map((base) => ({ name, path: resolve(base, name) }))),
  );
  const states = await Promise.all([...named].map(async ({ name, path }) => ({ name, path, state: await stateOf(path, folders) })));
  const bound = states.filter(({ name, state }) => state !== undefined && (state !== "" || name.includes("/")));
  return Object.fromEntries(bound.map(({ path, state }) => [path, state ?? ""]));
}

/** What is in the folder comes with it, and changes with it; what the user has installed does not: undefined. */
async function stateOf(path: string, folders: readonly string[]): Promise<string | undefined> {
  if (!folders.some((folder) => isInside(path, folder))) return undefined;
  const target = await real(path);
  // Behind a link that leads out, such as one to a token, what counts is where it leads.
  return folders.some((folder) => isInside(target, folder)) ? contentState(path) : target;
}

function read(path: string): { readonly bytes: Uint8Array; readonly uid: number } | undefined {
  try {
    return readRegularFile(path, { mostBytes: sharedLimits.kubeconfigBytes, code: "kubeconfig-unreadable" });
  } catch {
    return undefined;
  }
}
