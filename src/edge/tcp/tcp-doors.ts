/** The public ports of TCP: opens those of the bindings that new connections get, and leaves open connections alone. */

import type { Conn } from "#base/conn.ts";
import type { DoorOptions, DoorProblem, Doors } from "#edge/doors/doors.ts";
import type { TcpEdgeBinding } from "#expose/host/edge-document.ts";
import type { SocketEnds } from "#net/tcp.ts";
import { Flow } from "./flow.ts";
import { PublicPort } from "./public-port.ts";

interface OpenPort {
  readonly port: PublicPort;
  /** Whose it is; the first has it where several want it. */
  bindings: readonly TcpEdgeBinding[];
}

export class TcpDoors implements Doors<TcpEdgeBinding> {
  readonly #options: DoorOptions;
  readonly #ports = new Map<number, OpenPort>();
  readonly #portOf = new Map<string, number>();
  readonly #flows = new Set<Flow>();
  #onEmpty = (): void => {};

  constructor(options: DoorOptions) {
    this.#options = options;
  }

  lead(bindings: readonly TcpEdgeBinding[]): void {
    const byPort = Map.groupBy(bindings, ({ listenPort }) => listenPort);
    this.#portOf.clear();
    for (const { id, listenPort } of bindings) this.#portOf.set(id, listenPort);
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
    const { port } = this.#ports.get(this.#portOf.get(id) ?? 0) ?? {};
    const message = port?.problem ?? "its port is not open yet";
    return message === "" ? undefined : { state: "ListenFailed", message };
  }

  async drain(): Promise<void> {
    this.lead([]);
    if (this.#flows.size === 0) return;
    await new Promise<void>((resolve) => (this.#onEmpty = resolve));
  }

  close(): void {
    this.lead([]);
    for (const flow of this.#flows) flow.abort();
  }

  #leadPort(number: number, bindings: readonly TcpEdgeBinding[]): void {
    const open = this.#ports.get(number);
    if (open) {
      open.bindings = bindings;
      return;
    }
    const port = new PublicPort({
      ...this.#options,
      port: number,
      accept: (conn, ends) => this.#accept(number, conn, ends),
    });
    this.#ports.set(number, { port, bindings });
  }

  #accept(number: number, conn: Conn, ends: () => SocketEnds | undefined): void {
    const [binding] = this.#ports.get(number)?.bindings ?? [];
    if (!binding || this.#options.uplinks.serving(binding.target).length === 0) {
      conn.abort();
      return;
    }
    const flow: Flow = new Flow(conn, ends, binding, {
      ...this.#options,
      onOver: () => {
        this.#flows.delete(flow);
        if (this.#flows.size === 0) this.#onEmpty();
      },
    });
    this.#flows.add(flow);
  }
}
