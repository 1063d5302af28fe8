/** Remembers which profiles may do what needs consent, and loads only plans that need none or have it. */

import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { KtError, messageOf } from "#base/errors.ts";
import { daemonLimits } from "#daemon/limits.ts";
import { readRegularFile } from "#base/regular-file.ts";
import { stateDirectory, type Surroundings } from "#control/socket-path.ts";
import { canonicalPath } from "#profile/consent/consent-input.ts";
import type { ConsentFact } from "#profile/consent/consent-fact.ts";
import { consentDigest, digestOf, NotAllowedError } from "#profile/consent/consent.ts";
import { type LoadedPlan, loadPlan, type LoadOptions } from "#profile/load.ts";

export interface ConsentRecord {
  /** The canonical path. */
  readonly profile: string;
  /** Of the facts, with their content. */
  readonly digest: string;
  /** What was allowed, in words. */
  readonly allowed: readonly string[];
}

/** One file for each profile, so that two that are allowed at once do not overwrite each other. */
export class ConsentRecords {
  readonly #directory: string;

  constructor(at: Surroundings) {
    this.#directory = `${stateDirectory(at)}/allowed`;
  }

  /** Where the profile's record is, or would be. */
  pathOf(profile: string): string {
    return `${this.#directory}/${digestOf(profile)}.json`;
  }

  isAllowed(profile: string, facts: readonly ConsentFact[]): boolean {
    const record = readRecord(this.pathOf(profile));
    return record?.profile === profile && record.digest === consentDigest(facts);
  }

  /** Throws KtError `file-unwritable`. */
  async allow(profile: string, facts: readonly ConsentFact[]): Promise<void> {
    const path = this.pathOf(profile);
    const record: ConsentRecord = { profile, digest: consentDigest(facts), allowed: facts.map(({ what }) => what) };
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      await chmod(this.#directory, 0o700);
      // What is there may be a link, or have another mode.
      await rm(path, { force: true });
      await writeFile(path, `${JSON.stringify(record)}\n`, { mode: 0o600, flag: "wx" });
    } catch (thrown) {
      throw new KtError("file-unwritable", `write "${path}": ${messageOf(thrown)}`, { cause: thrown });
    }
  }

  /** False where there was nothing to forget. */
  async forget(profile: string): Promise<boolean> {
    const path = this.pathOf(profile);
    const was = readRecord(path) !== undefined;
    await rm(path, { force: true });
    return was;
  }

  /** By path. */
  async list(): Promise<readonly ConsentRecord[]> {
    const names = await readdir(this.#directory).catch(() => []);
    const records = names.flatMap((name) => readRecord(`${this.#directory}/${name}`) ?? []);
    return records.sort((left, right) => (left.profile < right.profile ? -1 : 1));
  }
}

/** Undefined for a file of another user: only the user's own records count. */
function readRecord(path: string): ConsentRecord | undefined {
  try {
    const { bytes, uid } = readRegularFile(path, { mostBytes: daemonLimits.consentRecordBytes, code: "internal" });
    if (uid !== process.getuid?.()) return undefined;
    const parsed: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is ConsentRecord {
  if (typeof value !== "object" || value === null) return false;
  const { profile, digest, allowed }: Partial<Record<keyof ConsentRecord, unknown>> = value;
  return typeof profile === "string" && typeof digest === "string" && Array.isArray(allowed);
}

/** Of the user whose environment it is. */
export function recordsOf({ environment, home }: Pick<LoadOptions, "environment" | "home">): ConsentRecords {
  return new ConsentRecords({ platform: process.platform, uid: process.getuid?.() ?? 0, home, environment });
}

export interface AllowedPlan extends LoadedPlan {
  /** Files besides the plan's own that may bring or take consent. */
  readonly consentFiles: readonly string[];
}

/** A profile with what it would do, and whether it may. */
export interface ExaminedPlan extends AllowedPlan {
  /** The canonical path, by which it is remembered. */
  readonly profile: string;
  readonly isAllowed: boolean;
}

/** Throws as `loadPlan` does. */
export async function examinePlan(options: LoadOptions): Promise<ExaminedPlan> {
  const loaded = await loadPlan(options);
  const { facts, plan } = loaded;
  const strange = Object.keys(plan.strangers);
  const records = recordsOf(options);
  const profile = await canonicalPath(plan.profile);
  const isAllowed = facts.length === 0 || records.isAllowed(profile, facts);
  return { ...loaded, profile, isAllowed, consentFiles: facts.length === 0 ? strange : [...strange, records.pathOf(profile)] };
}

/** Throws as `loadPlan` does, and NotAllowedError. */
export async function loadAllowed(options: LoadOptions): Promise<AllowedPlan> {
  const examined = await examinePlan(options);
  const { plan, facts, isAllowed, consentFiles } = examined;
  if (!isAllowed) throw new NotAllowedError(plan.profile, facts, [...plan.files, ...consentFiles]);
  return examined;
}
