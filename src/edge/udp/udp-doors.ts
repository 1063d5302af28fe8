/** The public UDP ports of an edge: opened and left as the bindings say, with one table of sessions and one socket towards the uplinks. */

import { type Clock, sleep } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { DoorProblem, Doors } from "#edge/doors/doors.ts";
import { edgeLimits } from "#edge/limits.ts";
import type { EdgeDocument, UdpEdgeBinding } from "#expose/host/edge-document.ts";
import type { DatagramSocket } from "#net/datagram-socket.ts";
import { networkAddresses } from "#native/network-addresses.ts";
import { uplinkPort } from "#wire/uplink-frame.ts";
import { UdpCounters } from "./udp-counters.ts";
import { type HandedSession, handedSessionOf, sessionFrom, type UdpOffer } from "./udp-offer.ts";
import { UdpPort } from "./udp-port.ts";
import { UdpSessions, type UdpUplinks } from "./udp-sessions.ts";
import { UplinkSocket } from "./uplink-socket.ts";

export interface UdpDoorsOptions {
  /** Addresses to listen on. With `0.0.0.0` or `::`, each of the machine's own has a socket as well: answers come from the address asked. */
  readonly hosts: readonly string[];
  readonly uplinks: UdpUplinks;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the plan as it is now. */
  readonly settings: () => Pick<EdgeDocument, "edgeAddress" | "maxSocketBufferBytes">;
  /** What `problemOf` says has changed. */
  readonly onChange: () => void;
  /** Of uplinks; default: `uplinkPort`. */
  readonly uplinkPort?: number;
}

export class UdpDoors implements Doors<UdpEdgeBinding> {
  readonly #options: UdpDoorsOptions;
  readonly counters = new UdpCounters();
  readonly #socket: UplinkSocket;
  readonly #sessions: UdpSessions;
  readonly #ports = new Map<number, UdpPort>();
  #bindings: readonly UdpEdgeBinding[] = [];
  readonly #problems = new Map<string, string>();
  #cancelLook = (): void => {};
  #drained: (() => void) | undefined;

  constructor(options: UdpDoorsOptions) {
    this.#options = options;
    const { clock, uplinks } = options;
    const bufferBytes = (): number => options.settings().maxSocketBufferBytes;
    this.#socket = new UplinkSocket({ uplinkPort: options.uplinkPort ?? uplinkPort, bufferBytes });
    const sessions = new UdpSessions({ clock, uplinks, socket: this.#socket, counters: this.counters });
    this.#sessions = sessions;
    this.#socket.start({
      byId: (id) => sessions.byId(id),
      answer: (session, payload) => sessions.answer(session, payload),
      endedByUplink: (session) => sessions.endedByUplink(session),
      refused: () => {
        this.counters.targetRefused += 1;
      },
      stray: () => {
        this.counters.strayDatagrams += 1;
      },
    });
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
    const message = this.#problems.get(id);
    return message === undefined ? undefined : { state: "ListenFailed", message };
  }

  /** The port that serves a binding, also where 0 was asked for. */
  portOf(id: string): number | undefined {
    return [...this.#ports.values()].find(({ binding }) => binding?.id === id)?.number;
  }

  /** Serves no new clients. Resolves once the last session is over. */
  async drain(): Promise<void> {
    const drained = new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    this.lead([]);
    this.#idle();
    await drained;
  }

  /** What a successor needs to open its sockets beside these. */
  offer(): UdpOffer {
    const ports = [...this.#ports.values()].map(({ number, hosts }) => ({ port: number, hosts: [...hosts] }));
    return { edgeAddress: this.#socket.address, uplinkPort: this.#socket.port, ports };
  }

  /** Opens sockets beside those of another instance. What they receive waits for `adopt`. */
  openBeside({ edgeAddress, uplinkPort: beside, ports }: UdpOffer): void {
    if (beside > 0) this.#report(this.#socket.open(edgeAddress, beside));
    for (const { port, hosts } of ports) this.#report(this.#newPort(port, true).listen(hosts, [])?.message ?? "");
  }

  /** Has the successor's sockets receive what comes from now on, and resolves with the sessions once what came before has been handled. */
  async giveAway(): Promise<HandedSession[]> {
    const sockets = [...this.#ports.values()].flatMap((port) => port.sockets).concat(this.#socket.socket ?? []);
    for (const socket of sockets) socket.giveToSecond();
    await quiet(this.#options.clock, sockets);
    const nowMs = this.#options.clock.now();
    return [...this.#ports.values()].flatMap((port) =>
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
    for (const port of this.#ports.values()) port.release();
    this.#socket.socket?.release();
  }

  /** A successor has the sessions: uplinks are not informed of any end. */
  leave(): void {
    this.#sessions.close();
    for (const port of this.#ports.values()) port.close();
    this.#ports.clear();
    this.close();
  }

  /** Ends everything now. */
  close(): void {
    this.#cancelLook();
    for (const port of this.#ports.values()) this.#sessions.endAll(port.sessions);
    for (const port of this.#ports.values()) port.close();
    this.#ports.clear();
    this.#sessions.close();
    this.#socket.close();
    this.#drained?.();
  }

  #settle(): void {
    this.#cancelLook();
    const before = new Map(this.#problems);
    this.#problems.clear();
    const { edgeAddress } = this.#options.settings();
    const problem = this.#bindings.length === 0 ? "" : this.#socket.open(edgeAddress);
    const own = this.#ownAddresses();
    for (const port of this.#ports.values()) port.binding = undefined;
    for (const binding of this.#bindings) this.#open(binding, own, problem);
    for (const [number, port] of this.#ports) this.#leaveIdle(number, port);
    for (const [id, message] of this.#problems) {
      if (before.get(id) !== message) this.#options.log("warn", "udp-listen-failed", { binding: id, text: message });
    }
    if (this.#bindings.length > 0) {
      const againMs = this.#problems.size > 0 ? edgeLimits.listenAgainMs : edgeLimits.addressLookMs;
      this.#cancelLook = this.#options.clock.after(againMs, () => this.#settle());
    }
    if (before.size !== this.#problems.size || [...before].some(([id, text]) => this.#problems.get(id) !== text)) this.#options.onChange();
  }

  /** The first binding of a port has it. */
  #open(binding: UdpEdgeBinding, own: readonly string[], problem: string): void {
    const port = this.#ports.get(binding.listenPort) ?? this.#newPort(binding.listenPort);
    if (port.binding) return;
    port.binding = binding;
    const failure = port.listen(this.#options.hosts, own)?.message ?? problem;
    if (failure !== "") this.#problems.set(binding.id, failure);
  }

  #newPort(number: number, isHeld = false): UdpPort {
    const port: UdpPort = new UdpPort({
      port: number,
      sessions: this.#sessions,
      counters: this.counters,
      bufferBytes: () => this.#options.settings().maxSocketBufferBytes,
      isHeld,
      onIdle: () => this.#leaveIdle(number, port),
    });
    this.#ports.set(number, port);
    return port;
  }

  #report(problem: string): void {
    if (problem !== "") this.#options.log("warn", "udp-hand-over", { text: problem });
  }

  #leaveIdle(number: number, port: UdpPort): void {
    if (port.binding || port.sessions.size > 0 || this.#ports.get(number) !== port) return;
    this.#ports.delete(number);
    port.close();
    this.#idle();
  }

  #idle(): void {
    if (this.#drained && this.#ports.size === 0) this.close();
  }

  /** Of the families that it listens on whole. */
  #ownAddresses(): string[] {
    const { hosts, settings } = this.#options;
    const { edgeAddress } = settings();
    return networkAddresses().filter((own) => own !== edgeAddress && hosts.includes(own.includes(":") ? "::" : "0.0.0.0"));
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
