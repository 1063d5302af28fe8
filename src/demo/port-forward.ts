/** The peer of a port-forward session: what the API server, kubelet and containerd do together with one upgraded connection. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import type { SessionEvent } from "#mux/events.ts";
import { SpdySession } from "#mux/session.ts";
import { parseStreamHeaders } from "#wire/portforward.ts";
import { resetStatus } from "#wire/spdy-frame.ts";
import type { RuntimePod } from "./cluster.ts";
import { Forwarding } from "./forwarding.ts";

export interface PortForwardOptions {
  readonly conn: Conn;
  /** The pod at this moment; undefined once it is gone. */
  readonly pod: () => RuntimePod | undefined;
  /** Of the pod at the time of the upgrade. */
  readonly sandbox: string;
  readonly clock: Clock;
  /** How long containerd waits for the second direction after the first has ended: 1 s. */
  readonly graceMs: number;
  readonly onClosed: (session: PortForward) => void;
}

export class PortForward {
  readonly #options: PortForwardOptions;
  readonly #session = new SpdySession({ role: "server" });
  /** Streams whose other half has not come yet, by request id. */
  readonly #waiting = new Map<string, number>();
  readonly #forwardings = new Map<number, Forwarding>();
  /** Forwardings whose pod does not keep up. */
  #holders = 0;
  #blocked = false;
  #flushing = false;

  constructor(options: PortForwardOptions) {
    this.#options = options;
    options.conn.start({
      onData: (bytes) => this.#received(bytes),
      onEnd: () => this.close(),
      onDrain: () => this.#drained(),
      onClose: () => this.close(),
    });
  }

  /** The pod has ended: its connections end, the session goes on. */
  podEnded(): void {
    for (const forwarding of new Set(this.#forwardings.values())) forwarding.podEnded();
  }

  close(): void {
    for (const forwarding of new Set(this.#forwardings.values())) forwarding.abandon();
    this.#forwardings.clear();
    this.#options.conn.abort();
    this.#options.onClosed(this);
  }

  /** Resets one stream, as an API server that restarts its kubelet connection may. */
  resetDataStreams(): void {
    for (const forwarding of new Set(this.#forwardings.values())) {
      this.#session.reset(forwarding.dataStream, resetStatus.cancel);
      this.#forget(forwarding);
      forwarding.abandon();
    }
    this.#flushSoon();
  }

  #received(bytes: Uint8Array): void {
    try {
      this.#session.receive(bytes, (event) => this.#on(event));
    } catch {
      this.close();
      return;
    }
    this.#flushSoon();
  }

  #on(event: SessionEvent): void {
    if (event.type === "opened") this.#opened(event.stream, event.headers);
    else if (event.type === "data" || event.type === "reset") this.#forwardings.get(event.stream)?.heard(event);
  }

  #opened(stream: number, headers: ReadonlyMap<string, string>): void {
    const parsed = parseStreamHeaders(headers);
    if (!parsed) {
      this.#session.reset(stream, resetStatus.cancel);
      return;
    }
    this.#session.reply(stream);
    const other = this.#waiting.get(parsed.requestId);
    if (other === undefined) {
      this.#waiting.set(parsed.requestId, stream);
      return;
    }
    this.#waiting.delete(parsed.requestId);
    const [error, data] = parsed.kind === "data" ? [other, stream] : [stream, other];
    this.#forward(error, data, parsed.port);
  }

  #forward(errorStream: number, dataStream: number, port: number): void {
    const { pod, sandbox, clock, graceMs, conn } = this.#options;
    const session = this.#session;
    const forwarding: Forwarding = new Forwarding({
      dataStream,
      errorStream,
      port,
      pod: pod(),
      sandbox,
      clock,
      graceMs,
      write: (bytes) => {
        session.write(dataStream, bytes);
        this.#flushSoon();
        return !this.#blocked;
      },
      finish: (text) => {
        session.end(dataStream);
        if (text !== undefined) session.write(errorStream, Buffer.from(text));
        session.end(errorStream);
        this.#forget(forwarding);
        this.#flushSoon();
      },
      hold: () => {
        this.#holders += 1;
        conn.pause();
      },
      release: () => {
        this.#holders -= 1;
        if (this.#holders === 0) conn.resume();
      },
    });
    this.#forwardings.set(dataStream, forwarding).set(errorStream, forwarding);
    forwarding.begin();
  }

  #forget(forwarding: Forwarding): void {
    this.#forwardings.delete(forwarding.dataStream);
    this.#forwardings.delete(forwarding.errorStream);
  }

  #drained(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    for (const forwarding of new Set(this.#forwardings.values())) forwarding.drained();
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      for (const chunk of this.#session.take()) if (!this.#options.conn.write(chunk)) this.#blocked = true;
    });
  }
}
