/** What `tick.ts` reports of each ticker, by its label. */

export interface TickReport {
  readonly kind: "tcp" | "udp";
  readonly sent: number;
  readonly back: number;
  readonly lost: number;
  /** The longest time without an answer, that from the last one to the end included where one is missing. */
  readonly maxGapMs: number;
  /** Of a connection that did not end by itself: when and how. */
  readonly cuts: readonly string[];
  readonly opened: number;
  /** Tries to connect that failed. */
  readonly failures: readonly string[];
  /** Where the target saw the ticker's datagrams come from, and by which name it answered: one entry for each change. */
  readonly sources: readonly string[];
}

export type TickReports = Readonly<Record<string, TickReport>>;
