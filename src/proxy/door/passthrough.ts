/** Joins a client to a target as it is, byte for byte: TCP routes, and TLS that is passed through. */

import type { Conn } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";
import { splice } from "#net/splice.ts";
import { toProblem } from "#observe/events.ts";
import { RouteUse } from "#observe/meter.ts";
import type { Found } from "#route/lookup.ts";
import type { Destination } from "#route/target.ts";
import type { DoorContext } from "./context.ts";
import type { Link } from "./dialer.ts";
import { clientLeft } from "./expect-tls.ts";

export interface PassthroughRoute {
  readonly profile: string;
  readonly route: string;
  readonly target: Destination;
  readonly via?: Found["via"];
}

export interface PassthroughHooks {
  /** Looks at the backend before the two are joined, both paused; counts what it sends on. */
  readonly expect: (link: Link, use: RouteUse) => Promise<void>;
  readonly onRefused: (error: KtError) => void;
  readonly onClosed: () => void;
}

/**
 * Dials and joins. Owns the Conn, which must be paused, and calls `onClosed` once. When dialling or `expect` fails, `onRefused` gets the
 * Conn, still paused, and calls `onClosed` when it is done with it.
 */
export async function passThrough(
  client: Conn,
  route: PassthroughRoute,
  context: DoorContext,
  signal: AbortSignal,
  hooks: PassthroughHooks,
): Promise<void> {
  const use = new RouteUse(context, route, route.route);
  try {
    const link = await context.dialer.dial(route.target, signal);
    await join(client, link, use, hooks);
  } catch (error) {
    if (error === clientLeft) {
      use.close();
      hooks.onClosed();
      return;
    }
    const refusal = error as KtError;
    use.failed(refusal);
    context.report({ type: "refused", name: route.route, problem: toProblem(refusal) });
    use.close();
    hooks.onRefused(refusal);
  }
}

/** Rejects with what `expect` does; else the connection goes on until both sides have closed. */
async function join(client: Conn, link: Link, use: RouteUse, hooks: PassthroughHooks): Promise<void> {
  await hooks.expect(link, use);
  use.worked();
  splice(client, link.conn, use, (error) => {
    use.close(error?.code === "connection-lost" ? undefined : error);
    hooks.onClosed();
  });
}
