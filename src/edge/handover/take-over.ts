/** The successor's part of a hand-over: an instance of the edge goes on with what another one has open. */

import * as v from "valibot";
import { type Clock, sleep } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { systemCode } from "#base/system-error.ts";
import { edgeLimits } from "#edge/limits.ts";
import { connectLocal } from "#net/local-socket.ts";
import type { HandedSession, UdpOffer } from "#edge/udp/udp-offer.ts";
import { JsonLines } from "./json-lines.ts";
import { anyOffer, handedSessions, ownOffer, type SuccessorStep } from "./steps.ts";

export interface Successor {
  /** Resolves once it could serve: until then all goes to the predecessor. */
  ready(): Promise<void>;
  /** Opens its sockets beside those of the predecessor; `udp` is undefined where its sessions cannot be had. */
  openBeside(udp: UdpOffer | undefined): void;
  adopt(sessions: readonly HandedSession[]): void;
  /** The next successor finds this one from now on. */
  claim(): Promise<void>;
}

export interface TakeOverOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly successor: Successor;
}

export interface TakenOver {
  /** Resolves once the predecessor has no listening socket any more. */
  readonly settled: Promise<void>;
}

/** Resolves once the successor has what there was, whether or not there was a predecessor. Never rejects. */
export async function takeOver(options: TakeOverOptions): Promise<TakenOver> {
  const { log, successor } = options;
  const found = await findPredecessor(options);
  if (!found) {
    await successor.claim();
    return { settled: Promise.resolve() };
  }
  const { lines, offer } = found;
  let sessions: readonly HandedSession[] = [];
  try {
    await successor.ready();
    sessions = await receive(lines, offer, successor);
  } catch (error) {
    log("warn", "take-over-failed", { text: `the predecessor ${messageOf(error)}` });
  }
  // Also without any: what has arrived since the sockets were opened waits for it.
  successor.adopt(sessions);
  await successor.claim();
  lines.send("adopted" satisfies SuccessorStep);
  // That it has none any more, or that there is nothing more to hear.
  await lines.next(edgeLimits.adoptMs).catch(() => {});
  log("info", "take-over", { sessions: sessions.length });
  return { settled: lines.ended(edgeLimits.successorMs).then(() => lines.close()) };
}

async function receive(lines: JsonLines, offer: unknown, successor: Successor): Promise<readonly HandedSession[]> {
  if (v.is(ownOffer, offer)) {
    successor.openBeside(offer.udp);
    lines.send("beside" satisfies SuccessorStep);
    return v.parse(handedSessions, await lines.next(edgeLimits.adoptMs)).sessions;
  }
  v.parse(anyOffer, offer);
  successor.openBeside(undefined);
  lines.send("other-version" satisfies SuccessorStep);
  return [];
}

/** One that is just handing over to another closes at once: that one is asked then. */
async function findPredecessor({ path, clock, log }: TakeOverOptions): Promise<{ lines: JsonLines; offer: unknown } | undefined> {
  for (let tries = 0; tries < edgeLimits.takeOverTries; tries++) {
    try {
      const lines = new JsonLines(await connectLocal(path), clock);
      return { lines, offer: await lines.next(edgeLimits.successorMs) };
    } catch (error) {
      const code = systemCode(error) ?? "";
      // One that was killed left its socket.
      if (code === "ENOENT" || code === "ECONNREFUSED") return undefined;
      log("warn", "take-over-again", { text: messageOf(error) });
      await sleep(clock, edgeLimits.takeOverAgainMs);
    }
  }
  return undefined;
}
