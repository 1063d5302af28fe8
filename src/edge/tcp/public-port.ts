/** One port of the host by TCP: its listening sockets, tried again for as long as something else holds the port. */

import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { systemCode } from "#base/system-error.ts";
import { edgeLimits } from "#edge/limits.ts";
import { portHolder } from "#native/port-holder.ts";
import type { SharedListener } from "#net/tcp.ts";

export interface PublicPortOptions {
  readonly hosts: readonly string[];
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
  /** At one of the hosts. Throws KtError `port-taken` or `listen-failed`. */
  readonly listen: (host: string) => SharedListener;
  /** `problem` has changed. */
  readonly onChange: () => void;
}

export class PublicPort {
  readonly #options: PublicPortOptions;
  readonly #listeners = new Map<string, SharedListener>();
  #cancelRetry = (): void => {};
  #isClosed = false;
  #problem = "";
  /** Of the last try that failed. */
  #code = "";

  constructor(options: PublicPortOptions) {
    this.#options = options;
    this.#open();
  }

  /** The one in use, also where 0 was asked for; undefined before it is open. */
  get number(): number | undefined {
    return [...this.#listeners.values()][0]?.port;
  }

  /** Why it is not open; empty where it is. */
  get problem(): string {
    return this.#problem;
  }

  /** New connections go to the sockets that another instance has opened beside these. */
  giveToSuccessor(): void {
    for (const listener of this.#listeners.values()) listener.giveToSecond();
  }

  /** Stops accepting; open connections go on. */
  close(): void {
    this.#isClosed = true;
    this.#cancelRetry();
    for (const listener of this.#listeners.values()) listener.close();
    this.#listeners.clear();
  }

  #open(): void {
    const { hosts, clock, port, log } = this.#options;
    const refused = hosts.filter((host) => !this.#listeners.has(host)).map((host) => this.#openAt(host));
    const [error] = refused.filter((each) => each !== undefined);
    if (!error) {
      this.#say("");
      log("info", "port-open", { port });
      return;
    }
    if (error.code !== this.#code) {
      this.#code = error.code;
      this.#say(error.message);
      if (error.code === "port-taken") void this.#nameHolder();
    }
    this.#cancelRetry = clock.after(edgeLimits.listenAgainMs, () => this.#open());
  }

  #openAt(host: string): KtError | undefined {
    try {
      this.#listeners.set(host, this.#options.listen(host));
      return undefined;
    } catch (error) {
      return error instanceof KtError && !isWithoutFamily(host, error) ? error : undefined;
    }
  }

  async #nameHolder(): Promise<void> {
    const { hosts, port } = this.#options;
    const holders = await Promise.all(hosts.map((host) => portHolder({ host, port })));
    const holder = holders.find((each) => each !== undefined);
    if (!holder || this.#isClosed || this.#problem === "") return;
    this.#say(`port ${port} is taken by "${holder.command}" (process ${holder.pid})`);
  }

  #say(problem: string): void {
    const { log, port, onChange } = this.#options;
    if (this.#problem === problem) return;
    this.#problem = problem;
    if (problem !== "") log("warn", "listen-failed", { port, text: problem });
    onChange();
  }
}

/** The machine has no IPv6. */
function isWithoutFamily(host: string, { cause }: KtError): boolean {
  return host.includes(":") && ["EAFNOSUPPORT", "EADDRNOTAVAIL", "EPROTONOSUPPORT"].includes(systemCode(cause) ?? "");
}
