/** The public UDP ports of an edge: led by the bindings, with one table of sessions and one socket towards the uplinks. */

import { type Clock, sleep } from "#base/clock.ts";
import type { DoorProblem, Doors } from "#edge/doors/doors.ts";
import { edgeLimits } from "#edge/limits.ts";
import type { UdpEdgeBinding } from "#expose/host/edge-document.ts";
import type { DatagramSocket } from "#net/datagram-socket.ts";
import { uplinkPort } from "#wire/uplink-frame.ts";
import { UdpCounters } from "./udp-counters.ts";
import { type HandedSession, handedSessionOf, sessionFrom, type UdpOffer } from "./udp-offer.ts";
import { UdpPorts, type UdpPortsOptions } from "./udp-ports.ts";
import { UdpSessions, type UdpUplinks } from "./udp-sessions.ts";
import { UplinkSocket } from "./uplink-socket.ts";

export interface UdpDoorsOptions extends Pick<UdpPortsOptions, "hosts" | "settings" | "log" | "onChange"> {
  readonly uplinks: UdpUplinks;
  readonly clock: Clock;
  /** Of uplinks; default: `uplinkPort`. */
  readonly uplinkPort?: number;
}

export class UdpDoors implements Doors<UdpEdgeBinding> {
  readonly #options: UdpDoorsOptions;
  readonly counters = new UdpCounters();
  readonly #socket: UplinkSocket;
  readonly #sessions: UdpSessions;
  readonly #ports: UdpPorts;
  #bindings: readonly UdpEdgeBinding[] = [];
  #cancelLook = (): void => {};
  #drained: (() => void) | undefined;

  constructor(options: UdpDoorsOptions) {
    this.#options = options;
    const { clock, uplinks, settings, hosts, log, onChange } = options;
    const { counters } = this;
    this.#socket = new UplinkSocket({
      uplinkPort: options.uplinkPort ?? uplinkPort,
      bufferBytes: () => settings().maxSocketBufferBytes,
    });
    const sessions = new UdpSessions({ clock, uplinks, socket: this.#socket, counters });
    this.#sessions = sessions;
    this.#ports = new UdpPorts({ hosts, sessions, counters, settings, log, onChange, onLeft: () => this.#endIfDrained() });
    this.#socket.start(sessions);
  }

  /** Open sessions, and those of them that nothing has come back for. */
  get open(): { readonly sessions: number; readonly unanswered: number } {
    return { sessions: this.#sessions.open, unanswered: this.#sessions.unanswered };
  }

  /** What new sessions get from now on; open ones go on as they are, also at a port that no binding has any more. */
  lead(bindings: readonly UdpEdgeBinding[]): void {
    this.#bindings = bindings;
    this.#settle();
  }

  /** Why a binding's port serves nothing; undefined where it is open. */
  problemOf(id: string): DoorProblem | undefined {
    const message = this.#ports.problemOf(id);
    return message === undefined ? undefined : { state: "ListenFailed", message };
  }

  /** From the uplink of this address, by its stream. */
  received(datagram: Uint8Array, address: string): void {
    this.#socket.received(datagram, address);
  }

  /** The port that serves a binding, also where 0 was asked for. */
  portOf(id: string): number | undefined {
    return this.#ports.all.find(({ binding }) => binding?.id === id)?.number;
  }

  /** Serves no new clients. Resolves once the last session is over. */
  async drain(): Promise<void> {
    const drained = new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    this.lead([]);
    this.#endIfDrained();
    await drained;
  }

  /** What a successor needs to open its sockets beside these. */
  offer(): UdpOffer {
    const ports = this.#ports.all.map(({ number, hosts }) => ({ port: number, hosts: [...hosts] }));
    return { edgeAddress: this.#socket.address, uplinkPort: this.#socket.port, ports };
  }

  /** Opens sockets beside those of another instance. What they receive waits for `adopt`. */
  openBeside({ edgeAddress, uplinkPort: beside, ports }: UdpOffer): void {
    const problems = ports.map(({ port, hosts }) => this.#ports.openBeside(port, hosts));
    if (beside > 0) problems.push(this.#socket.open(edgeAddress, beside));
    for (const text of problems) if (text !== "") this.#options.log("warn", "take-over", { text });
  }

  /** Has the successor's sockets receive what comes from now on, and resolves with the sessions once what came before has been handled. */
  async giveAway(): Promise<HandedSession[]> {
    const { clock } = this.#options;
    const sockets = this.#ports.all.flatMap((port) => port.sockets).concat(this.#socket.socket ?? []);
    for (const socket of sockets) socket.giveToSecond();
    await quiet(clock, sockets);
    const nowMs = clock.now();
    return this.#ports.all.flatMap((port) =>
      [...port.sessions].map((session) => handedSessionOf(session, { port: port.number, host: port.hostOf(session.socket) }, nowMs)),
    );
  }

  /** Goes on with another instance's sessions, at the sockets that were opened beside its. */
  adopt(sessions: readonly HandedSession[]): void {
    const nowMs = this.#options.clock.now();
    for (const handed of sessions) {
      const port = this.#ports.get(handed.port);
      const socket = port?.socketAt(handed.host);
      if (!port || !socket) continue;
      const uplink = this.#options.uplinks.all.find(({ address, isHealthy }) => isHealthy && address === handed.uplink);
      const session = sessionFrom(handed, { port, socket, uplink, nowMs });
      port.add(session);
      this.#sessions.adopt(session);
    }
    for (const port of this.#ports.all) port.release();
    this.#socket.socket?.release();
  }

  /** A successor has the sessions: uplinks are not informed of any end. */
  leave(): void {
    this.#sessions.close();
    this.#ports.close();
    this.close();
  }

  /** Ends everything now. */
  close(): void {
    this.#cancelLook();
    this.#bindings = [];
    for (const port of this.#ports.all) this.#sessions.endAll(port.sessions);
    this.#ports.close();
    this.#sessions.close();
    this.#socket.close();
    this.#drained?.();
  }

  /** Looks again soon where something could not be opened, and later at the machine's addresses. */
  #settle(): void {
    this.#cancelLook();
    const problem = this.#bindings.length === 0 ? "" : this.#socket.open(this.#options.settings().edgeAddress);
    this.#ports.lead(this.#bindings, problem);
    if (this.#bindings.length === 0) return;
    const againMs = this.#ports.hasProblems ? edgeLimits.listenAgainMs : edgeLimits.addressLookMs;
    this.#cancelLook = this.#options.clock.after(againMs, () => this.#settle());
  }

  #endIfDrained(): void {
    if (this.#drained && this.#ports.all.length === 0) this.close();
  }
}

/** Resolves once these have received nothing for a moment: what the kernel had for them has been read. */
async function quiet(clock: Clock, sockets: readonly DatagramSocket[]): Promise<void> {
  const untilMs = clock.now() + edgeLimits.quietWaitMs;
  for (let before = -1; clock.now() < untilMs; ) {
    const received = sockets.reduce((sum, socket) => sum + socket.received, 0);
    if (received === before) return;
    before = received;
    await sleep(clock, edgeLimits.quietMs);
  }
}
