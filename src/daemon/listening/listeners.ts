/** The addresses that the hub listens on: opened, swapped and closed step by step, and tried again while they are taken. */

import type { Clock } from "#base/clock.ts";
import { type KtError, toKtError } from "#base/errors.ts";
import { daemonLimits } from "#daemon/limits.ts";
import type { Problem, Report } from "#observe/events.ts";
import { formatListen, overlaps } from "#profile/values/listen.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import type { RouteTable } from "#route/table.ts";
import { isAbsent, listenProblem } from "./listen-problem.ts";
import { otherFace, partnerOf } from "./localhost-pair.ts";
import type { Holding } from "./port-holding.ts";
import { nothingWanted, type Wanted, type WantedTcp } from "./wanted.ts";
import { type Step, stepsBetween } from "./reconcile.ts";

interface OpenDoor {
  readonly port: number;
  close(): void;
}

/** How to open an address; both throw KtError `port-taken` or `listen-failed`. */
export interface Doors {
  openHttp(address: ListenAddress, table: RouteTable): OpenDoor & { setTable(table: RouteTable): void };
  openTcp(address: ListenAddress, route: WantedTcp): OpenDoor & { setRoute(route: WantedTcp): void };
}

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

type Opener = Extract<Step, { do: "open-http" | "open-tcp" }>;
type Door = ReturnType<Doors["openHttp"]> | ReturnType<Doors["openTcp"]>;

interface Place {
  opener: Opener;
  door: Door | undefined;
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
    return { port: place?.door?.port, problem: place?.problem, isOptional: place !== undefined && isOptional(place) };
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
    else if (step.do === "open-http" || step.do === "open-tcp") this.#open(step);
    else this.#swap(step);
  }

  #close(address: string): void {
    const place = this.#places.get(address);
    this.#places.delete(address);
    if (place) this.#shut(place);
  }

  #shut(place: Place): void {
    if (!place.door) return;
    place.door.close();
    place.door = undefined;
    if (place.isReported) this.#options.report({ type: "listener", address: place.opener.address, change: "closed", problem: undefined });
    place.isReported = false;
  }

  #open(opener: Opener): void {
    const place: Place = { opener, door: undefined, error: undefined, problem: undefined, isReported: false };
    this.#places.set(opener.address, place);
    this.#tryOpen(place);
  }

  #swap(step: Extract<Step, { do: "swap-table" | "swap-route" }>): void {
    const place = this.#places.get(step.address);
    if (!place) return;
    const { address } = step;
    if (step.do === "swap-table") {
      place.opener = { do: "open-http", address, want: step.want };
      if (place.door && "setTable" in place.door) place.door.setTable(step.want.table);
    } else {
      place.opener = { do: "open-tcp", address, want: step.want };
      if (place.door && "setRoute" in place.door) place.door.setRoute(step.want);
    }
  }

  /** A face of `localhost` is only opened with the other one: a program that says `localhost` may reach either. */
  #tryOpen(place: Place): void {
    const partner = this.#partnerOf(place);
    if (partner && isMissed(partner)) return;
    try {
      place.door = this.#openDoor(place.opener);
      place.error = undefined;
      place.problem = undefined;
      if (partner && !partner.door && !partner.error) this.#tryOpen(partner);
    } catch (error) {
      this.#lookUp(place, toKtError(error, "listen-failed", `listen on ${place.opener.address}`));
      if (partner && isMissed(place)) this.#shut(partner);
    }
  }

  #partnerOf({ opener }: Place): Place | undefined {
    const address = partnerOf(opener.want.address, this.#wanted);
    return address === undefined ? undefined : this.#places.get(address);
  }

  #lookUp(place: Place, error: KtError): void {
    const looking = this.#failed(place, error);
    this.#lookingUp.add(looking);
    void looking.then(() => this.#lookingUp.delete(looking));
  }

  #reportOpen(): void {
    for (const place of this.#places.values()) {
      if (!place.door || place.isReported) continue;
      place.isReported = true;
      this.#options.report({ type: "listener", address: place.opener.address, change: "open", problem: undefined });
    }
  }

  #openDoor(opener: Opener): Door {
    const { doors } = this.#options;
    return opener.do === "open-http"
      ? doors.openHttp(opener.want.address, opener.want.table)
      : doors.openTcp(opener.want.address, opener.want);
  }

  /** Says so once, with the holder's name, not at every retry. */
  async #failed(place: Place, error: KtError): Promise<void> {
    const isKnown = place.error?.code === error.code;
    place.error = error;
    if (isKnown) return;
    const { address, want } = place.opener;
    const own = [...this.#places.values()].find(({ door, opener }) => door && overlaps(opener.want.address, want.address));
    const holder = error.code === "port-taken" && !own ? await this.#options.holderOf(want.address) : undefined;
    if (this.#places.get(address) !== place || place.door) return;
    const problem = own ? takenByOwn(address, own.opener.address) : listenProblem(address, error, holder, adviceFor(place.opener));
    place.problem = this.#partnerOf(place) ? forBothFaces(problem, want.address) : problem;
    if (isOptional(place)) return;
    this.#options.report({ type: "listener", address, change: "failed", problem: place.problem });
  }

  #planRetry(): void {
    const waiting = [...this.#places.values()].filter(({ door }) => !door);
    if (waiting.length === 0 || this.#cancelRetry) return;
    this.#cancelRetry = this.#options.clock.after(daemonLimits.portRetryMs, () => {
      this.#cancelRetry = undefined;
      for (const place of this.#places.values()) if (!place.door) this.#tryOpen(place);
      this.#reportOpen();
      this.#planRetry();
    });
  }
}

/** Half of the world's containers have no ::1, and nobody there misses it. */
function isOptional({ opener, error }: Place): boolean {
  return error !== undefined && isAbsent(error) && opener.want.address.host === "::1";
}

/** It cannot be opened, and that matters. */
function isMissed(place: Place): boolean {
  return place.error !== undefined && !isOptional(place);
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
function adviceFor(opener: Opener): { readonly otherPort: string; readonly openPort: string } {
  const where = opener.do === "open-http" ? ": [http] listen" : "";
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
