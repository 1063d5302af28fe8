/** The edge's end of the transport tls: uplinks connect to the tunnel's port, show their keys, and leave connections here for the edge to use. */

import { ByteQueue } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { messageOf, toKtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import type { Log } from "#base/log.ts";
import { edgeLimits } from "#edge/limits.ts";
import { HalfOpen } from "#edge/tcp/half-open.ts";
import type { UplinkWay } from "#edge/uplinks/uplink-way.ts";
import { askFor } from "#edge/uplinks/uplink-stream.ts";
import type { EdgeDocument } from "#expose/host/edge-document.ts";
import { listenPinned } from "#net/pinned-tls.ts";
import type { SharedListener } from "#net/tcp.ts";
import type { Identity } from "#tls/identity.ts";
import { decodeUplinkGreeting, edgeWelcome, uplinkGreetingBytes } from "#wire/uplink-frame.ts";
import { ParkedConns } from "./parked-conns.ts";

export interface TlsTunnelOptions {
  /** The public addresses. */
  readonly hosts: readonly string[];
  readonly identity: Identity;
  readonly clock: Clock;
  readonly log: Log;
  /** An uplink wants the edge's page. Owned by the callee. */
  readonly acceptPage: (conn: Conn) => void;
}

type WantedTunnel = Pick<EdgeDocument, "transport" | "tunnelPort" | "uplinks">;

interface KnownUplink {
  readonly ordinal: number;
  readonly parked: ParkedConns;
  /** When a connection of it came last; undefined before the first. */
  lastWallMs: number | undefined;
}

export class TlsTunnel {
  readonly #options: TlsTunnelOptions;
  readonly #shaking: HalfOpen;
  /** By the pins of their keys. */
  readonly #known = new Map<string, KnownUplink>();
  #listeners: SharedListener[] = [];
  #port: number | undefined;
  #problem = "";
  #cancelRetry = (): void => {};

  constructor(options: TlsTunnelOptions) {
    this.#options = options;
    this.#shaking = new HalfOpen(options.clock);
  }

  /** The port in use, also where 0 was asked for. */
  get port(): number | undefined {
    return this.#listeners[0]?.port;
  }

  /** Follows a plan. An uplink that left it is a stranger at once; what is open through it goes on. */
  follow({ transport, tunnelPort, uplinks }: WantedTunnel): void {
    const wanted = transport === "tls" ? uplinks : [];
    const ordinals = new Map(wanted.map(({ ordinal, publicKey }) => [publicKey, ordinal]));
    for (const [pin, { ordinal, parked }] of this.#known) {
      if (ordinals.get(pin) === ordinal) continue;
      parked.leave();
      this.#known.delete(pin);
    }
    for (const [pin, ordinal] of ordinals)
      if (!this.#known.has(pin)) this.#known.set(pin, { ordinal, parked: new ParkedConns(), lastWallMs: undefined });
    if (transport === "tls") this.#listen(tunnelPort);
    else this.#close();
  }

  /** To the uplink with the key of this pin. */
  way(pin: string): UplinkWay {
    const tunnel = this;
    const connect = (signal: AbortSignal): Promise<Conn> => tunnel.#take(pin, signal);
    return {
      get absence() {
        return tunnel.#problem || "no connection of it has come";
      },
      isMadeByUplink: true,
      connect,
      connectPage: async (signal) => {
        const outcome = await askFor(tunnel.#options.clock, await connect(signal), { kind: "page" }, edgeLimits.pageAnswerMs);
        if (outcome.kind !== "opened") throw toKtError(new Error("it does not show its page"), "connection-lost", "ask an uplink");
        if (!signal.aborted) return outcome.conn;
        outcome.conn.abort();
        throw signal.reason;
      },
    };
  }

  /** Of an uplink, in ISO 8601; empty before the first. */
  lastHandshake(ordinal: number): string {
    const lastMs = [...this.#known.values()].find((each) => each.ordinal === ordinal)?.lastWallMs;
    return lastMs === undefined ? "" : new Date(lastMs).toISOString();
  }

  /** A successor begins: it gets the connections that come from now on, among them those that uplinks make for half of what waits here. */
  share(): void {
    for (const listener of this.#listeners) listener.giveToSecond();
    for (const { parked } of this.#known.values()) parked.close(Math.floor(parked.size / 2));
  }

  /** Takes no more connections, and gives those up that wait for work: the uplinks make others, with the instance that listens now. */
  close(): void {
    this.#close();
    for (const { parked } of this.#known.values()) parked.close();
  }

  #take(pin: string, signal: AbortSignal): Promise<Conn> {
    const known = this.#known.get(pin);
    return known ? known.parked.take(signal) : Promise.reject(toKtError(new Error("it is not in the plan"), "connection-lost", "uplink"));
  }

  #listen(port: number): void {
    if (port === this.#port) return;
    this.#close();
    this.#port = port;
    this.#open(port);
  }

  #open(port: number): void {
    const { hosts, identity, clock, log } = this.#options;
    this.#problem = "";
    for (const host of hosts) {
      try {
        const onShaking = (abort: () => void): (() => void) => this.#shaking.enter(abort);
        const accept = (conn: Conn, pin: string): void => this.#accept(conn, pin);
        this.#listeners.push(listenPinned({ host, port, identity, reusePort: true, onShaking, accept }));
      } catch (error) {
        // A host may lack IPv6: one address is enough.
        this.#problem = messageOf(error);
      }
    }
    if (this.#listeners.length > 0) {
      this.#problem = "";
      log("info", "tunnel-open", { where: formatHostPort({ host: hosts[0] ?? "", port }) });
      return;
    }
    log("warn", "tunnel-not-open", { text: this.#problem });
    this.#cancelRetry = clock.after(edgeLimits.listenAgainMs, () => this.#open(port));
  }

  #close(): void {
    this.#cancelRetry();
    for (const listener of this.#listeners) listener.close();
    this.#listeners = [];
    this.#port = undefined;
  }

  /** A stranger has shown some key: not a word to it. */
  #accept(conn: Conn, pin: string): void {
    if (this.#known.has(pin)) this.#greet(conn, pin);
    else {
      this.#options.log("debug", "tunnel-stranger", { address: conn.remoteAddress ?? "" });
      conn.abort();
    }
  }

  #greet(conn: Conn, pin: string): void {
    const inbox = new ByteQueue();
    const cancel = this.#options.clock.after(edgeLimits.greetingMs, () => conn.abort());
    conn.start({
      onData: (bytes) => {
        inbox.push(bytes);
        if (inbox.length < uplinkGreetingBytes) return;
        cancel();
        conn.pause();
        const greeting = decodeUplinkGreeting(inbox.take(uplinkGreetingBytes));
        conn.unread(inbox.takeAll());
        // It may have left the plan meanwhile.
        const known = this.#known.get(pin);
        if (greeting === undefined || !known || this.#listeners.length === 0) return conn.abort();
        known.lastWallMs = this.#options.clock.wallMs();
        conn.write(edgeWelcome());
        if (greeting === "page") this.#options.acceptPage(conn);
        else known.parked.add(conn);
      },
      onEnd: () => conn.abort(),
      onDrain() {},
      onClose: cancel,
    });
  }
}
