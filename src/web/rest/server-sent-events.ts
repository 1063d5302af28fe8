/** Server-sent events (WHATWG HTML §9.2): what goes on, at the pace at which each client reads. */

import type { Clock } from "#base/clock.ts";
import type { BodyStream, ServerAnswer } from "#http/server.ts";
import { guardedHeaders } from "#web/guard/answers.ts";
import { webLimits } from "#web/limits.ts";

const encoder = new TextEncoder();

/** One client that is sent events. */
export class EventStream {
  readonly #body: BodyStream;
  #isBehind = false;
  onDrain: () => void = () => {};

  constructor(body: BodyStream) {
    this.#body = body;
    body.onDrain = () => {
      this.#isBehind = false;
      this.onDrain();
    };
  }

  /** The client has not read what it was sent: newer news should wait. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** JSON has no line ends of its own. `id`: what a client that comes again says it has had. */
  send(event: string, data: unknown, id?: string): void {
    const lines = [...(id === undefined ? [] : [`id: ${id}`]), `event: ${event}`, `data: ${JSON.stringify(data)}`];
    this.#write(`${lines.join("\n")}\n\n`);
  }

  comment(): void {
    if (!this.#isBehind) this.#write(":\n\n");
  }

  end(): void {
    this.#body.end();
  }

  #write(text: string): void {
    if (!this.#body.write(encoder.encode(text))) this.#isBehind = true;
  }
}

/** Begins to send, and returns what is called when the client leaves. */
export type BeginEvents = (stream: EventStream) => () => void;

export function eventStreamAnswer(clock: Clock, begin: BeginEvents): ServerAnswer {
  return {
    kind: "stream",
    status: 200,
    headers: [["Content-Type", "text/event-stream"], ...guardedHeaders],
    begin(body) {
      const stream = new EventStream(body);
      const leave = begin(stream);
      let cancel = (): void => {};
      const beat = (): void => {
        cancel = clock.after(webLimits.heartbeatMs, () => {
          stream.comment();
          beat();
        });
      };
      beat();
      return () => {
        cancel();
        leave();
      };
    },
  };
}
