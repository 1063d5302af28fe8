/** The name servers that programs of this machine ask, as /etc/resolv.conf has them now. */

import { readFileSync, statSync } from "node:fs";
import { parseResolvConf } from "#wire/resolv-conf.ts";

export class SystemResolvers {
  readonly #path: string;
  #seen: { readonly state: string; readonly servers: readonly string[] } | undefined;

  constructor(path = "/etc/resolv.conf") {
    this.#path = path;
  }

  /** IP addresses, in the order of asking. The file is read again when it is another one: networks come and go. */
  current(): readonly string[] {
    const state = this.#state();
    if (this.#seen?.state !== state) this.#seen = { state, servers: parseResolvConf(this.#read()) };
    return this.#seen.servers;
  }

  #state(): string {
    const { dev, ino, mtimeMs, ctimeMs, size } = statSync(this.#path, { throwIfNoEntry: false }) ?? {};
    return [dev, ino, mtimeMs, ctimeMs, size].join(" ");
  }

  /** A machine without the file asks itself. */
  #read(): string {
    try {
      return readFileSync(this.#path, "latin1");
    } catch {
      return "";
    }
  }
}
