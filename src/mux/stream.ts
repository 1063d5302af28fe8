/** One stream: its state and its two halves. */

/** What each side may still send. */
export type StreamState =
  /** Both sides may send. */
  | "open"
  /** We have ended our half; the peer may still send. */
  | "local-ended"
  /** The peer has ended its half; we may still send. */
  | "remote-ended"
  /** Both halves are over, or the stream was reset. */
  | "closed";

/** Knows which half is over. Ending a half twice is harmless. */
export class MuxStream {
  readonly id: number;
  #state: StreamState = "open";

  constructor(id: number) {
    this.id = id;
  }

  get closed(): boolean {
    return this.#state === "closed";
  }

  get maySend(): boolean {
    return this.#state === "open" || this.#state === "remote-ended";
  }

  get mayReceive(): boolean {
    return this.#state === "open" || this.#state === "local-ended";
  }

  endLocal(): void {
    if (this.maySend) this.#state = this.mayReceive ? "local-ended" : "closed";
  }

  endRemote(): void {
    if (this.mayReceive) this.#state = this.maySend ? "remote-ended" : "closed";
  }
}
