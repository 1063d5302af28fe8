/** The addresses that the hub listens on: opened, swapped and closed step by step, and tried again while they are taken. */

import type { Clock } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { daemonLimits } from "#daemon/limits.ts";
import type { Problem, Report } from "#observe/events.ts";
import { formatListen, overlaps } from "#profile/values/listen.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import { isOptional, listenProblem } from "./listen-problem.ts";
import { otherFace, partnerOf } from "./localhost-pair.ts";
import type { Holding } from "./port-holding.ts";
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
  readonly holderOf: (address: ListenAddress) => Promise<Holding | undefined>;
}

export interface ListenerState {
  /** The port in use; undefined while it is not open. */
  readonly port: number | undefined;
  readonly problem: Problem | undefined;
  /** An address that this machine lacks and that nobody misses while another is open. */
  readonly isOptional: boolean;
}

interface Place {
  want: WantedListener;
  opened: Opened | undefined;
  /** Why it could not be opened, until it is. */
  error: KtError | undefined;
  /** The same for people, once the holder's name is known. */
  problem: Problem | undefined;
  /** Reported as open. */
  isReported: boolean;
}

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #places = new Map<string, Place>();
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
    const place = this.#places.get(address);
    return { port: place?.opened?.port, problem: place?.problem, isOptional: place !== undefined && isDispensable(place) };
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
    const place = this.#places.get(address);
    this.#places.delete(address);
    if (place) this.#shut(place);
  }

  #shut(place: Place): void {
    if (!place.opened) return;
    place.opened.close();
    place.opened = undefined;
    if (place.isReported) this.#report(place, "closed");
    place.isReported = false;
  }

  #open(address: string, want: WantedListener): void {
    const place: Place = { want, opened: undefined, error: undefined, problem: undefined, isReported: false };
    this.#places.set(address, place);
    this.#tryOpen(place);
  }

  #swap(address: string, want: WantedListener): void {
    const place = this.#places.get(address);
    if (!place) return;
    place.want = want;
    place.opened?.leadTo(want.leadsTo);
  }

  #report({ want }: Place, change: "open" | "closed"): void {
    this.#options.report({ type: "listener", address: formatListen(want.address), change, problem: undefined });
  }

  /** A face of `localhost` is only opened with the other one: a program that says `localhost` may reach either. */
  #tryOpen(place: Place): void {
    const partner = this.#partnerOf(place);
    if (partner && isMissed(partner)) return;
    try {
      place.opened = this.#openDoor(place.want);
      place.error = undefined;
      place.problem = undefined;
      if (partner && !partner.opened && !partner.error) this.#tryOpen(partner);
    } catch (error) {
      this.#lookUp(place, toKtError(error, "listen-failed", `listen on ${formatListen(place.want.address)}`));
      if (partner && isMissed(place)) this.#shut(partner);
    }
  }

  #partnerOf({ want }: Place): Place | undefined {
    const address = partnerOf(want.address, this.#wanted);
    return address === undefined ? undefined : this.#places.get(address);
  }

  #lookUp(place: Place, error: KtError): void {
    const looking = this.#failed(place, error);
    this.#lookingUp.add(looking);
    void looking.then(() => this.#lookingUp.delete(looking));
  }

  #reportOpen(): void {
    for (const place of this.#places.values()) {
      if (!place.opened || place.isReported) continue;
      place.isReported = true;
      this.#report(place, "open");
    }
  }

  #openDoor({ door, address, leadsTo }: WantedListener): Opened {
    const found = this.#options.doors[door];
    if (!found) throw new KtError("internal", `internal error: there is no door "${door}"`);
    return found.listen(address, leadsTo);
  }

  /** Says so once, with the holder's name, not at every retry. */
  async #failed(place: Place, error: KtError): Promise<void> {
    const isKnown = place.error?.code === error.code;
    place.error = error;
    if (isKnown) return;
    const { address } = place.want;
    const key = formatListen(address);
    const own = error.code === "port-taken" ? this.#ownHolder(address) : undefined;
    const holder = error.code === "port-taken" && !own ? await this.#options.holderOf(address) : undefined;
    if (this.#places.get(key) !== place || place.opened) return;
    const problem = own ? takenByOwn(key, formatListen(own)) : listenProblem(key, error, holder, adviceFor(place.want));
    place.problem = this.#partnerOf(place) ? forBothFaces(problem, address) : problem;
    if (isDispensable(place)) return;
    this.#options.report({ type: "listener", address: key, change: "failed", problem: place.problem });
  }

  /** The open address of this hub that stands in the way. */
  #ownHolder(address: ListenAddress): ListenAddress | undefined {
    for (const { opened, want } of this.#places.values()) if (opened && overlaps(want.address, address)) return want.address;
    return undefined;
  }

  #planRetry(): void {
    const waiting = [...this.#places.values()].filter(({ opened }) => !opened);
    if (waiting.length === 0 || this.#cancelRetry) return;
    this.#cancelRetry = this.#options.clock.after(daemonLimits.portRetryMs, () => {
      this.#cancelRetry = undefined;
      for (const place of this.#places.values()) if (!place.opened) this.#tryOpen(place);
      this.#reportOpen();
      this.#planRetry();
    });
  }
}

/** It cannot be opened, and nothing misses it. */
function isDispensable({ want, error }: Place): boolean {
  return error !== undefined && isOptional(want.address, error);
}

/** It cannot be opened, and that matters. */
function isMissed(place: Place): boolean {
  return place.error !== undefined && !isDispensable(place);
}

function forBothFaces({ code, message, hints }: Problem, address: ListenAddress): Problem {
  const other = otherFace(address);
  if (code !== "port-taken" || !other) return { code, message, hints };
  const alone = formatListen(other);
  const advice = `${alone} is not opened either, since localhost may lead to both; to have it alone, listen on "${alone}"`;
  return { code, message, hints: [...hints, advice] };
}

const otherPort = "choose another port in tunnels.toml";

/** All routes of [http] move together. */
function adviceFor({ kind }: WantedListener): { readonly otherPort: string; readonly openPort: string } {
  const where = kind === "names" ? ": [http] listen" : "";
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
