/** The state of the page, and what changes it: the hub, the address, and what the user does. */

import { type KtError, toKtError } from "#base/errors.ts";
import type { ReplyOf, RouteAction, Snapshot } from "#control/api.ts";
import { StatusView } from "#control/status-view.ts";
import { type Sorting, sortings } from "#tui/model/rows.ts";
import { follow } from "#dashboard/hub/follow.ts";
import { post } from "#dashboard/hub/api.ts";
import { hashOf, type Place, type RouteRef, readPlace } from "#dashboard/model/place.ts";
import { type Kind, type Listed, listed, nothingListed } from "#dashboard/model/routes.ts";
import { nextSparks, noSparks, type Sparks } from "#dashboard/model/sparks.ts";

/** Whether what is shown is true now. */
export type Link = { readonly kind: "connecting" | "live" } | { readonly kind: "lost"; readonly error: KtError };

export interface Notice {
  readonly text: string;
  readonly isBad: boolean;
}

export interface AppState {
  readonly link: Link;
  /** Undefined until the first has come. */
  readonly snapshot: Snapshot | undefined;
  readonly place: Place;
  readonly filter: string;
  readonly sorting: Sorting;
  readonly kind: Kind;
  readonly listed: Listed;
  readonly sparks: Sparks;
  /** The key of the row that keys act on. */
  readonly selected: string | undefined;
  readonly isHelpOpen: boolean;
  readonly notice: Notice | undefined;
}

const noticeMs = 4000;
const sparkMs = 1000;

export class App {
  state: AppState;
  readonly #view = new StatusView();
  readonly #draw: () => void;
  #isDrawing = false;
  #noticeTimer: ReturnType<typeof setTimeout> | undefined;

  /** `draw` is called once per frame in which something has changed. */
  constructor(draw: () => void) {
    this.#draw = draw;
    this.state = {
      ...{ link: { kind: "connecting" }, snapshot: undefined, place: readPlace(location.hash), filter: "", sorting: "place", kind: "all" },
      ...{ listed: nothingListed, sparks: noSparks, selected: undefined, isHelpOpen: false, notice: undefined },
    };
  }

  start(): void {
    addEventListener("hashchange", () => this.set({ place: readPlace(location.hash) }));
    setInterval(() => this.#tick(), sparkMs);
    follow(
      "watch",
      {},
      {
        onEvent: ({ type, data }) => void (type === "changes" && this.#changed(JSON.parse(data) as ReplyOf<"changes">)),
        onLost: (error) => this.set({ link: { kind: "lost", error } }),
      },
    );
    this.#draw();
  }

  set(change: Partial<AppState>): void {
    this.state = { ...this.state, ...change };
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#draw();
    });
  }

  /** Changes which routes are listed. */
  choose(choice: Partial<Pick<AppState, "filter" | "sorting" | "kind">>): void {
    const { snapshot, filter, sorting, kind } = { ...this.state, ...choice };
    this.set({ ...choice, listed: snapshot ? listed(snapshot, { filter, sorting, kind }) : nothingListed });
  }

  sortNext(): void {
    this.choose({ sorting: sortings[(sortings.indexOf(this.state.sorting) + 1) % sortings.length] ?? "place" });
  }

  /** Drawn at once: the next key, which may be there before the next frame, is for what it leads to. */
  go(place: Place): void {
    this.set({ place });
    this.#draw();
    location.hash = hashOf(place);
  }

  notify(text: string, isBad = false): void {
    clearTimeout(this.#noticeTimer);
    this.set({ notice: { text, isBad } });
    this.#noticeTimer = setTimeout(() => this.set({ notice: undefined }), noticeMs);
  }

  failed(error: unknown): void {
    this.notify(toKtError(error, "internal", "do this").message, true);
  }

  async act(action: RouteAction, ref: RouteRef): Promise<void> {
    try {
      await post(action, ref);
      this.notify(`${ref.route}: ${done[action]}`);
    } catch (error) {
      this.failed(error);
    }
  }

  #changed(changes: ReplyOf<"changes">): void {
    this.#view.apply(changes);
    if (!changes.isComplete) return;
    const snapshot = this.#view.snapshot();
    this.set({ link: { kind: "live" }, snapshot, listed: listed(snapshot, this.state) });
  }

  #tick(): void {
    const { snapshot, sparks, link } = this.state;
    if (document.hidden || !snapshot || link.kind !== "live") return;
    const next = nextSparks(sparks, snapshot);
    if (next.size > 0 || sparks.size > 0) this.set({ sparks: next });
  }
}

const done: Readonly<Record<RouteAction, string>> = { reconnect: "connected anew", stop: "stopped", start: "started" };
