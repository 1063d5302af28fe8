/** Follows events of the hub: again after each loss, from where it left off, and only while the page is seen. */

import { KtError, toKtError } from "#base/errors.ts";
import { EventDecoder, type ServerEvent } from "./event-decoder.ts";
import { addressOf, fetched, type Query } from "./api.ts";

export interface StreamListener {
  onOpen?(): void;
  onEvent(event: ServerEvent): void;
  /** What came before is not true any more, and why. It is tried again. */
  onLost(error: KtError): void;
  /** The hub has nothing more to send. Where it is absent, the hub never ends a stream, and its end is a loss. */
  onEnd?(): void;
}

const retryMs = 1000;
/** The hub sends a sign of life every 15 s. */
const silenceMs = 40_000;

/** Returns what ends it. */
export function follow(path: string, query: Query, listener: StreamListener): () => void {
  const stopped = new AbortController();
  void new Following(addressOf(path, query), listener).run(stopped.signal);
  return () => stopped.abort();
}

class Following {
  readonly #address: string;
  readonly #listener: StreamListener;
  /** Of the last event, for the next try. */
  #lastId = "";

  constructor(address: string, listener: StreamListener) {
    this.#address = address;
    this.#listener = listener;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { onEnd, onLost } = this.#listener;
    for (;;) {
      await seen(signal);
      if (signal.aborted) return;
      try {
        if (await this.#whileSeen(signal)) return onEnd?.();
      } catch (error) {
        if (!signal.aborted) onLost(toKtError(error, "hub-unreachable", "read from kt"));
      }
      await pause(signal);
    }
  }

  /** Resolves to true at the end of a stream that has one, and to false when the page is hidden. */
  async #whileSeen(signal: AbortSignal): Promise<boolean> {
    const attempt = new AbortController();
    const onAbort = (): void => attempt.abort();
    const onHide = (): void => void (document.hidden && attempt.abort());
    signal.addEventListener("abort", onAbort);
    document.addEventListener("visibilitychange", onHide);
    try {
      await this.#read(attempt.signal);
      if (!this.#listener.onEnd) throw new KtError("hub-unreachable", "kt has ended", { hints: ["kt up"] });
      return true;
    } catch (error) {
      if (!attempt.signal.aborted) throw error;
      return false;
    } finally {
      signal.removeEventListener("abort", onAbort);
      document.removeEventListener("visibilitychange", onHide);
    }
  }

  async #read(signal: AbortSignal): Promise<void> {
    const decoder = new EventDecoder();
    const headers = { Accept: "text/event-stream", ...(this.#lastId === "" ? {} : { "Last-Event-ID": this.#lastId }) };
    const { body } = await fetched(this.#address, { headers, signal });
    if (!body) return;
    this.#listener.onOpen?.();
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const timer = setTimeout(() => void reader.cancel(), silenceMs);
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      if (done) return;
      for (const event of decoder.push(value)) this.#listener.onEvent(event);
      if (decoder.lastId !== "") this.#lastId = decoder.lastId;
    }
  }
}

/** A page that is hidden holds no connection: browsers have six for all of its kind. */
function seen(signal: AbortSignal): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const look = (): void => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look, { once: true });
  });
}

/** Before the next try. */
function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, retryMs);
    signal.addEventListener("abort", end);
  });
}
