/** The addresses that the hub listens on: opened, swapped and closed step by step, and tried again while they are taken. */

import type { Clock } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { daemonLimits } from "#daemon/limits.ts";
import type { Problem, Report } from "#observe/events.ts";
import { formatListen, overlaps } from "#profile/values/listen.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import { type HolderOf, isOptional, listenProblem, type PortAdvice } from "./listen-problem.ts";
import { otherFace, partnerOf } from "./localhost-pair.ts";
import { nothingWanted, type Wanted, type WantedListener } from "./wanted.ts";
import { type Step, stepsBetween } from "./reconcile.ts";

/** An address that is open. */
interface Opened {
  readonly port: number;
  /** From now on new connections go there. */
  leadTo(next: WantedListener["leadsTo"]): void;
  close(): void;
}

/** By name. They throw KtError `port-taken` or `listen-failed`. */
export type Doors = Readonly<Record<string, { listen(address: ListenAddress, leadsTo: WantedListener["leadsTo"]): Opened }>>;

export interface ListenersOptions {
  readonly doors: Doors;
  readonly clock: Clock;
  readonly report: Report;
  readonly holderOf: HolderOf;
}

export interface ListenerState {
  /** The port in use; undefined while it is not open. */
  readonly port: number | undefined;
  readonly problem: Problem | undefined;
  /** An address that this machine lacks, and that is not needed while another is open. */
  readonly isOptional: boolean;
}

/** One wanted address, and what became of it. */
interface Entry {
  want: WantedListener;
  opened: Opened | undefined;
  /** Why it could not be opened, until it is. */
  error: KtError | undefined;
  /** The same for people, once the holder's name is known. */
  problem: Problem | undefined;
  /** Reported as open. */
  isReported: boolean;
  /** That it could not be opened was reported. */
  hasFailed: boolean;
}

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #entries = new Map<string, Entry>();
  #wanted: Wanted = nothingWanted;
  #cancelRetry: (() => void) | undefined;
  /** Failures whose holder is being looked up. */
  readonly #lookingUp = new Set<Promise<void>>();

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  get wanted(): Wanted {
    return this.#wanted;
  }

  state(address: string): ListenerState {
    const entry = this.#entries.get(address);
    return { port: entry?.opened?.port, problem: entry?.problem, isOptional: entry !== undefined && isDispensable(entry) };
  }

  /** Another program listens there, or something else of this hub does. */
  isTaken(address: string): boolean {
    return this.#entries.get(address)?.error?.code === "port-taken";
  }

  /** Changes only what differs from before. */
  apply(wanted: Wanted): void {
    const steps = stepsBetween(this.#wanted, wanted);
    this.#wanted = wanted;
    for (const step of steps) this.#run(step);
    this.#reportOpen();
    this.#planRetry();
  }

  /** Resolves when what failed to open has its problem, with the holder's name. */
  async settled(): Promise<void> {
    await Promise.all(this.#lookingUp);
  }

  close(): void {
    this.apply(nothingWanted);
    this.#cancelRetry?.();
  }

  #run(step: Step): void {
    if (step.do === "close") this.#close(step.address);
    else if (step.do === "open") this.#open(step.address, step.want);
    else this.#swap(step.address, step.want);
  }

  #close(address: string): void {
    const entry = this.#entries.get(address);
    this.#entries.delete(address);
    if (entry) this.#shut(entry);
  }

  #shut(entry: Entry): void {
    if (!entry.opened) return;
    entry.opened.close();
    entry.opened = undefined;
    if (entry.isReported) this.#report(entry, "closed");
    entry.isReported = false;
  }

  #open(address: string, want: WantedListener): void {
    const entry: Entry = { want, opened: undefined, error: undefined, problem: undefined, isReported: false, hasFailed: false };
    this.#entries.set(address, entry);
    this.#tryOpen(entry);
  }

  #swap(address: string, want: WantedListener): void {
    const entry = this.#entries.get(address);
    if (!entry) return;
    entry.want = want;
    entry.opened?.leadTo(want.leadsTo);
  }

  /** What a namespace brings is reported as a whole, and what of it went wrong by itself. */
  #report({ want, hasFailed }: Entry, change: "open" | "closed"): void {
    if (want.kind === "port" && want.isForwarded && !hasFailed) return;
    this.#options.report({ type: "listener", address: formatListen(want.address), change, problem: undefined });
  }

  /** A face of `localhost` is only opened with the other one: a program that says `localhost` may reach either. */
  #tryOpen(entry: Entry): void {
    const partner = this.#partnerOf(entry);
    if (partner && isMissed(partner)) return;
    try {
      entry.opened = this.#openDoor(entry.want);
      entry.error = undefined;
      entry.problem = undefined;
      if (partner && !partner.opened && !partner.error) this.#tryOpen(partner);
    } catch (error) {
      this.#lookUp(entry, toKtError(error, "listen-failed", `listen on ${formatListen(entry.want.address)}`));
      if (partner && isMissed(entry)) this.#shut(partner);
    }
  }

  #partnerOf({ want }: Entry): Entry | undefined {
    const address = partnerOf(want.address, this.#wanted);
    return address === undefined ? undefined : this.#entries.get(address);
  }

  #lookUp(entry: Entry, error: KtError): void {
    const looking = this.#failed(entry, error);
    this.#lookingUp.add(looking);
    void looking.then(() => this.#lookingUp.delete(looking));
  }

  #reportOpen(): void {
    for (const entry of this.#entries.values()) {
      if (!entry.opened || entry.isReported) continue;
      entry.isReported = true;
      this.#report(entry, "open");
    }
  }

  #openDoor({ door, address, leadsTo }: WantedListener): Opened {
    const found = this.#options.doors[door];
    if (!found) throw new KtError("internal", `internal error: there is no door "${door}"`);
    return found.listen(address, leadsTo);
  }

  /** Says so once, with the holder's name, not at every retry. */
  async #failed(entry: Entry, error: KtError): Promise<void> {
    const isKnown = entry.error?.code === error.code;
    entry.error = error;
    if (isKnown) return;
    const { address } = entry.want;
    const key = formatListen(address);
    const own = error.code === "port-taken" ? this.#ownHolder(address) : undefined;
    const problem = own
      ? takenByOwn(key, formatListen(own))
      : await listenProblem(address, error, adviceFor(entry.want), this.#options.holderOf);
    if (this.#entries.get(key) !== entry || entry.opened) return;
    entry.problem = this.#partnerOf(entry) ? forBothFaces(problem, address) : problem;
    if (isDispensable(entry)) return;
    entry.hasFailed = true;
    this.#options.report({ type: "listener", address: key, change: "failed", problem: entry.problem });
  }

  /** The open address of this hub that stands in the way. */
  #ownHolder(address: ListenAddress): ListenAddress | undefined {
    for (const { opened, want } of this.#entries.values()) if (opened && overlaps(want.address, address)) return want.address;
    return undefined;
  }

  #planRetry(): void {
    const waiting = [...this.#entries.values()].filter(({ opened }) => !opened);
    if (waiting.length === 0 || this.#cancelRetry) return;
    this.#cancelRetry = this.#options.clock.after(daemonLimits.portRetryMs, () => {
      this.#cancelRetry = undefined;
      for (const entry of this.#entries.values()) if (!entry.opened) this.#tryOpen(entry);
      this.#reportOpen();
      this.#planRetry();
    });
  }
}

/** It cannot be opened, and is not needed. */
function isDispensable({ want, error }: Entry): boolean {
  return error !== undefined && isOptional(want.address, error);
}

/** It cannot be opened, and that matters. */
function isMissed(entry: Entry): boolean {
  return entry.error !== undefined && !isDispensable(entry);
}

function forBothFaces({ code, message, hints }: Problem, address: ListenAddress): Problem {
  const other = otherFace(address);
  if (code !== "port-taken" || !other) return { code, message, hints };
  const alone = formatListen(other);
  const advice = `${alone} is not opened either, since localhost may lead to both; to have it alone, listen on "${alone}"`;
  return { code, message, hints: [...hints, advice] };
}

const otherPort = "choose another port in tunnels.toml";

/** Its address and its port come from kt, unless the profile says otherwise. */
const forwardAdvice: PortAdvice = {
  // The same for all of them, so it is shown once.
  absent: "this machine has no loopback addresses for services, as macOS, which has 127.0.0.1 alone",
  otherPort: 'another port stands for it by ports = { 5432 = 15432 } in its [[forward]], another address by "reserve" in [addresses]',
  openPort: "another port stands for it by ports = { 80 = 8080 } in its [[forward]]",
};

/** All routes of [http] move together. */
function adviceFor(want: WantedListener): PortAdvice {
  if (want.kind === "port" && want.isForwarded) return forwardAdvice;
  const where = { names: ": [http] listen", dns: ": [dns] listen", proxy: ": [proxy] listen", port: "" }[want.kind];
  return { otherPort: `${otherPort}${where}`, openPort: `choose a port above 1023${where}` };
}

/** Every address of the machine and one of them. */
function takenByOwn(address: string, own: string): Problem {
  return {
    code: "port-taken",
    message: `${address} is taken by ${own}, which kt listens on for another route`,
    hints: ["kt status", otherPort],
  };
}
