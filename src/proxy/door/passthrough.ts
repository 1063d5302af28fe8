/** Joins a client to a target as it is, byte for byte: TCP routes, and TLS that is passed through. */

import type { Conn } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";
import { splice } from "#net/splice.ts";
import { ConnectionCount } from "#observe/counters.ts";
import { type Problem, toProblem } from "#observe/events.ts";
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
  /** Looks at the backend before the two are joined, both paused; counts what it sends on. */
  readonly expect: (link: Link, count: ConnectionCount) => Promise<void>;
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
  try {
    const link = await context.dialer.dial(route.target, signal);
    await join(client, link, route, context, hooks);
  } catch (error) {
    if (error === clientLeft) {
      hooks.onClosed();
      return;
    }
    const refusal = error as KtError;
    const problem = toProblem(refusal);
    counters.failed(problem, context.clock.wallMs());
    context.report({ type: "refused", name: route.route, problem });
    hooks.onRefused(refusal);
  }
}

/** Counts the connection for as long as it lasts; rejects with what `expect` does. */
async function join(client: Conn, link: Link, route: PassthroughRoute, context: DoorContext, hooks: PassthroughHooks): Promise<void> {
  const counters = context.counters.of(route.profile, route.route, route.via);
  const count = new ConnectionCount(counters);
  const about = { profile: route.profile, route: route.route, name: route.route };
  counters.connectionOpened();
  context.report({ type: "connection-opened", ...about });
  const closed = (problem: Problem | undefined): void => {
    counters.connectionClosed();
    if (problem) counters.failed(problem, context.clock.wallMs());
    const { receivedBytes, sentBytes } = count;
    context.report({ type: "connection-closed", ...about, receivedBytes, sentBytes, problem });
  };
  try {
    await hooks.expect(link, count);
  } catch (error) {
    closed(undefined);
    throw error;
  }
  splice(client, link.conn, count, (error) => {
    closed(error && error.code !== "connection-lost" ? toProblem(error) : undefined);
    hooks.onClosed();
  });
}
