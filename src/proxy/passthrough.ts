/** Joins a client to a target as it is, byte for byte: TCP routes, and TLS that is passed through. */

import type { Conn } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";
import { splice } from "#net/splice.ts";
import { ConnectionCount } from "#observe/counters.ts";
import { toProblem } from "#observe/events.ts";
import type { Found } from "#route/lookup.ts";
import type { Target } from "#route/target.ts";
import type { DoorContext } from "./context.ts";
import type { Link } from "./dialer.ts";
import { clientLeft } from "./expect-tls.ts";

export interface PassthroughRoute {
  readonly profile: string;
  readonly route: string;
  readonly target: Target;
  readonly via?: Found["via"];
}

export interface PassthroughHooks {
  /** Looks at the backend before the two are joined, and returns how many bytes it has sent on. Both Conns stay paused. */
  readonly expect?: (link: Link) => Promise<number>;
  readonly onRefused: (error: KtError) => void;
  readonly onClosed: () => void;
}

/**
 * Dials and joins; owns the Conn, which must be paused, and calls `onClosed` once. When dialling fails, or `expect` does, `onRefused` gets the
 * Conn, still paused, and is to call `onClosed` when it is done with it.
 */
export async function passThrough(
  client: Conn,
  route: PassthroughRoute,
  context: DoorContext,
  signal: AbortSignal,
  hooks: PassthroughHooks,
): Promise<void> {
  const counters = context.counters.of(route.profile, route.route, route.via);
  const name = route.route;
  try {
    const link = await context.dialer.dial(route.target, signal);
    const count = new ConnectionCount(counters);
    if (hooks.expect) count.add("sent", await hooks.expect(link));
    counters.openConnections += 1;
    counters.totalConnections += 1;
    context.report({ type: "connection-opened", profile: route.profile, route: route.route, name });
    splice(client, link.conn, count, (error) => {
      counters.openConnections -= 1;
      const problem = error && error.code !== "connection-lost" ? toProblem(error) : undefined;
      if (problem) counters.lastProblem = { ...problem, atMs: context.clock.wallMs() };
      const { receivedBytes, sentBytes } = count;
      context.report({ type: "connection-closed", profile: route.profile, route: route.route, name, receivedBytes, sentBytes, problem });
      hooks.onClosed();
    });
  } catch (error) {
    if (error === clientLeft) {
      hooks.onClosed();
      return;
    }
    const refusal = error as KtError;
    const problem = toProblem(refusal);
    counters.lastProblem = { ...problem, atMs: context.clock.wallMs() };
    context.report({ type: "refused", name, problem });
    hooks.onRefused(refusal);
  }
}
