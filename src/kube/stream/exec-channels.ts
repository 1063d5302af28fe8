/** A command over a WebSocket: each message begins with the channel that it belongs to. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { ChannelDecoder, closeStdin, execChannels } from "#wire/exec.ts";
import { WsDecoder } from "#wire/ws-decoder.ts";
import { encodeWsFrame, type WsOpcode, wsOpcodes } from "#wire/ws-frame.ts";
import { ExecResult } from "./exec-result.ts";
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
  #open = true;
  heardMs: number;

  /** Owns the Conn, which carries WebSocket frames. */
  constructor(conn: Conn, clock: Clock, options: { readonly canEndStdin: boolean }) {
    this.canEndStdin = options.canEndStdin;
    this.#conn = conn;
    this.#clock = clock;
    this.heardMs = clock.now();
    this.#decoder = new WsDecoder("client", {
      onMessage: (_kind, bytes, fin) => this.#channels.push(bytes, fin),
      onPing: (payload) => void this.#send(wsOpcodes.pong, payload),
      onPong() {},
      onClose: (code, reason) => this.#result.connectionEnded(closed(code, reason)),
    });
  }

  get open(): boolean {
    return this.#open;
  }

  start(handler: ExecHandler): void {
    this.#handler = handler;
    this.#conn.start({
      onData: (bytes) => this.#received(bytes),
      onEnd: () => this.#result.connectionEnded(undefined),
      onDrain: () => handler.onDrain(),
      onClose: (error) => this.#result.connectionEnded(error),
    });
  }

  write(bytes: Uint8Array): boolean {
    return this.#send(wsOpcodes.binary, stdin, bytes);
  }

  end(): void {
    if (this.canEndStdin) this.#send(wsOpcodes.binary, closeStdin);
  }

  pause(): void {
    this.#conn.pause();
  }

  resume(): void {
    this.#conn.resume();
  }

  ping(): void {
    this.#send(wsOpcodes.ping);
  }

  /** One reader takes everything in turn here: what is held up is all of it. */
  get pingsHeld(): boolean {
    return false;
  }

  abort(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#conn.abort();
  }

  #send(opcode: WsOpcode, ...parts: readonly Uint8Array[]): boolean {
    return !this.#open || this.#conn.write(encodeWsFrame(opcode, parts, { mask: takeMask() }));
  }

  #received(bytes: Uint8Array): void {
    this.heardMs = this.#clock.now();
    try {
      this.#decoder.decode(bytes);
    } catch (error) {
      this.#result.lost(toKtError(error, "protocol", "read a WebSocket frame"));
    }
  }

  #data(channel: number, bytes: Uint8Array): void {
    if (!this.#open) return;
    if (channel === execChannels.stdout) this.#handler?.onStdout(bytes);
    else if (channel === execChannels.stderr) this.#handler?.onStderr(bytes);
    else if (channel === execChannels.error) this.#result.push(bytes);
  }

  #over(end: Parameters<ExecHandler["onExit"]>[0]): void {
    if (!this.#open) return;
    this.abort();
    this.#handler?.onExit(end);
  }
}

const closed = (code: number, reason: string): KtError =>
  new KtError("connection-lost", `the far end closed the WebSocket with code ${code}${reason === "" ? "" : `: ${reason}`}`);
