/** The exec protocol: the request's query, the streams or WebSocket channels of a command, and how its end is reported. */

import { KtError } from "#base/errors.ts";
import type { SpdyHeaders } from "./spdy-headers.ts";

export const execProtocols = {
  /** `X-Stream-Protocol-Version`: the version that tells exit codes. */
  stream: "v4.channel.k8s.io",
  /** `Sec-WebSocket-Protocol`, best first. Only the fifth can end stdin while the rest goes on. */
  webSocket: ["v5.channel.k8s.io", "v4.channel.k8s.io"],
} as const;

/** One argument list, run in one container; undefined is the only one. */
export interface ExecCommand {
  readonly container: string | undefined;
  readonly command: readonly string[];
}

/** With its question mark. */
export function execQuery({ container, command }: ExecCommand): string {
  const query = new URLSearchParams();
  for (const word of command) query.append("command", word);
  if (container !== undefined) query.append("container", container);
  for (const stream of ["stdin", "stdout", "stderr"]) query.append(stream, "true");
  return `?${query.toString()}`;
}

/** What goes wrong, and the exit code, is reported as JSON on the error stream. The command runs once all four are open. */
export type ExecStream = "error" | "stdin" | "stdout" | "stderr";

export const execStreamHeaders = (stream: ExecStream): SpdyHeaders => new Map([["streamtype", stream]]);

/** The first byte of every message over a WebSocket. */
export const execChannels = { stdin: 0, stdout: 1, stderr: 2, error: 3, close: 255 } as const;

/** The payload that ends stdin (v5). */
export const closeStdin: Uint8Array = Uint8Array.of(execChannels.close, execChannels.stdin);

/** Finds the channel of each message, whose pieces are passed on as they come. */
export class ChannelDecoder {
  readonly #onBytes: (channel: number, bytes: Uint8Array) => void;
  /** Of the message that is arriving. */
  #channel: number | undefined;

  constructor(onBytes: (channel: number, bytes: Uint8Array) => void) {
    this.#onBytes = onBytes;
  }

  /** The next piece of a message; `fin` says that it is the last one. */
  push(piece: Uint8Array, fin: boolean): void {
    const known = this.#channel;
    const channel = known ?? piece[0];
    this.#channel = fin ? undefined : channel;
    const bytes = known === undefined ? piece.subarray(1) : piece;
    if (channel !== undefined && bytes.length > 0) this.#onBytes(channel, bytes);
  }
}

/** How a command came to its end. */
export type ExecEnd =
  | { readonly kind: "exited"; readonly code: number }
  /** It never ran, or its container went away; the peer's own words. */
  | { readonly kind: "failed"; readonly text: string };

/** What is used of a Status, none of which can be relied on. */
interface Status {
  readonly status?: unknown;
  readonly reason?: unknown;
  readonly message?: unknown;
  readonly details?: { readonly causes?: unknown } | null;
}

/** Reads the text of an error stream: a Status. Throws KtError `protocol`. */
export function parseExecEnd(text: string): ExecEnd {
  const { status, reason, message, details } = parseStatus(text);
  if (status === "Success") return { kind: "exited", code: 0 };
  const code = reason === "NonZeroExitCode" ? exitCode(details?.causes) : undefined;
  if (code !== undefined) return { kind: "exited", code };
  return { kind: "failed", text: typeof message === "string" ? message : text };
}

function exitCode(causes: unknown): number | undefined {
  if (!Array.isArray(causes)) return undefined;
  const cause = causes.find((each: Status | null) => each?.reason === "ExitCode") as Status | undefined;
  const code = Number(cause?.message);
  return Number.isInteger(code) ? code : undefined;
}

function parseStatus(text: string): Status {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return parsed;
  } catch {
    // Said below, as for any other JSON that is not a Status.
  }
  throw new KtError("protocol", `the end of a command was reported as ${JSON.stringify(text.slice(0, 200))}`);
}

/** Whether a command did not run because the container has no such program. */
export function isMissingProgram(text: string): boolean {
  return /executable file .*not found|no such file or directory|not found in \$PATH/i.test(text);
}
