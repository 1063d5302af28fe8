/** The edge's end of the transport tls: uplinks connect to the tunnel's port, show their keys, and leave connections here for the edge to use. */

import { ByteQueue } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { edgeLimits } from "#edge/limits.ts";
import { HalfOpen } from "#edge/tcp/half-open.ts";
import { PublicPort } from "#edge/tcp/public-port.ts";
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
  #port: PublicPort | undefined;
  /** As the plan has it. */
  #number: number | undefined;

  constructor(options: TlsTunnelOptions) {
    this.#options = options;
    this.#shaking = new HalfOpen(options.clock);
  }

  /** The port in use, also where 0 was asked for. */
  get port(): number | undefined {
    return this.#port?.number;
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
        return tunnel.#port?.problem || "no connection of it has come";
      },
      isMadeByUplink: true,
      connect,
      connectPage: async (signal) => {
        const outcome = await askFor(tunnel.#options.clock, await connect(signal), { kind: "page" }, edgeLimits.pageAnswerMs);
        if (outcome.kind !== "opened") throw new KtError("connection-lost", "it does not show its page");
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
    this.#port?.giveToSuccessor();
    for (const { parked } of this.#known.values()) parked.close(Math.floor(parked.size / 2));
  }

  /** Takes no more connections, and gives those up that wait for work: the uplinks make others, with the instance that listens now. */
  close(): void {
    this.#close();
    for (const { parked } of this.#known.values()) parked.close();
  }

  #take(pin: string, signal: AbortSignal): Promise<Conn> {
    const known = this.#known.get(pin);
    return known ? known.parked.take(signal) : Promise.reject(new KtError("connection-lost", "it is not in the plan"));
  }

  #listen(number: number): void {
    if (number === this.#number) return;
    this.#close();
    const { hosts, identity, clock, log } = this.#options;
    const onShaking = (abort: () => void): (() => void) => this.#shaking.enter(abort);
    const accept = (conn: Conn, pin: string): void => this.#accept(conn, pin);
    const listen = (host: string): SharedListener => listenPinned({ host, port: number, identity, reusePort: true, onShaking, accept });
    this.#number = number;
    this.#port = new PublicPort({ hosts, port: number, clock, log, listen, onChange() {} });
  }

  #close(): void {
    this.#port?.close();
    this.#port = undefined;
    this.#number = undefined;
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
        if (greeting === undefined || !known || !this.#port) return conn.abort();
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
