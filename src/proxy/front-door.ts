/** The front door: one port for HTTP, HTTP/2 cleartext and TLS; each connection is told apart by its first bytes. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { bracketed } from "#base/hostname.ts";
import type { Listener, SocketEnds } from "#net/tcp.ts";
import { toProblem } from "#observe/events.ts";
import { asTheClusterSays } from "#route/app-protocol.ts";
import type { Found } from "#route/lookup.ts";
import type { RouteTable } from "#route/table.ts";
import { encodeHead } from "#wire/http-head.ts";
import { Backends, tlsToPod, whileSessionsLast } from "#proxy/http1/backends.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import { decide, decideRequest, withoutNames } from "#proxy/door/decide.ts";
import type { Link } from "#proxy/door/dialer.ts";
import { Door, type Guest, type OpenAddress } from "#proxy/door/door.ts";
import { expectTls } from "#proxy/door/expect-tls.ts";
import type { Speech } from "#proxy/door/first-bytes.ts";
import type { Asked } from "#proxy/door/guard.ts";
import { serveH2 } from "#proxy/h2/h2.ts";
import { Http1Connection } from "#proxy/http1/http1.ts";
import { NotH2Error, SpeechMemory } from "#http/h2/not-h2.ts";
import { type OwnRequest, ownPage } from "#proxy/pages/own-pages.ts";
import { passThrough } from "#proxy/door/passthrough.ts";
import { Peek } from "#proxy/door/peek.ts";
import { type Answer, refusalFor } from "#proxy/pages/refusal.ts";
import { WebRefusals } from "./web-refusal.ts";

/** Without a request, by what TLS says before it. */
type Decide = (host: string, asked?: Asked) => Found;

/** Where a connection came in. */
interface Entrance {
  readonly decide: Decide;
  readonly ownPage: (asked: OwnRequest) => Answer | undefined;
  /** What is listened on. */
  readonly address: string;
  readonly port: () => number;
}

export class FrontDoor {
  readonly #context: DoorContext;
  readonly #backends: Backends;
  readonly #speech: SpeechMemory;
  readonly #refusals: WebRefusals;
  readonly #door: Door;

  constructor(context: DoorContext) {
    this.#context = context;
    this.#backends = new Backends(context.dialer, context.clock);
    this.#speech = new SpeechMemory(context.clock);
    this.#door = new Door(context);
    this.#refusals = new WebRefusals(context, this.#door);
  }

  /** Throws KtError `port-taken` or `listen-failed`. */
  listen(address: { readonly host: string; readonly port: number }, table: RouteTable): OpenAddress<RouteTable> {
    let current = table;
    const decideHere: Decide = (host, asked) =>
      this.#asSpoken(asked === undefined ? decide(current, host) : decideRequest(current, host, asked, listener.port));
    const listener: Listener = this.#door.open(
      address,
      (conn, ends) =>
        this.#accept(conn, {
          decide: this.#forOwner(decideHere, ends),
          ownPage: (asked) => this.#ownPage(asked, ends),
          address: address.host,
          port: () => listener.port,
        }),
      (problem) => plainAnswer("503 Service Unavailable", problem),
    );
    const { port, close } = listener;
    return {
      port,
      leadTo(next) {
        current = next;
      },
      close,
    };
  }

  /** Stops accepting, lets open connections go on for at most `deadlineMs`, then ends them. */
  async drain(deadlineMs: number): Promise<void> {
    await this.#door.drain(deadlineMs);
    this.#backends.close();
  }

  /** The index too is for the hub's own user: `kt status` is. */
  #ownPage(asked: OwnRequest, ends: () => SocketEnds | undefined): Answer | undefined {
    const { profiles, checkOwner } = this.#context;
    const where = ends();
    return ownPage(asked, () => {
      if (where !== undefined) checkOwner?.(where);
      return profiles?.() ?? [];
    });
  }

  /** What the cluster says of the port counts where the profile is silent, as soon as it is known. */
  #asSpoken(found: Found): Found {
    return found.manner?.schemeGiven === false ? asTheClusterSays(found, this.#context.dialer.appProtocol?.(found.target)) : found;
  }

  /** Dynamic names are for the hub's own user: a connection that uses one is asked whose it is, once. */
  #forOwner(decideHere: Decide, ends: () => SocketEnds | undefined): Decide {
    const { checkOwner } = this.#context;
    if (checkOwner === undefined) return decideHere;
    let isChecked = false;
    return (host, asked) => {
      let found: Found;
      try {
        found = decideHere(host, asked);
      } catch (error) {
        // What there is instead of a name that is not is for the hub's own user, as the index is.
        throw this.#isOwner(ends()) ? error : withoutNames(error);
      }
      if (found.via !== "dynamic" || isChecked) return found;
      const where = ends();
      if (where !== undefined) checkOwner(where);
      isChecked = true;
      return found;
    };
  }

  #isOwner(where: SocketEnds | undefined): boolean {
    try {
      if (where !== undefined) this.#context.checkOwner?.(where);
      return true;
    } catch {
      return false;
    }
  }

  #accept(conn: Conn, entrance: Entrance): void {
    const guest: Guest = { drain: () => conn.abort(), abort: () => conn.abort() };
    this.#door.enter(guest);
    new Peek(conn, {
      clock: this.#context.clock,
      onSpeech: (speech) => {
        this.#serve(conn, speech, entrance);
        this.#door.leave(guest);
      },
      onGarbage: (error) => this.#refuseGarbage(conn, error),
      onClosed: () => this.#door.leave(guest),
    });
  }

  /** What begins like TLS and is not gets an answer in HTTP, for people who look at what comes back. */
  #refuseGarbage(conn: Conn, error: KtError): void {
    this.#context.report({ type: "refused", name: conn.remoteAddress ?? "", problem: toProblem(error) });
    for (const bytes of plainAnswer("400 Bad Request", error)) conn.write(bytes);
    conn.end();
  }

  #serve(conn: Conn, speech: Speech, entrance: Entrance): void {
    if (speech.kind === "http1") this.#serveHttp1(conn, entrance);
    else if (speech.kind === "h2") this.#serveHttp2(conn, entrance);
    else this.#serveTls(conn, speech.hello.serverName, entrance);
  }

  #serveHttp1(conn: Conn, { decide: decideHere, ownPage: page }: Entrance): void {
    const connection: Http1Connection = new Http1Connection(conn, {
      context: this.#context,
      backends: this.#backends,
      decide: decideHere,
      ownPage: page,
      scheme: "http",
      onClosed: () => this.#door.leave(connection),
    });
    this.#door.enter(connection);
    connection.start();
  }

  #serveHttp2(conn: Conn, { decide: decideHere, ownPage: page }: Entrance): void {
    const { dialer, ...context } = this.#context;
    const connection = serveH2(conn, {
      ...context,
      decide: decideHere,
      ownPage: page,
      scheme: "http",
      backends: this.#backends,
      speech: this.#speech,
      dial: (found, host, signal) =>
        whileSessionsLast(async () => {
          const link = await dialer.dial(found.target, signal);
          return asTheClusterSays(found, link.appProtocol).scheme === "http" ? link : await h2OverTls(link, host, context.clock);
        }),
      clientAddress: conn.remoteAddress,
    });
    this.#door.enter(connection);
    void connection.closed.then(() => this.#door.leave(connection));
  }

  #serveTls(conn: Conn, serverName: string | undefined, { decide: decideHere, address, port }: Entrance): void {
    const guest: Guest = { drain: () => {}, abort: () => conn.abort() };
    this.#door.enter(guest);
    let found: Found;
    try {
      found = serverName === undefined ? decideUnnamed(address, decideHere) : decideHere(serverName);
    } catch (error) {
      const refusal = toKtError(error, "internal", "route the connection");
      this.#context.report({ type: "refused", name: serverName ?? "", problem: toProblem(refusal) });
      void this.#refuseTls(conn, serverName, refusal, guest);
      return;
    }
    const { clock, dialer } = this.#context;
    const dialAgain = (): Promise<Link> => dialer.dial(found.target, this.#door.closing);
    const plainUrl = plainUrlOf(serverName ?? address, port());
    void passThrough(conn, found, this.#context, this.#door.closing, {
      expect: (link, count) => expectTls({ client: conn, link, count, route: found.route, plainUrl, clock, dialAgain }),
      onRefused: (error) => void this.#refuseTls(conn, serverName, error, guest),
      onClosed: () => this.#door.leave(guest),
    });
  }

  /** The client cannot be served, but it can be told: in TLS, in the protocol that it offered. */
  async #refuseTls(conn: Conn, serverName: string | undefined, error: KtError, guest: Guest): Promise<void> {
    await this.#refusals.accept(conn, serverName, (inside, alpn) => {
      this.#refusals.refuse(inside, alpn === "h2" ? "h2" : "http1", error, "https");
    });
    this.#door.leave(guest);
  }
}

/** Clients that connect to an IP address send no name (RFC 6066 §3): that of a route leads to it. */
function decideUnnamed(address: string, decideHere: Decide): Found {
  try {
    return decideHere(address);
  } catch {
    throw new KtError("host-missing", "the TLS client did not say which name it wants (no SNI)", {
      hints: ["connect by a name of your profile instead of an address"],
    });
  }
}

/** Where a client of TLS would reach the same name without it. */
function plainUrlOf(name: string, port: number): string {
  return `http://${bracketed(name)}${port === 80 ? "" : `:${port}`}/`;
}

/** Rejects with NotH2Error when the backend chooses HTTP/1. */
async function h2OverTls(link: Link, host: string, clock: Clock): Promise<Link> {
  const { conn, alpn } = await tlsToPod(link, host, ["h2", "http/1.1"], clock);
  if (alpn !== "http/1.1") return withConn(link, conn);
  conn.abort();
  throw new NotH2Error(`pod "${link.pod}" speaks HTTP/1 only over TLS`);
}

function withConn(link: Link, conn: Conn): Link {
  return { conn, pod: link.pod, usable: () => link.usable(), park: () => link.park(), unpark: () => link.unpark() };
}

/** For a client of which nothing is known yet: in HTTP, as text. */
function plainAnswer(status: string, error: KtError): Uint8Array[] {
  const { headers, body } = refusalFor(error, { accept: undefined, grpc: false, host: undefined });
  return [encodeHead(`HTTP/1.1 ${status}`, [...headers, ["Connection", "close"]]), body];
}
