/** Keep-alive bookkeeping against a given clock. */

/** Past this the ids begin again: far from the 32 bits of the field, and always of our parity. */
const lastPingId = 0x7f_ff_ff_fe;

/** Numbers our pings and remembers which are unanswered. Answers may come out of order: spdystream has five workers. */
export class Pings {
  readonly #firstId: number;
  #nextId: number;
  /** When each unanswered ping was sent, oldest first. */
  readonly #sentMs = new Map<number, number>();

  /** Clients number their pings with odd ids, servers with even ones. */
  constructor(firstId: 1 | 2, nextId: number = firstId) {
    this.#firstId = firstId;
    this.#nextId = nextId;
  }

  isOurs(id: number): boolean {
    return id % 2 === this.#firstId % 2;
  }

  /** The id of a new ping. */
  send(nowMs: number): number {
    const id = this.#nextId;
    this.#nextId = id + 2 > lastPingId ? this.#firstId : id + 2;
    this.#sentMs.set(id, nowMs);
    return id;
  }

  /** The round trip in ms; undefined when no such ping is waiting. */
  answered(id: number, nowMs: number): number | undefined {
    const sentMs = this.#sentMs.get(id);
    if (sentMs === undefined) return undefined;
    this.#sentMs.delete(id);
    return nowMs - sentMs;
  }

  /** The age of the oldest unanswered ping. */
  oldestMs(nowMs: number): number | undefined {
    for (const sentMs of this.#sentMs.values()) return nowMs - sentMs;
    return undefined;
  }
}
