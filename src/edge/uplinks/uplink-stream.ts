/** Opens a stream to an uplink: gets a connection, sends a request, and hands back the Conn once the uplink has agreed. */

import type { Clock } from "#base/clock.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { withDeadline } from "#base/deadline.ts";
import { KtError } from "#base/errors.ts";
import { systemCode, systemReason } from "#base/system-error.ts";
import { decodeUplinkAnswer, encodeUplinkRequest, type UplinkAnswer, type UplinkRequest } from "#wire/uplink-frame.ts";
import type { UplinkWay } from "./uplink-way.ts";

export interface StreamTimes {
  /** How long a connection may take. */
  readonly dialMs: number;
  /** And then to answer. */
  readonly answerMs: number;
}

/** What became of a request: a stream, the uplink's own refusal, or no answer. */
type AskOutcome =
  | { readonly kind: "opened"; readonly conn: Conn }
  | { readonly kind: "refused"; readonly answer: Exclude<UplinkAnswer, "opened"> }
  /** There was a connection, on which it said nothing or closed. */
  | { readonly kind: "silent"; readonly problem: string };

export type StreamOutcome =
  | AskOutcome
  /** The uplink does not accept connections. `isDoubtful`: it has not in the time that there was, or what is wrong may pass. */
  | { readonly kind: "unreachable"; readonly problem: string; readonly isDoubtful: boolean };

/** Of an uplink that has too many connections at this moment, or of an edge that has no port or descriptor left. */
const passing: ReadonlySet<string> = new Set(["ECONNRESET", "EADDRNOTAVAIL", "EMFILE", "ENFILE", "ENOBUFS"]);

/** Never rejects. */
export async function openStream(
  clock: Clock,
  way: UplinkWay,
  request: UplinkRequest,
  { dialMs, answerMs }: StreamTimes,
  signal?: AbortSignal,
): Promise<StreamOutcome> {
  let conn: Conn;
  const late = new KtError("connection-lost", `${way.absence} within ${dialMs} ms`);
  try {
    conn = await withDeadline(
      clock,
      dialMs,
      signal,
      () => late,
      (within) => way.connect(within),
    );
  } catch (error) {
    return { kind: "unreachable", problem: reasonOf(error), isDoubtful: error === late || passing.has(systemCode(error) ?? "") };
  }
  return await askFor(clock, conn, request, answerMs);
}

/** Asks on a connection, which it owns from now on. Never rejects. */
export async function askFor(clock: Clock, conn: Conn, request: UplinkRequest, answerMs: number): Promise<AskOutcome> {
  conn.write(encodeUplinkRequest(request));
  try {
    const answer = await answerOf(clock, conn, answerMs);
    if (answer === "opened") return { kind: "opened", conn };
    conn.abort();
    return { kind: "refused", answer };
  } catch (error) {
    return { kind: "silent", problem: reasonOf(error) };
  }
}

const reasonOf = (error: unknown): string => (error instanceof KtError ? error.message : systemReason(error));

/** The first byte; the Conn is left paused behind it. Where it rejects, the Conn was aborted. */
function answerOf(clock: Clock, conn: Conn, answerMs: number): Promise<UplinkAnswer> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(answerMs, () => fail(new KtError("connection-lost", `it did not answer within ${answerMs} ms`)));
    const fail = (error: unknown): void => {
      cancel();
      reject(error);
      conn.abort();
    };
    const handler: ConnHandler = {
      onData(bytes) {
        conn.pause();
        try {
          const answer = decodeUplinkAnswer(bytes[0] as number);
          cancel();
          conn.unread(bytes.subarray(1));
          resolve(answer);
        } catch (error) {
          fail(error);
        }
      },
      onEnd: () => fail(new KtError("connection-lost", "it closed the stream without an answer")),
      onDrain() {},
      onClose: (error) => fail(error ?? new KtError("connection-lost", "it closed the stream without an answer")),
    };
    conn.start(handler);
  });
}
