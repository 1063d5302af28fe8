/** The certificate authority of one user of this machine: made once, in a file that is the user's alone, and read again when it changes. */

import { chmodSync, linkSync, mkdirSync, renameSync, rmSync, type Stats, statSync, writeFileSync } from "node:fs";
import type { Clock } from "#base/clock.ts";
import { KtError, messageOf } from "#base/errors.ts";
import { readRegularFile } from "#base/regular-file.ts";
import { command } from "#base/shell.ts";
import { systemCode } from "#base/system-error.ts";
import { isoDay } from "#base/time-of-day.ts";
import { hostLimits } from "#host/limits.ts";
import { Authority, type AuthorityTexts, makeAuthority } from "#tls/authority.ts";

/** What every authority may sign for. */
const ownDomain = "localhost";
/** What other users may do with the file: nothing. */
const othersBits = 0o077;

export interface AuthorityStoreOptions {
  readonly directory: string;
  /** For people: `me@laptop`. */
  readonly owner: string;
  readonly clock: Clock;
}

interface Known {
  readonly state: string;
  readonly authority: Authority;
}

export class AuthorityStore {
  readonly #options: AuthorityStoreOptions;
  #known: Known | undefined;

  constructor(options: AuthorityStoreOptions) {
    this.#options = options;
  }

  get owner(): string {
    return this.#options.owner;
  }

  get directory(): string {
    return this.#options.directory;
  }

  /** With the key: the user's alone. */
  get file(): string {
    return `${this.#options.directory}/authority.json`;
  }

  /** What programs are to trust. */
  get rootFile(): string {
    return `${this.#options.directory}/root.pem`;
  }

  /** The one that signs now, made where there is none. Throws KtError `authority-unusable`. */
  current(): Authority {
    const authority = this.find() ?? this.#makeFirst();
    if (authority.untilMs > this.#options.clock.wallMs()) return authority;
    throw new KtError("authority-unusable", `kt's CA has expired on ${isoDay(authority.untilMs)}`, { hints: ["kt trust install"] });
  }

  /** Undefined where there is none. Throws KtError `authority-unusable` for one that cannot be used. */
  find(): Authority | undefined {
    try {
      const stats = statSync(this.file);
      const state = `${stats.ino}:${stats.size}:${stats.mtimeMs}:${stats.mode}`;
      if (this.#known?.state !== state) this.#known = { state, authority: this.#read(stats) };
      return this.#known.authority;
    } catch (error) {
      if (systemCode(error) === "ENOENT") return undefined;
      if (error instanceof KtError) throw error;
      throw unusable(`read kt's CA in "${this.file}": ${messageOf(error)}`);
    }
  }

  /** The domains with the one that every authority may sign for. */
  withOwn(domains: readonly string[]): readonly string[] {
    return [...new Set([ownDomain, ...domains])];
  }

  /** In place of what there is. Throws KtError `authority-unusable`. */
  keep(texts: AuthorityTexts): void {
    try {
      this.#write(texts, renameSync);
    } catch (error) {
      throw unusable(`write kt's CA to "${this.file}": ${messageOf(error)}`, []);
    }
  }

  remove(): void {
    this.#known = undefined;
    rmSync(this.#options.directory, { recursive: true, force: true });
  }

  /** Another hub of the user may make one at the same time: the first one counts. */
  #makeFirst(): Authority {
    const texts = makeAuthority(this.#options.owner, [ownDomain], this.#options.clock.wallMs());
    try {
      this.#write(texts, linkSync);
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw unusable(`write kt's CA to "${this.file}": ${messageOf(error)}`);
    }
    return this.find() ?? new Authority(texts);
  }

  #write(texts: AuthorityTexts, put: (from: string, to: string) => void): void {
    mkdirSync(this.#options.directory, { recursive: true, mode: 0o700 });
    const fresh = `${this.file}.${process.pid}.new`;
    try {
      writeFileSync(fresh, JSON.stringify(texts), { mode: 0o600, flag: "w" });
      chmodSync(fresh, 0o600);
      put(fresh, this.file);
    } finally {
      rmSync(fresh, { force: true });
    }
    writeFileSync(this.rootFile, texts.root, { mode: 0o644 });
  }

  #read(stats: Stats): Authority {
    if ((stats.mode & othersBits) !== 0) {
      const mode = (stats.mode & 0o777).toString(8);
      throw unusable(`"${this.file}" holds the key of kt's CA, and other users may read it (mode ${mode})`, [
        command`chmod 600 ${this.file}`,
        "where others may have read it, make another: kt trust uninstall, then kt trust install",
      ]);
    }
    const { bytes } = readRegularFile(this.file, { mostBytes: hostLimits.authorityBytes, code: "authority-unusable" });
    try {
      return new Authority(JSON.parse(new TextDecoder().decode(bytes)) as AuthorityTexts);
    } catch {
      throw unusable(`"${this.file}" does not hold a CA that kt has made`);
    }
  }
}

function unusable(message: string, hints: readonly string[] = ["kt trust install"]): KtError {
  return new KtError("authority-unusable", message, { hints });
}
