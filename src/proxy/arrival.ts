/** A connection at the front door: told apart by its first bytes, then served as HTTP/1, HTTP/2 or TLS. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError, messageOf, toKtError } from "#base/errors.ts";
import { bracketed } from "#base/hostname.ts";
import { NotH2Error } from "#http/h2/not-h2.ts";
import { toProblem } from "#observe/events.ts";
import type { Link } from "#proxy/door/dialer.ts";
import type { Guest } from "#proxy/door/door.ts";
import type { Router, Visit } from "#proxy/door/entrance.ts";
import { expectTls } from "#proxy/door/expect-tls.ts";
import type { Speech } from "#proxy/door/first-bytes.ts";
import { bareName, NamedVisit } from "#proxy/tls/named-visit.ts";
import { passThrough } from "#proxy/door/passthrough.ts";
import { Peek, type PeekHandler } from "#proxy/door/peek.ts";
import type { Terminator } from "#proxy/tls/terminator.ts";
import { tlsToPod } from "#proxy/tls/tls-to-pod.ts";
import { whileSessionsLast } from "#proxy/http1/backends.ts";
import { refusalFor } from "#proxy/pages/refusal.ts";
import { asTheClusterSays } from "#route/app-protocol.ts";
import type { Found } from "#route/lookup.ts";
import type { Termination } from "#route/route-tls.ts";
import { encodeHead } from "#wire/http-head.ts";
import { serveWeb, type WebOptions, type WebParts } from "./serve-web.ts";
import type { WebRefusals } from "./web-refusal.ts";

/** What the connections of one front door share. */
export interface DoorParts extends WebParts {
  readonly refusals: WebRefusals;
  readonly terminator: Terminator;
}

/** How a client is served: as its first bytes or its TLS say. */
interface Served {
  readonly version: "http1" | "h2";
  readonly scheme: "http" | "https";
  readonly router: Router;
}

/** A name that kt speaks TLS for. */
interface Terminated {
  readonly name: string;
  readonly tls: Termination;
  /** The client has said it. */
  readonly isNamed: boolean;
}

export class Arrival implements Guest, PeekHandler {
  readonly #conn: Conn;
  readonly #visit: Visit;
  readonly #parts: DoorParts;

  constructor(conn: Conn, visit: Visit, parts: DoorParts) {
    this.#conn = conn;
    this.#visit = visit;
    this.#parts = parts;
    parts.door.enter(this);
    new Peek(conn, parts.context.clock, this);
  }

  drain(): void {
    this.#conn.abort();
  }

  abort(): void {
    this.#conn.abort();
  }

  onSpeech(speech: Speech): void {
    if (speech.kind === "tls") this.#serveTls(speech.hello.serverName);
    else this.#serve(this.#conn, { version: speech.kind, scheme: "http", router: this.#visit });
    this.#parts.door.leave(this);
  }

  /** What begins like TLS and is not valid is answered in HTTP, which most tools show as it is. */
  onGarbage(error: KtError): void {
    this.#parts.context.report({ type: "refused", name: this.#conn.remoteAddress ?? "", problem: toProblem(error) });
    for (const bytes of plainAnswer("400 Bad Request", error)) this.#conn.write(bytes);
    this.#conn.end();
  }

  onClosed(): void {
    this.#parts.door.leave(this);
  }

  #serve(conn: Conn, { version, ...options }: Served): void {
    const { context } = this.#parts;
    const dial: WebOptions["dial"] = (found, host, signal) =>
      whileSessionsLast(async () => {
        const link = await context.dialer.dial(found.target, signal);
        return asTheClusterSays(found, link.appProtocol).scheme === "http" ? link : await h2OverTls(link, found, host, context.clock);
      });
    serveWeb(conn, version, { ...this.#parts, ...options, dial });
  }

  #serveTls(serverName: string | undefined): void {
    const { door, context } = this.#parts;
    const leave = door.hold(this.#conn);
    try {
      const name = bareName(serverName ?? this.#visit.entrance.host);
      const own = this.#visit.ownTls(name);
      const found = own ? undefined : this.#decideNamed(serverName);
      const tls = own ?? found?.tls;
      if (tls) this.#terminate({ name, tls, isNamed: serverName !== undefined }, leave);
      else if (found) this.#passThrough(found, serverName, leave);
    } catch (error) {
      const refusal = toKtError(error, "internal", "route the connection");
      context.report({ type: "refused", name: serverName ?? "", problem: toProblem(refusal) });
      void this.#refuseTls(serverName, refusal, leave);
    }
  }

  #passThrough(found: Found, serverName: string | undefined, leave: () => void): void {
    const client = this.#conn;
    const { door, context } = this.#parts;
    const { clock, dialer } = context;
    const { host, port } = this.#visit.entrance;
    const dialAgain = (): Promise<Link> => dialer.dial(found.target, door.closing);
    const plainUrl = plainUrlOf(serverName ?? host, port);
    void passThrough(client, found, context, door.closing, {
      expect: (link, count) => expectTls({ client, link, count, route: found.route, plainUrl, clock, dialAgain }),
      onRefused: (error) => void this.#refuseTls(serverName, error, leave),
      onClosed: leave,
    });
  }

  /** Throws KtError where there is no certificate for the name. */
  #terminate({ name, tls, isNamed }: Terminated, leave: () => void): void {
    const { terminator, context } = this.#parts;
    const identity = terminator.identity(name, tls);
    const serve = async (): Promise<void> => {
      try {
        const { conn, alpn, stranger } = await terminator.accept(this.#conn, identity);
        const router = new NamedVisit(name, this.#visit, { isNamed, stranger });
        this.#serve(conn, { version: alpn === "h2" ? "h2" : "http1", scheme: "https", router });
      } catch (error) {
        context.log("debug", "tls-handshake-failed", { name, reason: messageOf(error) });
      } finally {
        leave();
      }
    };
    void serve();
  }

  /** Clients that connect to an IP address send no name (RFC 6066 §3): that of a route leads to it. */
  #decideNamed(serverName: string | undefined): Found {
    if (serverName !== undefined) return this.#visit.decide(serverName);
    try {
      return this.#visit.decide(this.#visit.entrance.host);
    } catch {
      throw new KtError("host-missing", "the TLS client did not say which name it wants (no SNI)", {
        hints: ["connect by a name of your profile instead of an address"],
      });
    }
  }

  /** The client cannot be served, but it can read why: inside TLS, in the protocol that it offered. */
  async #refuseTls(serverName: string | undefined, error: KtError, leave: () => void): Promise<void> {
    const { refusals } = this.#parts;
    await refusals.accept(this.#conn, serverName, (inside, alpn) => {
      refusals.refuse(inside, alpn === "h2" ? "h2" : "http1", error, "https");
    });
    leave();
  }
}

/** Where a client of TLS would reach the same name without it. */
function plainUrlOf(name: string, port: number): string {
  return `http://${bracketed(name)}${port === 80 ? "" : `:${port}`}/`;
}

/** Rejects with NotH2Error when the backend chooses HTTP/1. */
async function h2OverTls(link: Link, { manner }: Found, host: string, clock: Clock): Promise<Link> {
  const { conn, alpn } = await tlsToPod(link, { authority: host, alpn: ["h2", "http/1.1"], clock, tls: manner?.tls });
  if (alpn !== "http/1.1") return withConn(link, conn);
  conn.abort();
  throw new NotH2Error(`pod "${link.pod}" speaks HTTP/1 only over TLS`);
}

function withConn(link: Link, conn: Conn): Link {
  return { conn, pod: link.pod, usable: () => link.usable(), park: () => link.park(), unpark: () => link.unpark() };
}

/** For a client of which nothing is known yet: in HTTP, as text. */
export function plainAnswer(status: string, error: KtError): Uint8Array[] {
  const { headers, body } = refusalFor(error, { accept: undefined, grpc: false, host: undefined });
  return [encodeHead(`HTTP/1.1 ${status}`, [...headers, ["Connection", "close"]]), body];
}
