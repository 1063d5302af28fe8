/** Keep-alive bookkeeping against a given clock. */

/** Past this the ids begin again: far from the 32 bits of the field, and always of our parity. */
const lastPingId = 0x7f_ff_ff_fe;

/** Numbers our pings and remembers which are unanswered. Answers may come out of order: spdystream has five workers. */
export class Pings {
  readonly #firstId: number;
  #nextId: number;
  /** When each unanswered ping was sent, oldest first, the how manieth it was, and which worker of the far end it is for. */
  readonly #unanswered = new Map<number, { readonly sentMs: number; readonly nth: number; readonly worker: number }>();
  #sent = 0;
  #lastAnswered = 0;

  /** Clients number their pings with odd ids, servers with even ones. */
  constructor(firstId: 1 | 2, nextId: number = firstId) {
    this.#firstId = firstId;
    this.#nextId = nextId;
  }

  isOurs(id: number): boolean {
    return id % 2 === this.#firstId % 2;
  }

  /** The id of a new ping, which the far end will give to this worker. */
  send(nowMs: number, worker: number): number {
    const id = this.#nextId;
    this.#nextId = id + 2 > lastPingId ? this.#firstId : id + 2;
    this.#sent += 1;
    this.#unanswered.set(id, { sentMs: nowMs, nth: this.#sent, worker });
    return id;
  }

  /** The round trip in ms; undefined when no such ping is waiting. */
  answered(id: number, nowMs: number): number | undefined {
    const ping = this.#unanswered.get(id);
    if (!ping) return undefined;
    this.#unanswered.delete(id);
    this.#lastAnswered = Math.max(this.#lastAnswered, ping.nth);
    return nowMs - ping.sentMs;
  }

  /** A ping is unanswered though a later one was answered: the peer lives, and something holds one of its workers up. */
  get held(): boolean {
    for (const { nth } of this.#unanswered.values()) return nth < this.#lastAnswered;
    return false;
  }

  /** Whether it is this worker that is held up. */
  holds(worker: number): boolean {
    for (const ping of this.#unanswered.values()) if (ping.worker === worker && ping.nth < this.#lastAnswered) return true;
    return false;
  }
}
