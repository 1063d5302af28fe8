/** Sends the status over the control socket: the whole in pieces, then what changes, at the pace at which each client reads. */

import type { Reply, ReplyOf } from "#control/api.ts";
import { controlLimits } from "#control/limits.ts";
import type { ControlSession } from "#control/server.ts";
import type { Clock } from "#base/clock.ts";
import { daemonLimits } from "#daemon/limits.ts";
import type { Changes, StatusReader } from "#observe/store.ts";
import type { StatusBoard, StatusPart } from "./board.ts";

type Send = (reply: Reply) => void;

export class StatusFeed {
  readonly #board: StatusBoard;
  readonly #clock: Clock;
  /** What sends each watcher what is new. */
  readonly #watchers = new Set<() => void>();
  #cancelLook: (() => void) | undefined;
  #cancelNetworkLook: (() => void) | undefined;

  constructor(board: StatusBoard, clock: Clock) {
    this.#board = board;
    this.#clock = clock;
    board.onMark = () => this.#lookSoon();
  }

  /** Resolves when the client has been sent all, or is gone. */
  async sendOnce(session: ControlSession, send: Send): Promise<void> {
    const sent = Promise.withResolvers<void>();
    const reader = this.#board.current().reader();
    const go = (): void => {
      if (sendNew(reader, session, send)) sent.resolve();
    };
    const leave = session.whenDrained(go);
    session.onGone(() => sent.resolve());
    go();
    await sent.promise;
    leave();
    send({ type: "end" });
  }

  watch(session: ControlSession, send: Send): void {
    const reader = this.#board.current().reader();
    const go = (): void => void sendNew(reader, session, send);
    const leave = session.whenDrained(go);
    this.#watchers.add(go);
    session.onGone(() => {
      leave();
      this.#watchers.delete(go);
      if (this.#watchers.size === 0) this.#rest();
    });
    go();
    this.#lookAtNetwork();
  }

  /** Changes are gathered for a moment: bytes come in thousands of pieces a second. Without a watcher, none is looked at. */
  #lookSoon(): void {
    if (this.#watchers.size === 0) return;
    this.#cancelLook ??= this.#clock.after(daemonLimits.statusPauseMs, () => {
      this.#cancelLook = undefined;
      this.#look();
    });
  }

  #look(): void {
    this.#board.current();
    for (const go of this.#watchers) go();
  }

  #lookAtNetwork(): void {
    this.#cancelNetworkLook ??= this.#clock.after(daemonLimits.networkLookMs, () => {
      this.#cancelNetworkLook = undefined;
      if (this.#board.isExposed) this.#look();
      this.#lookAtNetwork();
    });
  }

  #rest(): void {
    this.#cancelLook?.();
    this.#cancelNetworkLook?.();
    this.#cancelLook = this.#cancelNetworkLook = undefined;
  }
}

/** Sends until the client is behind; true when nothing is left to send. */
function sendNew(reader: StatusReader<StatusPart>, session: ControlSession, send: Send): boolean {
  while (!session.busy()) {
    const changes = reader.next(controlLimits.statusPartsPerMessage);
    if (changes) send(toReply(changes));
    if (changes === undefined || changes.isComplete) return true;
  }
  return false;
}

function toReply({ isAnew, changes, isComplete }: Changes<StatusPart>): Reply {
  const reply: ReplyOf<"changes"> = { type: "changes", isAnew, hub: undefined, profiles: [], routes: [], removed: [], isComplete };
  for (const { id, value } of changes) {
    if (value === undefined) reply.removed.push(id);
    else if (value.part === "hub") reply.hub = value.hub;
    else if (value.part === "profile") reply.profiles.push({ id, order: value.order, profile: value.profile });
    else reply.routes.push({ id, order: value.order, profile: value.profile, route: value.route });
  }
  return reply;
}
