/** Which profiles are attached to stay (`kt up -d`), for the hub after one that was killed. Paths only: an environment holds secrets. */

import { rm, writeFile } from "node:fs/promises";
import { file } from "bun";
import { KtError } from "#base/errors.ts";
import type { HubClient } from "#control/client.ts";
import { writeInOneStep } from "#native/write-in-one-step.ts";
import type { Environment } from "./profiles.ts";

const pathIn = (directory: string): string => `${directory}/attached.json`;

/** Absolute paths of profiles; none where no hub was killed. */
export async function readRemembered(directory: string): Promise<string[]> {
  try {
    const known: unknown = await file(pathIn(directory)).json();
    return Array.isArray(known) ? known.filter((path): path is string => typeof path === "string" && path.startsWith("/")) : [];
  } catch {
    return [];
  }
}

/** Replaces the file in one step: a hub may be killed at any time. */
export async function writeRemembered(directory: string, profiles: readonly string[]): Promise<void> {
  const path = pathIn(directory);
  if (profiles.length === 0) return await rm(path, { force: true });
  await writeInOneStep(path, (fresh) => writeFile(fresh, JSON.stringify(profiles), { mode: 0o600 }));
}

/** For `kt down` while no hub runs: they are not to come back. Returns those that would have. */
export async function forgetRemembered(directory: string, profile: string | undefined): Promise<string[]> {
  const known = await readRemembered(directory);
  const forgotten = known.filter((path) => profile === undefined || path === profile);
  if (forgotten.length > 0)
    await writeRemembered(
      directory,
      known.filter((path) => !forgotten.includes(path)),
    );
  return forgotten;
}

/** Keeps the file as what is attached changes. */
export class Remembered {
  readonly #directory: string;
  #written: string | undefined;
  /** Writes follow one another. */
  #writing: Promise<void> = Promise.resolve();
  #isOurs = true;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Resolves when it is written. What cannot be written is not remembered. */
  keep(profiles: readonly string[]): Promise<void> {
    const text = JSON.stringify(profiles);
    if (this.#isOurs && text !== this.#written) {
      this.#written = text;
      this.#writing = this.#writing.then(() => writeRemembered(this.#directory, profiles)).catch(() => {});
    }
    return this.#writing;
  }

  /** Another hub has the folder now, and what it remembers is its own. */
  leave(): void {
    this.#isOurs = false;
  }

  /** The folder was removed, and is there again. */
  keepAgain(): Promise<void> {
    const profiles: readonly string[] = JSON.parse(this.#written ?? "[]");
    this.#written = undefined;
    return this.keep(profiles);
  }
}

export interface AttachedAgain {
  readonly names: readonly string[];
  readonly problems: readonly { readonly file: string; readonly error: KtError }[];
}

/** Gives a new hub what a killed one had, with the environment of this shell. */
export async function attachRemembered(client: HubClient, files: readonly string[], environment: Environment): Promise<AttachedAgain> {
  const names: string[] = [];
  const problems: { file: string; error: KtError }[] = [];
  for (const each of files) {
    try {
      names.push((await client.ask({ type: "attach", file: each, environment, pin: true }, "attached")).name);
    } catch (error) {
      if (!(error instanceof KtError)) throw error;
      problems.push({ file: each, error });
    }
  }
  return { names, problems };
}
