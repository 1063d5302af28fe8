/** A command over a SPDY session of its own: four streams, and back-pressure by the connection. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { type ExecStream, execStreamHeaders } from "#wire/exec.ts";
import { ExecResult } from "./exec-result.ts";
import type { Exec, ExecExit, ExecHandler } from "#kube/objects/types.ts";
import { sessionLost } from "./session-errors.ts";
import { SpdyDriver } from "./spdy-driver.ts";

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
  readonly #driver: SpdyDriver;
  readonly #streams = new Map<number, ExecStream>();
  readonly #result = new ExecResult((exit) => this.#over(exit));
  #stdin = 0;
  #handler: ExecHandler | undefined;

  /** Owns the Conn. */
  constructor(conn: Conn, clock: Clock) {
    this.#driver = new SpdyDriver(conn, clock, {
      onReply() {},
      onData: (stream, bytes) => this.#data(this.#streams.get(stream), bytes),
      onEnd: (stream) => this.#ended(this.#streams.get(stream)),
      onReset: (stream) => this.#ended(this.#streams.get(stream)),
      onGoAway() {},
      onDrain: () => this.#handler?.onDrain(),
      onProof() {},
      onClose: (error) => this.#result.connectionEnded(error),
    });
  }

  get open(): boolean {
    return this.#driver.isOpen;
  }

  get heardMs(): number {
    return this.#driver.heardMs;
  }

  start(handler: ExecHandler): void {
    this.#handler = handler;
    if (!this.open) {
      queueMicrotask(() => handler.onExit({ kind: "lost", error: sessionLost() }));
      return;
    }
    for (const [stream, options] of streams) {
      const id = this.#driver.open(execStreamHeaders(stream), options);
      this.#streams.set(id, stream);
      if (stream === "stdin") this.#stdin = id;
    }
  }

  write(bytes: Uint8Array): boolean {
    return this.#driver.write(this.#stdin, bytes);
  }

  end(): void {
    this.#driver.end(this.#stdin, "soon");
  }

  pause(): void {
    this.#driver.pause();
  }

  resume(): void {
    this.#driver.resume();
  }

  ping(): void {
    this.#driver.ping();
  }

  tick(nowMs: number, pathAlive: boolean): void {
    this.#driver.tick(nowMs, pathAlive);
  }

  abort(): void {
    this.#driver.close();
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

  #over(exit: ExecExit): void {
    this.#driver.close();
    this.#handler?.onExit(exit);
  }
}
