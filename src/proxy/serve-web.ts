/** Serves a client of HTTP once its first bytes have told which version it speaks, as a guest of its door. */

import type { Conn } from "#base/conn.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import type { Door } from "#proxy/door/door.ts";
import type { Router } from "#proxy/door/entrance.ts";
import type { H2Options } from "#proxy/h2/h2.ts";
import type { SpeechMemory } from "#proxy/h2/speech-memory.ts";
import type { Backends } from "#proxy/http1/backends.ts";
import { Http1Connection, type Http1Options } from "#proxy/http1/http1.ts";

/** What the clients of one door share. */
export interface WebParts {
  readonly context: DoorContext;
  readonly door: Door;
  readonly backends: Backends;
  readonly speech: SpeechMemory;
}

export interface WebOptions extends WebParts {
  readonly router: Router;
  readonly scheme: "http" | "https";
  /** See H2Options. */
  readonly dial: H2Options["dial"];
  /** See Http1Options. */
  readonly onConnect?: Http1Options["onConnect"];
}

/** Takes the Conn over, which is paused and holds all that its client said. */
export function serveWeb(conn: Conn, version: "http1" | "h2", options: WebOptions): void {
  if (version === "h2") {
    void serveH2Client(conn, options);
    return;
  }
  const { context, door, router, scheme, backends, onConnect } = options;
  const onClosed = (): void => door.leave(connection);
  const connection: Http1Connection = new Http1Connection(conn, {
    context,
    backends,
    router,
    scheme,
    onClosed,
    ...(onConnect && { onConnect }),
  });
  door.enter(connection);
  connection.start();
}

/** The code for it is loaded for the first client: most hubs meet none. */
async function serveH2Client(conn: Conn, { context, door, router, scheme, backends, speech, dial }: WebOptions): Promise<void> {
  const leave = door.hold(conn);
  const { serveH2 } = await import("#proxy/h2/h2.ts");
  const connection = serveH2(conn, { ...context, router, scheme, backends, speech, dial, clientAddress: conn.remoteAddress });
  door.enter(connection);
  leave();
  if (door.closing.aborted) connection.abort();
  await connection.closed;
  door.leave(connection);
}
