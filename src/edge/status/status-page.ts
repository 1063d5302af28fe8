/** The page at `:40600` of the edge's address in the tunnel: what it says of itself, for the operator and for monitoring. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { edgeLimits } from "#edge/limits.ts";
import { type ServerAnswer, type ServerRequest, serveHttp } from "#http/server.ts";
import { type Listener, listenTcp } from "#net/tcp.ts";
import type { Header } from "#wire/http-head.ts";

/** Of the edge's address in the tunnel, where only its uplinks reach it. */
export const statusPort = 40600;

export interface PageAnswer {
  readonly type: string;
  readonly body: string;
}

export interface StatusPageOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** By path; they take nothing and change nothing. `accept`: the header of that name. */
  readonly pages: Readonly<Record<string, (accept: string | undefined) => PageAnswer>>;
}

export class StatusPage {
  readonly #options: StatusPageOptions;
  readonly #conns = new Set<Conn>();
  #host = "";
  #listener: Listener | undefined;
  #cancelRetry = (): void => {};

  constructor(options: StatusPageOptions) {
    this.#options = options;
  }

  /** The link of the tunnel may come up later than this program: until then it is tried again. Without a host it does not listen. */
  listen(host: string): void {
    if (host === this.#host) return;
    this.close();
    this.#host = host;
    if (host !== "") this.#open();
  }

  /** Ends what is open too. */
  close(): void {
    this.#cancelRetry();
    this.#host = "";
    this.#listener?.close();
    this.#listener = undefined;
    for (const conn of this.#conns) conn.abort();
    this.#conns.clear();
  }

  #open(wasSaid = false): void {
    const { clock, log } = this.#options;
    const host = this.#host;
    try {
      this.#listener = listenTcp({ host, port: statusPort, reusePort: true, accept: (conn) => this.accept(conn) });
      log("info", "status-open", { address: host, port: statusPort });
    } catch (error) {
      if (!wasSaid) log("warn", "status-not-open", { text: messageOf(error) });
      this.#cancelRetry = clock.after(edgeLimits.listenAgainMs, () => this.#open(true));
    }
  }

  /** Owns the Conn, which comes from an uplink. */
  accept(conn: Conn): void {
    if (this.#conns.size >= edgeLimits.statusConnections) {
      conn.abort();
      return;
    }
    this.#conns.add(conn);
    // One request each, and whatever takes longer is none of ours.
    this.#options.clock.after(edgeLimits.statusConnectionMs, () => {
      this.#conns.delete(conn);
      conn.abort();
    });
    serveHttp(conn, (request) => this.#answer(request));
  }

  #answer({ head, path }: ServerRequest): ServerAnswer {
    const page = Object.hasOwn(this.#options.pages, path) ? this.#options.pages[path] : undefined;
    if (head.method !== "GET") return whole(405, textPage("only GET is answered\n"), [["Allow", "GET"]]);
    if (!page) return whole(404, textPage(`there is ${Object.keys(this.#options.pages).join(", ")}\n`));
    return whole(200, page(head.headers.find(([name]) => name.toLowerCase() === "accept")?.[1]));
  }
}

export const textPage = (body: string): PageAnswer => ({ type: "text/plain; charset=utf-8", body });
export const jsonPage = (value: unknown): PageAnswer => ({ type: "application/json", body: `${JSON.stringify(value)}\n` });

function whole(status: number, { type, body }: PageAnswer, more: readonly Header[] = []): ServerAnswer {
  const headers: readonly Header[] = [["Content-Type", type], ["Cache-Control", "no-store"], ["Connection", "close"], ...more];
  return { kind: "whole", status, headers, body: new TextEncoder().encode(body) };
}
