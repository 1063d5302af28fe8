/** A client's connection from the moment it is accepted: whose it is, its TLS where that ends here, and its target. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError, messageOf, toKtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { bindingFor, isShared } from "#edge/tls/server-names.ts";
import { type Certificates, type EndedTls, isEnded } from "#edge/tls/certificates.ts";
import { readHello } from "#edge/tls/read-hello.ts";
import { openTarget } from "#edge/uplinks/open-target.ts";
import type { UplinkSet } from "#edge/uplinks/uplink-set.ts";
import type { TcpEdgeBinding } from "#expose/host/edge-document.ts";
import type { SocketEnds } from "#net/tcp.ts";
import { strangeness, tlsServer } from "#net/tls.ts";
import { Flow } from "./flow.ts";
import type { HalfOpen } from "./half-open.ts";
import type { Occupancy } from "./occupancy.ts";
import type { TcpCounters, TcpRefusal } from "./tcp-counters.ts";

export interface VisitContext {
  readonly uplinks: UplinkSet;
  readonly certificates: Certificates;
  readonly counters: TcpCounters;
  readonly occupancy: Occupancy;
  readonly halfOpen: HalfOpen;
  readonly clock: Clock;
  readonly log: Log;
}

/** A connection as it was accepted. */
export interface Arrival {
  readonly conn: Conn;
  readonly ends: () => SocketEnds | undefined;
  /** Of the port, as they are now. */
  readonly bindings: readonly TcpEdgeBinding[];
}

/** Why a client goes no further. */
class Refused extends KtError {
  readonly why: TcpRefusal;

  constructor(why: TcpRefusal, message: string) {
    super("connection-lost", message);
    this.why = why;
  }
}

/** TLS 1.2, a fatal alert: unrecognized_name (RFC 6066 §3). */
const unknownName = Uint8Array.of(21, 3, 3, 0, 2, 2, 112);

export class Visit {
  readonly #arrival: Arrival;
  readonly #context: VisitContext;
  readonly #onOver: () => void;
  #ends: Arrival["ends"];
  #flow: Flow | undefined;
  /** Whose it is, once that is known and counted. */
  #binding: TcpEdgeBinding | undefined;
  #cut: TcpRefusal | undefined;
  #leaveHalfOpen: (() => void) | undefined;

  /** Owns the Conn. `onOver` is called once, in a later turn. */
  constructor(arrival: Arrival, context: VisitContext, onOver: () => void) {
    this.#arrival = arrival;
    this.#ends = arrival.ends;
    this.#context = context;
    this.#onOver = onOver;
    context.counters.accepted += 1;
    void this.#serve();
  }

  abort(): void {
    this.#arrival.conn.abort();
    this.#flow?.abort();
  }

  async #serve(): Promise<void> {
    try {
      const binding = await this.#find();
      this.#take(binding);
      const client = await this.#clientOf(binding);
      this.#leaveHalfOpen?.();
      const target = await this.#reach(binding);
      this.#join(client, target, binding);
    } catch (error) {
      this.#refuse(error instanceof Refused ? error : new Refused(this.#cut ?? "left", messageOf(error)));
    }
  }

  async #find(): Promise<TcpEdgeBinding> {
    const { bindings, conn } = this.#arrival;
    const [first] = bindings;
    if (!first) throw new Refused("closed", "its port serves no new connections");
    if (!isShared(bindings)) return first;
    this.#enterHalfOpen();
    const { serverName } = await readHello(conn).catch((error: unknown) => {
      throw isCode(error, "protocol") ? new Refused("helloInvalid", messageOf(error)) : error;
    });
    const binding = bindingFor(bindings, serverName);
    if (!binding) throw new Refused("serverName", "no binding has the name that it asks for");
    return binding;
  }

  /** It is one of the binding's from now on. */
  #take(binding: TcpEdgeBinding): void {
    const { occupancy, uplinks } = this.#context;
    if (uplinks.serving(binding.target).length === 0) throw new Refused("noUplink", "no healthy uplink serves its target");
    const refusal = occupancy.enterBinding(binding.id);
    if (refusal) throw new Refused(refusal, "it has as many connections as it may have");
    this.#binding = binding;
  }

  async #clientOf({ tls }: TcpEdgeBinding): Promise<Conn> {
    if (!isEnded(tls)) return this.#arrival.conn;
    this.#enterHalfOpen();
    return await this.#endTls(tls);
  }

  async #endTls(tls: EndedTls): Promise<Conn> {
    const { certificates } = this.#context;
    // A socket whose TLS has begun does not know them any more.
    const ends = this.#arrival.ends();
    this.#ends = () => ends;
    const identity = certificates.identityOf(tls);
    if (!identity) throw new Refused("certificate", certificates.problemOf(tls));
    const { conn, stranger } = await tlsServer(this.#arrival.conn, identity, tls.alpn).catch((error: unknown) => {
      const why = strangeness(error);
      throw why === undefined ? new Refused(this.#cut ?? "handshake", messageOf(error)) : new Refused("clientCertificate", why);
    });
    if (stranger === undefined) return conn;
    conn.abort();
    throw new Refused("clientCertificate", stranger);
  }

  async #reach({ target: key, connectTimeoutMs }: TcpEdgeBinding): Promise<Conn> {
    try {
      return await openTarget(this.#context.uplinks, { key, connectTimeoutMs });
    } catch (error) {
      throw new Refused("target", toKtError(error, "internal", "open the target").message);
    }
  }

  #join(client: Conn, target: Conn, binding: TcpEdgeBinding): void {
    const { counters, clock } = this.#context;
    counters.opened += 1;
    this.#flow = new Flow({ client, ends: this.#ends, target, binding, counters, clock, onOver: () => this.#over() });
  }

  /** Once, for hello and handshake together. */
  #enterHalfOpen(): void {
    this.#leaveHalfOpen ??= this.#context.halfOpen.enter((why) => {
      this.#cut = why;
      this.#arrival.conn.abort();
    });
  }

  #refuse({ why, message }: Refused): void {
    const { counters, log } = this.#context;
    const { conn } = this.#arrival;
    counters.refused[why] += 1;
    log("debug", "connection-refused", { binding: this.#binding?.id, why, text: message });
    if (why !== "serverName" || this.#cut) {
      conn.abort();
      this.#over();
      return;
    }
    // It reads why, in the time that it had for its handshake.
    conn.start({ onData() {}, onEnd: () => conn.end(), onDrain() {}, onClose: () => this.#over() });
    conn.write(unknownName);
    conn.end();
  }

  #over(): void {
    this.#leaveHalfOpen?.();
    if (this.#binding) this.#context.occupancy.leaveBinding(this.#binding.id);
    this.#onOver();
  }
}

const isCode = (error: unknown, code: KtError["code"]): boolean => error instanceof KtError && error.code === code;
