/** The hub's events to one client: from where it left off, in order, and with a word where some are missing. */

import { describeEvent, eventRoute } from "#observe/describe.ts";
import type { Journal, OrderedEntry } from "#observe/journal.ts";
import type { LogEntry } from "#control/api.ts";
import type { EventStream } from "./server-sent-events.ts";

export interface JournalStreamOptions {
  readonly journal: Pick<Journal, "after" | "follow">;
  /** Tells one start of the hub from another: orders begin anew. */
  readonly start: string;
  /** The id of the last event that the client had, as it sends it. */
  readonly lastEventId: string | undefined;
  /** Also those of single connections. */
  readonly withDetails: boolean;
}

export function logEntryOf({ atMs, level, event }: Omit<OrderedEntry, "order">): LogEntry {
  return { atMs, level, route: eventRoute(event), text: describeEvent(event), event };
}

/**
 * A client that reads slowly holds nothing up and fills no memory: what it has not read stays in the journal, and what is
 * dropped there is a gap, which an event reports. Returns what ends it.
 */
export function streamJournal(stream: EventStream, { journal, start, lastEventId, withDetails }: JournalStreamOptions): () => void {
  let order = orderOf(lastEventId, start);
  if (lastEventId !== undefined && order < 0) stream.send("gap", { after: lastEventId });
  let isFirst = lastEventId === undefined || order < 0;
  const flush = (): void => {
    if (stream.isBehind) return;
    const { entries, hasGap } = journal.after(order, withDetails);
    // What was there before a new client came is not missed.
    if (hasGap && !isFirst) stream.send("gap", { after: idOf(start, order) });
    isFirst = false;
    for (const entry of entries) {
      order = entry.order;
      stream.send(entry.event.type, logEntryOf(entry), idOf(start, order));
      if (stream.isBehind) return;
    }
  };
  stream.onDrain = flush;
  flush();
  return journal.follow(flush);
}

const idOf = (start: string, order: number): string => `${start}-${order}`;

/** -1 for an id of another hub, or of none. */
function orderOf(id: string | undefined, start: string): number {
  const [, of, order] = /^(.{1,40})-([0-9]{1,15})$/.exec(id ?? "") ?? [];
  return of === start && order !== undefined ? Number(order) : -1;
}
