/** HTTP/1 clients, the front door's own code for them, and tunnels to pods in memory: all but sockets and a cluster. */

import { serviceTarget } from "./service-target.ts";
import { silentLog } from "#base/log.ts";
import { memoryPair } from "./memory-conn.ts";
import { CounterTable } from "#observe/counters.ts";
import type { KtEvent } from "#observe/events.ts";
// kt loads these two with their first use, which takes longer than a test waits for what has no timer.
import "#proxy/h2/h2.ts";
import "#proxy/h2/http1-over-h2.ts";
import { overH2 } from "#proxy/h2/over-h2.ts";
import { Backends } from "#proxy/http1/backends.ts";
import { Http1Connection } from "#proxy/http1/http1.ts";
import type { Found } from "#route/lookup.ts";
import type { Target } from "#route/target.ts";
import { Tunnels } from "#tunnel/tunnels.ts";
import { FakeCluster, type PodConnection, type PodServer } from "./fake-cluster.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { Recorder } from "./recorder.ts";
import type { RetryPolicy } from "#proxy/door/context.ts";
import type { RequestTimeouts } from "#proxy/door/request-timer.ts";
import { usualRetry } from "#test/support/retry.ts";

export const webTarget = serviceTarget("web");

export const webRoute: Found = { kind: "found", profile: "p", route: "web.localhost", via: "static", target: webTarget, scheme: "http" };

export class PodFront {
  readonly cluster = new FakeCluster();
  readonly clock = new ManualClock();
  readonly events: KtEvent[] = [];
  readonly #backends: Backends;
  readonly #found: Found;

  readonly #retry: RetryPolicy;

  readonly #timeouts: RequestTimeouts | undefined;

  constructor(serve: PodServer, found: Found = webRoute, retry: RetryPolicy = usualRetry(), timeouts?: RequestTimeouts) {
    this.#timeouts = timeouts;
    this.#retry = retry;
    this.cluster.setPod("web-1", serve);
    this.cluster.ready("web-1");
    this.#found = found;
    this.#backends = new Backends({ dial: (to, signal) => this.#tunnels.dial(to as Target, signal) }, this.clock, undefined, overH2);
  }

  readonly #tunnels = new Tunnels({
    clusterFor: () => this.cluster,
    timeoutsFor: () => ({ idleTimeoutMs: 0, startTimeoutMs: 30_000 }),
    clock: this.clock,
    log: silentLog,
    report: (event) => this.events.push(event),
  });
  readonly counters = new CounterTable();

  /** Sessions to the pod that were opened. */
  get sessions(): number {
    return this.cluster.sessions.length;
  }

  client(): Recorder {
    const [near, far] = memoryPair();
    const report = (event: KtEvent): void => void this.events.push(event);
    const context = {
      dialer: this.#tunnels,
      counters: this.counters,
      retryOf: () => this.#retry,
      timeoutsOf: () => this.#timeouts,
      clock: this.clock,
      log: silentLog,
      report,
    };
    new Http1Connection(far, {
      context,
      backends: this.#backends,
      router: { decide: () => this.#found },
      scheme: "http",
      onClosed() {},
    }).start();
    return new Recorder(near);
  }

  /** What one client with this one request gets until nothing more comes, within so much time. */
  async answer(request: string, withinMs = 0): Promise<string> {
    const client = this.client();
    client.write(request);
    await settle();
    for (let leftMs = withinMs; leftMs > 0 && client.length === 0; leftMs -= 100) await this.clock.advance(100);
    const answer = client.text();
    client.conn.abort();
    await settle();
    return answer;
  }
}

export const requestText = (method = "GET", body = "", more = ""): string =>
  `${method} / HTTP/1.1\r\nHost: web.localhost\r\n${body === "" ? "" : `Content-Length: ${body.length}\r\n`}${more}\r\n${body}`;

/** A pod that learns of each request once it is whole, as its Content-Length says. */
export const onRequest =
  (answer: (connection: PodConnection, request: string, nth: number) => void): PodServer =>
  (connection) => {
    let text = "";
    let nth = 0;
    connection.onData = (bytes) => {
      text += Buffer.from(bytes).toString("latin1");
      const head = text.indexOf("\r\n\r\n") + 4;
      const end = head + Number(/content-length: *(\d+)/i.exec(text)?.[1] ?? 0);
      if (head < 4 || text.length < end) return;
      const request = text.slice(0, end);
      text = text.slice(end);
      nth += 1;
      answer(connection, request, nth);
    };
    connection.onEnd = () => connection.end();
  };

/** A pod that answers every request with these bytes, and then closes or does not. */
export const answers = (response: string, closes = true): PodServer =>
  onRequest((connection) => {
    say(connection, response);
    if (closes) connection.end();
  });

export function say(connection: PodConnection, text: string): void {
  connection.write(Buffer.from(text, "latin1"));
}
