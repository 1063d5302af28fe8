/** A command over a SPDY session of its own: four streams, and back-pressure by the connection. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { toKtError } from "#base/errors.ts";
import type { SessionEvent } from "#mux/events.ts";
import { Liveness } from "#mux/liveness.ts";
import { SpdySession } from "#mux/session.ts";
import { SpdystreamPeer } from "#mux/spdystream.ts";
import { type ExecStream, execStreamHeaders } from "#wire/exec.ts";
import { ExecResult, lostBefore, noPong } from "./exec-result.ts";
import type { Exec, ExecHandler } from "#kube/objects/types.ts";

/** Our half of those that only the command writes to is closed at once. */
const streams: readonly (readonly [ExecStream, { readonly fin: boolean }])[] = [
  ["error", { fin: true }],
  ["stdin", { fin: false }],
  ["stdout", { fin: true }],
  ["stderr", { fin: true }],
];

export class SpdyExec implements Exec {
  readonly waits = true;
  readonly canEndStdin = true;
  readonly #conn: Conn;
  readonly #clock: Clock;
  readonly #mux = new SpdySession({ role: "client" });
  readonly #peer = new SpdystreamPeer(() => this.#mux.ping());
  readonly #liveness: Liveness;
  readonly #ids = new Map<number, ExecStream>();
  readonly #result = new ExecResult((end) => this.#over(end));
  readonly #emit = (event: SessionEvent): void => this.#on(event);
  #stdin = 0;
  #handler: ExecHandler | undefined;
  #open = true;
  #blocked = false;
  #flushing = false;
  #paused = false;

  /** Owns the Conn. */
  constructor(conn: Conn, clock: Clock) {
    this.#conn = conn;
    this.#clock = clock;
    this.#liveness = new Liveness(clock.now());
    conn.start({
      onData: (bytes) => this.#received(bytes),
      onEnd: () => this.#result.connectionEnded(undefined),
      onDrain: () => this.#drained(),
      onClose: (error) => this.#result.connectionEnded(error),
    });
  }

  get open(): boolean {
    return this.#open;
  }

  start(handler: ExecHandler): void {
    this.#handler = handler;
    if (!this.#open) {
      queueMicrotask(() => handler.onExit(lostBefore()));
      return;
    }
    for (const [stream, options] of streams) {
      const id = this.#mux.open(execStreamHeaders(stream), options);
      this.#ids.set(id, stream);
      if (stream === "stdin") this.#stdin = id;
    }
    this.#scheduleFlush();
  }

  write(bytes: Uint8Array): boolean {
    if (!this.#open) return true;
    this.#liveness.sent(bytes.length);
    this.#mux.write(this.#stdin, bytes);
    this.#scheduleFlush();
    return !this.#blocked;
  }

  end(): void {
    this.#mux.end(this.#stdin);
    this.#scheduleFlush();
  }

  pause(): void {
    this.#paused = true;
    this.#conn.pause();
  }

  resume(): void {
    if (this.#paused) this.#liveness.resumed(this.#clock.now());
    this.#paused = false;
    this.#conn.resume();
  }

  get heardMs(): number {
    return this.#liveness.heardMs;
  }

  ping(): void {
    if (!this.#open || !this.#liveness.ask(this.#clock.now())) return;
    this.#peer.ping();
    this.#scheduleFlush();
  }

  tick(nowMs: number, pathAlive: boolean): void {
    if (!this.#open || this.#paused) return;
    const isExcused = pathAlive && (this.#peer.hasBlocked || this.#liveness.mayWaitForReader);
    const verdict = this.#liveness.verdict(nowMs, { pingIntervalMs: this.#peer.pingIntervalMs, isExcused });
    if (verdict === "ping") this.ping();
    else if (verdict === "dead") this.#result.lost(noPong());
  }

  abort(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#conn.abort();
  }

  #received(bytes: Uint8Array): void {
    this.#liveness.heard(this.#clock.now());
    try {
      this.#mux.receive(bytes, this.#emit);
    } catch (error) {
      this.#result.lost(toKtError(error, "protocol", "read from a command's session"));
    }
    this.#scheduleFlush();
  }

  #on(event: SessionEvent): void {
    if (event.type === "pong") this.#peer.pongReceived(event.id);
    if (event.type === "pinged") this.#peer.pingEchoed();
    if (!this.#open || (event.type !== "data" && event.type !== "reset")) return;
    const stream = this.#ids.get(event.stream);
    if (event.type === "reset") {
      if (stream !== "stdin") this.#ended(stream);
      return;
    }
    if (event.bytes.length > 0) this.#data(stream, event.bytes);
    if (event.fin) this.#ended(stream);
  }

  #data(stream: ExecStream | undefined, bytes: Uint8Array): void {
    if (stream === "stdout") this.#handler?.onStdout(bytes);
    else if (stream === "stderr") this.#handler?.onStderr(bytes);
    else if (stream === "error") this.#result.push(bytes);
  }

  #ended(stream: ExecStream | undefined): void {
    if (stream === "stdout") this.#handler?.onStdoutEnd();
    else if (stream === "error") this.#result.ended();
  }

  #over(end: Parameters<ExecHandler["onExit"]>[0]): void {
    if (!this.#open) return;
    this.abort();
    this.#handler?.onExit(end);
  }

  #drained(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#handler?.onDrain();
  }

  /** Small writes of one turn of the event loop leave together. */
  #scheduleFlush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      if (!this.#open) return;
      for (const chunk of this.#mux.take()) if (!this.#conn.write(chunk)) this.#blocked = true;
    });
  }
}
