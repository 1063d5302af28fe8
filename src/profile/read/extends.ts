/** Follows `extends` and the local override from a profile's file to the list of files that make it up. */

import { basename, dirname, extname, join } from "node:path";
import { profileLimits } from "#profile/limits.ts";
import { nearest } from "#base/nearest.ts";
import type { ProfileProblem } from "#profile/values/problems.ts";
import { expandPath } from "#profile/values/paths.ts";
import { shippedProfiles } from "./shipped.ts";
import { Source } from "./source.ts";
import type { ProfileSchema } from "#profile/schema/schema.ts";
import type { Environment } from "#profile/values/variables.ts";

export interface FoundFile {
  readonly text: string;
  /** Its owner; undefined where it is not known. */
  readonly uid: number | undefined;
  /** Behind all links. */
  readonly realPath: string;
}

/** Reads a file; undefined when there is none. Anything else that goes wrong is thrown. */
export type FindFile = (path: string) => Promise<FoundFile | undefined>;

export interface ReaderOptions {
  readonly environment: Environment;
  /** What `~` stands for. */
  readonly home: string;
  readonly findFile: FindFile;
  /** What the files are held against. */
  readonly schema: ProfileSchema;
}

interface Origin {
  readonly from: Source;
  /** Which item of its `extends`. */
  readonly index: number;
}

/** `tunnels.toml` → `tunnels.local.toml`. */
export function localOverrideOf(file: string): string {
  const extension = extname(file);
  return join(dirname(file), `${basename(file, extension)}.local${extension}`);
}

/**
 * Reads everything that one profile is made of. The sources come in the order in which they are merged: each file after the files
 * it extends, a file that several extend once, the local override last.
 */
export class SourceReader {
  readonly sources: Source[] = [];
  readonly problems: ProfileProblem[] = [];
  /** Absolute paths that were read or looked for. */
  readonly files = new Set<string>();
  /** Those that were there. */
  readonly found = new Map<string, FoundFile>();
  /** The project's own files: the profile and its local override. */
  readonly own = new Set<string>();
  readonly #environment: Environment;
  readonly #home: string;
  readonly #findFile: FindFile;
  readonly #schema: ProfileSchema;
  readonly #done = new Set<string>();

  constructor({ environment, home, findFile, schema }: ReaderOptions) {
    this.#schema = schema;
    this.#environment = environment;
    this.#home = home;
    this.#findFile = findFile;
  }

  /** Reads the profile, its local override, and what both extend. False when there is no such file. */
  async readProfile(file: string): Promise<boolean> {
    const main = await this.#parse(file);
    if (main === "missing") return false;
    const local = await this.#parse(localOverrideOf(file));
    const own = [main, local].filter((source) => source instanceof Source);
    // What either of them extends comes before both: it never wins over the project's own files.
    for (const source of own) await this.#readExtended(source, [source.file]);
    for (const source of own) this.own.add(source.file);
    this.sources.push(...own);
    return true;
  }

  async #readExtended(source: Source, chain: readonly string[]): Promise<void> {
    for (const [index, name] of (source.table.extends ?? []).entries()) {
      await this.#readOne(name, { from: source, index }, chain);
    }
  }

  async #readOne(name: string, origin: Origin, chain: readonly string[]): Promise<void> {
    const file = name.startsWith("kt:") ? name : expandPath(name, origin.from.directory, this.#home);
    if (chain.includes(file)) return this.#refuseCycle(origin, [...chain.slice(chain.indexOf(file)), file]);
    if (this.#done.has(file)) return;
    if (this.#done.size >= profileLimits.profileFiles) return this.#refuseMany(origin);
    this.#done.add(file);
    const source = name.startsWith("kt:") ? this.#parseShipped(name, origin) : await this.#parse(file);
    if (source === "missing") return this.#refuseMissing(name, file, origin);
    if (source === undefined) return;
    await this.#readExtended(source, [...chain, file]);
    this.sources.push(source);
  }

  async #parse(file: string): Promise<Source | "missing" | undefined> {
    this.files.add(file);
    const found = await this.#findFile(file);
    if (found === undefined) return "missing";
    this.found.set(file, found);
    const { text, realPath } = found;
    // Errors quote the line where they stand, and are read by others, as in the log of a build: of what a stranger's profile names,
    // or is a link to, only a file that is called a profile is quoted.
    return this.#source(file, text, realPath.endsWith(".toml"));
  }

  #source(file: string, text: string, isQuoted: boolean): Source | undefined {
    return Source.parse({ file, text, environment: this.#environment, isQuoted, schema: this.#schema }, this.problems);
  }

  #parseShipped(name: string, origin: Origin): Source | undefined {
    const text = shippedProfiles.get(name.slice("kt:".length));
    if (text !== undefined) return this.#source(name, text, true);
    const known = [...shippedProfiles.keys()].map((shipped) => `kt:${shipped}`);
    const near = nearest(name, known);
    const hint = near === undefined ? `shipped are ${known.join(", ")}` : `did you mean "${near}"?`;
    this.#refuse(origin, `"${name}" is not a shipped profile`, hint);
    return undefined;
  }

  #refuseMissing(name: string, file: string, origin: Origin): void {
    const hint = name === file ? "check the path" : `looked for ${file}`;
    origin.from.problem(["extends", String(origin.index)], `"${name}" does not exist`, { code: "profile-not-found", hint });
  }

  #refuseMany(origin: Origin): void {
    const message = `a profile may be made of ${profileLimits.profileFiles} files, and this is one more`;
    origin.from.problem(["extends", String(origin.index)], message, { hint: "put what several of them say into one" });
  }

  #refuseCycle(origin: Origin, circle: readonly string[]): void {
    const names = circle.map((file) => (file.startsWith("kt:") ? file : basename(file)));
    const hint = "remove one of these from its extends";
    origin.from.problem(["extends", String(origin.index)], `extends goes in a circle: ${names.join(" → ")}`, {
      code: "profile-cycle",
      hint,
    });
  }

  #refuse(origin: Origin, message: string, hint: string): void {
    origin.from.problem(["extends", String(origin.index)], message, { code: "profile-not-found", hint });
  }
}
