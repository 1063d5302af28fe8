/** The socket by which a running WireGuard is asked and set up. */

import { connect, type Socket } from "bun";
import { type Clock, sleep } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { errorName } from "#native/error-name.ts";
import {
  decodeUapiAnswer,
  decodeUapiDevice,
  encodeUapiGet,
  encodeUapiSet,
  type UapiChange,
  type UapiDevice,
} from "#wire/wireguard-uapi.ts";
import { wireGuardLimits } from "./limits.ts";

/** Where wireguard-go listens for an interface; on hosts /var/run leads to /run. */
export const socketOf = (link: string): string => `/var/run/wireguard/${link}.sock`;

interface Answer {
  unsent: Uint8Array;
  readonly parts: Uint8Array[];
  bytes: number;
  readonly ended: PromiseWithResolvers<string>;
}

export class UapiSocket {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Resolves once it answers. Throws KtError `wireguard-failed` where it does not in time. */
  async answering(clock: Clock, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const untilMs = clock.now() + timeoutMs;
    for (;;) {
      try {
        await this.device();
        return;
      } catch (error) {
        if (clock.now() >= untilMs || signal?.aborted === true) throw error;
      }
      await sleep(clock, wireGuardLimits.startPauseMs, signal);
    }
  }

  /** What it is set to, and what its peers do. Throws KtError `wireguard-failed`, `protocol`. */
  async device(): Promise<UapiDevice> {
    return decodeUapiDevice(await this.#ask(encodeUapiGet()));
  }

  /** Throws KtError `wireguard-failed`, `protocol`. What stands before a refused setting has been done by then. */
  async set(change: UapiChange): Promise<void> {
    await this.#ask(encodeUapiSet(change));
  }

  /** One connection for each question: a program that was started anew answers the next one. */
  async #ask(question: string): Promise<string> {
    const unsent = new TextEncoder().encode(question);
    const answer: Answer = { unsent, parts: [], bytes: 0, ended: Promise.withResolvers() };
    const late = setTimeout(() => answer.ended.reject(failed("gives no answer")), wireGuardLimits.answerMs);
    let socket: Socket<Answer> | undefined;
    try {
      socket = await connect<Answer>({ unix: this.#path, data: answer, socket: events });
      const { errno, text } = decodeUapiAnswer(await answer.ended.promise);
      if (errno !== 0) throw failed(`refuses a setting: ${errorName(Math.abs(errno))}`);
      return text;
    } catch (error) {
      if (error instanceof KtError) throw error;
      throw new KtError("wireguard-failed", `no WireGuard listens at ${this.#path}`, { cause: error });
    } finally {
      clearTimeout(late);
      socket?.terminate();
    }
  }
}

const failed = (what: string): KtError => new KtError("wireguard-failed", `WireGuard ${what}`);

function send(socket: Socket<Answer>): void {
  const sent = socket.write(socket.data.unsent);
  if (sent > 0) socket.data.unsent = socket.data.unsent.subarray(sent);
}

const events = {
  open: send,
  drain(socket: Socket<Answer>): void {
    if (socket.data.unsent.length > 0) send(socket);
  },
  /** An answer ends with an empty line. */
  data({ data: answer }: Socket<Answer>, bytes: Uint8Array): void {
    answer.parts.push(bytes);
    answer.bytes += bytes.length;
    if (answer.bytes > wireGuardLimits.answerBytes) answer.ended.reject(failed("answers too much"));
    if (bytes.at(-1) !== 0x0a) return;
    const text = Buffer.concat(answer.parts).toString();
    if (text.endsWith("\n\n")) answer.ended.resolve(text);
  },
  close({ data: answer }: Socket<Answer>): void {
    answer.ended.reject(failed("closes the connection without an answer"));
  },
  error({ data: answer }: Socket<Answer>, error: Error): void {
    answer.ended.reject(error);
  },
};
