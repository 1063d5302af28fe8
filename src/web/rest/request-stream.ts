/** HTTP requests to one client as they end: by the batch, for there may be thousands a second, and counted where they are not sent. */

import type { Clock } from "#base/clock.ts";
import type { RequestEntry } from "#control/api.ts";
import type { JournalEntry } from "#observe/journal.ts";
import type { RequestLog } from "#observe/request-log.ts";
import { webLimits } from "#web/limits.ts";
import type { EventStream } from "./server-sent-events.ts";

export interface RequestStreamOptions {
  readonly requests: Pick<RequestLog, "follow">;
  readonly clock: Clock;
  /** Of these alone. */
  readonly isWanted: (entry: RequestEntry) => boolean;
}

/** Undefined for what is not a request. */
function requestEntryOf({ atMs, event }: JournalEntry): RequestEntry | undefined {
  if (event.type !== "request") return undefined;
  const { type: _, ...facts } = event;
  return { atMs, ...facts };
}

/** Returns what ends it. */
export function streamRequests(stream: EventStream, { requests, clock, isWanted }: RequestStreamOptions): () => void {
  let waiting: RequestEntry[] = [];
  let leftOut = 0;
  let cancel: (() => void) | undefined;
  const flush = (): void => {
    cancel = undefined;
    if (stream.isBehind) return;
    stream.send("requests", { type: "requests", requests: waiting, leftOut });
    waiting = [];
    leftOut = 0;
  };
  stream.onDrain = () => {
    if (waiting.length > 0) flush();
  };
  const leave = requests.follow((logged) => {
    const entry = requestEntryOf(logged);
    if (!entry || !isWanted(entry)) return;
    waiting.push(entry);
    if (waiting.length > webLimits.requestBatch) leftOut += waiting.splice(0, waiting.length - webLimits.requestBatch).length;
    cancel ??= clock.after(webLimits.requestBatchMs, flush);
  });
  return () => {
    leave();
    cancel?.();
  };
}
