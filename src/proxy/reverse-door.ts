/** The other way: connections that come out of a cluster, each joined to a port of this machine. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import { systemCode, systemReason } from "#base/system-error.ts";
import { splice } from "#net/splice.ts";
import { connectTcp } from "#net/tcp.ts";
import { toProblem } from "#observe/events.ts";
import { type MeterContext, RouteUse } from "#observe/meter.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import { Door } from "#proxy/door/door.ts";
import { proxyLimits } from "./limits.ts";

/** A connection that was accepted in the cluster. Its client hears a refusal as a reset. */
export interface Caller extends Conn {
  /** It has reached what it leads to. */
  accept(): void;
  refuse(reason: "refused" | "unreachable" | "overloaded", text: string): void;
}

export interface ReverseRoute {
  readonly profile: string;
  readonly route: string;
  /** Tried in this order. */
  readonly local: readonly { readonly host: string; readonly port: number }[];
}

type ReverseDoorContext = MeterContext & Pick<DoorContext, "refusal">;

export class ReverseDoor {
  readonly #context: ReverseDoorContext;
  readonly #door: Door;
  #open = 0;

  constructor(context: ReverseDoorContext) {
    this.#context = context;
    this.#door = new Door(context);
  }

  /** Owns the caller. */
  accept(caller: Caller, route: ReverseRoute): void {
    const isFull = this.#open >= proxyLimits.reverseConnections;
    const problem = isFull ? new KtError("overloaded", "too many connections come from the cluster at once") : this.#context.refusal?.();
    if (problem) this.#refuse(caller, route, problem);
    else void this.#join(caller, route);
  }

  /** Lets open connections go on for at most `deadlineMs`, then ends them. */
  drain(deadlineMs: number): Promise<void> {
    return this.#door.drain(deadlineMs);
  }

  async #join(caller: Caller, route: ReverseRoute): Promise<void> {
    const leave = this.#door.hold(caller);
    const closed = (): void => {
      this.#open -= 1;
      leave();
    };
    this.#open += 1;
    const use = new RouteUse(this.#context, route, route.route);
    try {
      const conn = await connectFirst(route.local, this.#context.clock);
      caller.accept();
      use.worked();
      splice(caller, conn, use, (error) => {
        closed();
        use.close(error?.code === "connection-lost" ? undefined : error);
      });
    } catch (error) {
      const problem = notReached(route, error);
      closed();
      caller.refuse(systemCode(error) === "ECONNREFUSED" ? "refused" : "unreachable", problem.message);
      this.#context.report({ type: "refused", name: route.route, problem: toProblem(problem) });
      use.close(problem);
    }
  }

  #refuse(caller: Caller, { route, profile }: ReverseRoute, problem: KtError): void {
    this.#context.counters.of(profile, route).failed(toProblem(problem), this.#context.clock.wallMs());
    caller.refuse("overloaded", problem.message);
  }
}

/** Rejects with the system's own error, of the first address. */
async function connectFirst(local: ReverseRoute["local"], clock: Clock): Promise<Conn> {
  const late = new AbortController();
  const cancel = clock.after(proxyLimits.localConnectMs, () => late.abort(new KtError("target-unreachable", "timed out")));
  let first: unknown;
  try {
    for (const { host, port } of local) {
      try {
        return await connectTcp({ host, port, signal: late.signal });
      } catch (error) {
        first ??= error;
      }
    }
  } finally {
    cancel();
  }
  throw first;
}

function notReached({ local }: ReverseRoute, error: unknown): KtError {
  const [address = { host: "127.0.0.1", port: 0 }] = local;
  const isRefused = systemCode(error) === "ECONNREFUSED";
  const where = formatHostPort(address);
  const message = isRefused
    ? `nothing listens on ${where} of this machine`
    : `cannot connect to ${where} of this machine: ${systemReason(error)}`;
  return new KtError(isRefused ? "target-refused" : "target-unreachable", message, {
    hints: isRefused ? ["start what is to answer there"] : [],
    cause: error,
  });
}
