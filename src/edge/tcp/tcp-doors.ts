/** The public ports of TCP: opens those of the bindings that new connections get, and leaves open connections alone. */

import type { Conn } from "#base/conn.ts";
import type { DoorOptions, DoorProblem, Doors } from "#edge/doors/doors.ts";
import { sourceOf } from "#edge/doors/source-of.ts";
import { type Certificates, isEnded } from "#edge/tls/certificates.ts";
import type { TcpEdgeBinding } from "#expose/host/edge-document.ts";
import { listenTcp, type SharedListener, type SocketEnds } from "#net/tcp.ts";
import { HalfOpen } from "./half-open.ts";
import { Occupancy } from "./occupancy.ts";
import { PublicPort } from "./public-port.ts";
import { TcpCounters } from "./tcp-counters.ts";
import { Visit, type VisitContext } from "./visit.ts";

interface OpenPort {
  readonly port: PublicPort;
  /** Whose it is; the first has it where several want it. */
  bindings: readonly TcpEdgeBinding[];
}

export interface TcpDoorOptions extends DoorOptions {
  readonly certificates: Certificates;
}

export class TcpDoors implements Doors<TcpEdgeBinding> {
  readonly counters = new TcpCounters();
  readonly #options: TcpDoorOptions;
  readonly #context: VisitContext;
  readonly #ports = new Map<number, OpenPort>();
  readonly #bindings = new Map<string, TcpEdgeBinding>();
  readonly #visits = new Set<Visit>();
  #onEmpty = (): void => {};

  constructor(options: TcpDoorOptions) {
    this.#options = options;
    this.#context = { ...options, counters: this.counters, occupancy: new Occupancy(), halfOpen: new HalfOpen(options.clock) };
  }

  /** Connections that have yet to show what they want. */
  get halfOpen(): number {
    return this.#context.halfOpen.size;
  }

  /** Open ones, by the id of their binding. */
  get connections(): ReadonlyMap<string, number> {
    return this.#context.occupancy.ofBindings;
  }

  lead(bindings: readonly TcpEdgeBinding[]): void {
    const byPort = Map.groupBy(bindings, ({ listenPort }) => listenPort);
    this.#bindings.clear();
    for (const binding of bindings) this.#bindings.set(binding.id, binding);
    for (const [number, { port }] of this.#ports) {
      if (byPort.has(number)) continue;
      this.#ports.delete(number);
      port.close();
      this.#options.log("info", "port-closed", { port: number });
    }
    for (const [number, those] of byPort) this.#leadPort(number, those);
  }

  /** New connections go to the successor's sockets; those whose handshake has begun are still accepted here. */
  giveToSuccessor(): void {
    for (const { port } of this.#ports.values()) port.giveToSuccessor();
  }

  problemOf(id: string): DoorProblem | undefined {
    const binding = this.#bindings.get(id);
    const { port } = this.#ports.get(binding?.listenPort ?? 0) ?? {};
    const message = port?.problem ?? "its port is not open yet";
    if (message !== "") return { state: "ListenFailed", message };
    return binding && this.certificateProblem(binding);
  }

  /** Of a binding that ends TLS, also of one that is only wanted. */
  certificateProblem({ tls }: TcpEdgeBinding): DoorProblem | undefined {
    const message = isEnded(tls) ? this.#options.certificates.problemOf(tls) : "";
    return message === "" ? undefined : { state: "CertificateFailed", message };
  }

  async drain(): Promise<void> {
    this.lead([]);
    if (this.#visits.size === 0) return;
    await new Promise<void>((resolve) => (this.#onEmpty = resolve));
  }

  close(): void {
    this.lead([]);
    for (const visit of this.#visits) visit.abort();
  }

  #leadPort(number: number, bindings: readonly TcpEdgeBinding[]): void {
    const open = this.#ports.get(number);
    if (open) {
      open.bindings = bindings;
      return;
    }
    const accept = (conn: Conn, ends: () => SocketEnds | undefined): void => this.#accept(number, conn, ends);
    const listen = (host: string): SharedListener =>
      listenTcp({ host, port: number, accept, reusePort: true, ipv6Only: host.includes(":") });
    const port = new PublicPort({ ...this.#options, port: number, listen });
    this.#ports.set(number, { port, bindings });
  }

  #accept(number: number, conn: Conn, ends: () => SocketEnds | undefined): void {
    const { occupancy } = this.#context;
    const source = sourceOf(conn.remoteAddress ?? "");
    const refusal = occupancy.enter(source);
    if (refusal) {
      this.counters.refused[refusal] += 1;
      conn.abort();
      return;
    }
    const bindings = this.#ports.get(number)?.bindings ?? [];
    const visit: Visit = new Visit({ conn, ends, bindings }, this.#context, () => {
      occupancy.leave(source);
      this.#visits.delete(visit);
      if (this.#visits.size === 0) this.#onEmpty();
    });
    this.#visits.add(visit);
  }
}
