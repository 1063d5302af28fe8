/** A command over a WebSocket: each message begins with its channel. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { muxLimits } from "#mux/limits.ts";
import { Liveness } from "#mux/liveness.ts";
import { ChannelDecoder, closeStdin, execChannels } from "#wire/exec.ts";
import { WsDecoder } from "#wire/ws-decoder.ts";
import { encodeWsFrame, type WsOpcode, wsOpcodes } from "#wire/ws-frame.ts";
import { ExecResult } from "./exec-result.ts";
import { noPong, sessionLost } from "./session-errors.ts";
import type { Exec, ExecHandler } from "#kube/objects/types.ts";
import { takeMask } from "#http/ws-mask.ts";

const stdin = Uint8Array.of(execChannels.stdin);

/** The command runs from the upgrade on: what it says before `start` waits in the connection. */
export class ChannelExec implements Exec {
  readonly waits = false;
  readonly canEndStdin: boolean;
  readonly #conn: Conn;
  readonly #clock: Clock;
  readonly #result = new ExecResult((end) => this.#over(end));
  readonly #channels = new ChannelDecoder((channel, bytes) => this.#data(channel, bytes));
  readonly #decoder: WsDecoder;
  #handler: ExecHandler | undefined;
  readonly #liveness: Liveness;
  /** Sent since something last came: answers to pings may wait behind what the command does not read. */
  #unheardBytes = 0;
  #state: "flowing" | "paused" | "over" = "flowing";

  /** Owns the Conn, which carries WebSocket frames. */
  constructor(conn: Conn, clock: Clock, options: { readonly canEndStdin: boolean }) {
    this.canEndStdin = options.canEndStdin;
    this.#conn = conn;
    this.#clock = clock;
    this.#liveness = new Liveness(clock.now());
    this.#decoder = new WsDecoder("client", {
      onMessage: (_kind, bytes, fin) => this.#channels.push(bytes, fin),
      onPing: (payload) => void this.#send(wsOpcodes.pong, payload),
      onPong() {},
      onClose: (code, reason) => this.#result.connectionEnded(closed(code, reason)),
    });
  }

  get open(): boolean {
    return this.#state !== "over";
  }

  start(handler: ExecHandler): void {
    this.#handler = handler;
    if (!this.open) {
      queueMicrotask(() => handler.onExit({ kind: "lost", error: sessionLost() }));
      return;
    }
    this.#conn.start({
      onData: (bytes) => this.#received(bytes),
      onEnd: () => this.#result.connectionEnded(undefined),
      onDrain: () => handler.onDrain(),
      onClose: (error) => this.#result.connectionEnded(error),
    });
  }

  write(bytes: Uint8Array): boolean {
    this.#unheardBytes += bytes.length;
    return this.#send(wsOpcodes.binary, stdin, bytes);
  }

  end(): void {
    if (this.canEndStdin) this.#send(wsOpcodes.binary, closeStdin);
  }

  pause(): void {
    if (this.#state === "flowing") this.#state = "paused";
    this.#conn.pause();
  }

  resume(): void {
    if (this.#state === "paused") {
      this.#state = "flowing";
      this.#liveness.heard(this.#clock.now());
    }
    this.#conn.resume();
  }

  get heardMs(): number {
    return this.#liveness.heardMs;
  }

  ping(): void {
    if (this.open && this.#liveness.ask(this.#clock.now())) this.#send(wsOpcodes.ping);
  }

  tick(nowMs: number, pathAlive: boolean): void {
    if (this.#state !== "flowing") return;
    const isExcused = pathAlive && this.#unheardBytes > muxLimits.unreadBytes;
    const verdict = this.#liveness.verdict(nowMs, { pingIntervalMs: muxLimits.pingIntervalMs, isExcused });
    if (verdict === "ping") this.ping();
    else if (verdict === "dead") this.#result.lost(noPong());
  }

  abort(): void {
    if (!this.open) return;
    this.#state = "over";
    this.#conn.abort();
  }

  #send(opcode: WsOpcode, ...parts: readonly Uint8Array[]): boolean {
    return !this.open || this.#conn.write(encodeWsFrame(opcode, parts, { mask: takeMask() }));
  }

  #received(bytes: Uint8Array): void {
    this.#liveness.heard(this.#clock.now());
    this.#unheardBytes = 0;
    try {
      this.#decoder.decode(bytes);
    } catch (error) {
      this.#result.lost(toKtError(error, "protocol", "read a WebSocket frame"));
    }
  }

  #data(channel: number, bytes: Uint8Array): void {
    if (!this.open) return;
    if (channel === execChannels.stdout) this.#handler?.onStdout(bytes);
    else if (channel === execChannels.stderr) this.#handler?.onStderr(bytes);
    else if (channel === execChannels.error) this.#result.push(bytes);
  }

  #over(end: Parameters<ExecHandler["onExit"]>[0]): void {
    if (!this.open) return;
    this.abort();
    this.#handler?.onExit(end);
  }
}

const closed = (code: number, reason: string): KtError =>
  new KtError("connection-lost", `the API server closed the WebSocket with code ${code}${reason === "" ? "" : `: ${reason}`}`);
