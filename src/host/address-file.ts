/** The file in which addresses are remembered, so that a service has the same one after a restart. */

import { mkdir, writeFile } from "node:fs/promises";
import { file } from "bun";
import { writeInOneStep } from "#native/write-in-one-step.ts";
import type { Remembered } from "./address-book.ts";
import { hostLimits } from "./limits.ts";

const version = 1;

function isRemembered(value: unknown): value is Remembered {
  if (typeof value !== "object" || value === null) return false;
  const fields: Readonly<Record<string, unknown>> = { ...value };
  const texts = ["base", "cluster", "namespace", "name", "address"].every((key) => typeof fields[key] === "string");
  return texts && Number.isFinite(fields["seenMs"]);
}

/** None where the file is missing or is not one of ours: the addresses are then given anew. */
export async function readAddresses(path: string): Promise<Remembered[]> {
  try {
    if (file(path).size > hostLimits.addressFileBytes) return [];
    const known: { readonly version?: unknown; readonly addresses?: unknown } = await file(path).json();
    return known.version === version && Array.isArray(known.addresses) ? known.addresses.filter(isRemembered) : [];
  } catch {
    return [];
  }
}

/** Replaces the file in one step: a hub may be killed at any time. Rejects where it cannot be written. */
export async function writeAddresses(path: string, addresses: readonly Remembered[]): Promise<void> {
  await mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
  await writeInOneStep(path, (fresh) => writeFile(fresh, JSON.stringify({ version, addresses }), { mode: 0o600 }));
}
