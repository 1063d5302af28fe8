/** The successor's part of a hand-over: an instance of the edge goes on with what another one has open. */

import { rm } from "node:fs/promises";
import * as v from "valibot";
import type { Clock } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
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

/** Resolves once the path is free, whether or not there was a predecessor. Never rejects. */
export async function takeOver({ path, clock, log, successor }: TakeOverOptions): Promise<TakenOver> {
  let lines: JsonLines;
  try {
    lines = new JsonLines(await connectLocal(path), clock);
  } catch {
    // None runs. One that was killed left its socket.
    await rm(path, { force: true });
    return { settled: Promise.resolve() };
  }
  let sessions: readonly HandedSession[] = [];
  const say = (step: SuccessorStep): void => lines.send(step);
  try {
    const offer = await lines.next(edgeLimits.successorMs);
    await successor.ready();
    if (v.is(ownOffer, offer)) {
      successor.openBeside(offer.udp);
      say("beside");
      ({ sessions } = v.parse(handedSessions, await lines.next(edgeLimits.adoptMs)));
    } else {
      v.parse(anyOffer, offer);
      successor.openBeside(undefined);
      say("other-version");
    }
  } catch (error) {
    log("warn", "take-over-failed", { text: `the predecessor ${messageOf(error)}` });
  }
  // Also without any: what has arrived since the sockets were opened waits for it.
  successor.adopt(sessions);
  say("adopted");
  log("info", "take-over", { sessions: sessions.length });
  // That the path is free, or that there is nothing more to hear.
  await lines.next(edgeLimits.adoptMs).catch(() => {});
  await rm(path, { force: true });
  return { settled: lines.ended(edgeLimits.successorMs).then(() => lines.close()) };
}
