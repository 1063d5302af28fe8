/** A public edge: follows its plan, and puts together its uplinks, its public ports and its status page. */

import { type Clock, sleep } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import type { Log } from "#base/log.ts";
import { type EdgeBinding, type EdgeDocument, parseEdgeDocument } from "#expose/host/edge-document.ts";
import type { EdgeStatus } from "#expose/host/edge-status.ts";
import { FollowedFile } from "#native/followed-file.ts";
import type { Identity } from "#tls/identity.ts";
import { Bindings } from "./bindings.ts";
import type { DoorProblem } from "./doors/doors.ts";
import { HandOver } from "./handover/hand-over.ts";
import { type Successor, takeOver } from "./handover/take-over.ts";
import { edgeLimits } from "./limits.ts";
import { bindingStatus, type ReportOptions, uplinkStatus } from "./status/edge-report.ts";
import type { EdgeFacts } from "./status/edge-metrics.ts";
import { edgePages } from "./status/edge-pages.ts";
import { StatusPage } from "./status/status-page.ts";
import { TcpDoors } from "./tcp/tcp-doors.ts";
import { Certificates } from "./tls/certificates.ts";
import { UdpDoors } from "./udp/udp-doors.ts";
import { TlsTunnel } from "./tunnel/tls-tunnel.ts";
import { UplinkSet, type WantedUplink } from "./uplinks/uplink-set.ts";
import { noWay, type UplinkWay, wayByAddress } from "./uplinks/uplink-way.ts";

export interface EdgeOptions {
  /** The plan's file; its certificates are in `certs` beside it. */
  readonly plan: string;
  /** The public addresses. */
  readonly hosts: readonly string[];
  /** A Unix socket by which a successor takes over what is open here, and this one from its predecessor; without one it does neither. */
  readonly handOver?: string;
  /** For the transport tls; without one its plans are not served. */
  readonly identity?: Identity;
  /** A successor serves: what is left here are open connections. */
  readonly onHandedOver?: () => void;
  readonly clock: Clock;
  readonly log: Log;
  /** Of an uplink of WireGuard, in ISO 8601; empty before the first. */
  readonly lastHandshake: (ordinal: number) => string;
  /** Called with each plan, before it is followed: the tunnels are another's. */
  readonly onPlan: (plan: EdgeDocument) => void;
}

export class Edge {
  readonly #startedAt: string;
  readonly #log: Log;
  readonly #tunnel: TlsTunnel | undefined;
  readonly #uplinks: UplinkSet;
  readonly #certificates: Certificates;
  readonly #tcp: TcpDoors;
  readonly #udp: UdpDoors;
  readonly #bindings = new Bindings();
  readonly #page: StatusPage;
  readonly #file: FollowedFile<EdgeDocument>;
  readonly #report: ReportOptions;
  #plan: EdgeDocument | undefined;
  /** Of the plan that it follows. */
  #settings: Pick<EdgeDocument, "edgeAddress" | "maxSocketBufferBytes"> = { edgeAddress: "", maxSocketBufferBytes: 0 };
  #isDraining = false;
  readonly #clock: Clock;
  readonly #handOver: HandOver | undefined;
  /** Its public ports are open: before that a predecessor has them. */
  #isOpen = false;
  /** Resolves when they are, or when a port could not be opened. */
  readonly opened: Promise<void>;
  /** Resolves when a hand-over has left no listening socket. */
  #left: Promise<void> | undefined;
  #cancelSettle = (): void => {};

  constructor(options: EdgeOptions) {
    const { plan, hosts, identity, clock, log, onPlan } = options;
    this.#clock = clock;
    this.#startedAt = new Date(clock.wallMs()).toISOString();
    this.#log = log;
    const acceptPage = (conn: Conn): void => this.#page.accept(conn);
    this.#tunnel = identity && new TlsTunnel({ hosts, identity, clock, log, acceptPage });
    this.#uplinks = new UplinkSet({
      clock,
      log,
      way: (uplink) => this.#wayTo(uplink),
      onDatagram: (payload, address) => this.#udp.received(payload, address),
    });
    this.#uplinks.listen(() => this.#settle());
    this.#certificates = new Certificates(`${plan.slice(0, plan.lastIndexOf("/"))}/certs`, clock);
    this.#tcp = new TcpDoors({ hosts, uplinks: this.#uplinks, certificates: this.#certificates, clock, log, onChange: () => {} });
    this.#udp = new UdpDoors({ hosts, uplinks: this.#uplinks, clock, log, settings: () => this.#settings, onChange: () => {} });
    this.#report = {
      uplinks: this.#uplinks,
      problemOf: (binding) => this.#problemOf(binding),
      certificateProblem: (binding) => this.#certificateProblem(binding),
      lastHandshake: (ordinal) => this.#tunnel?.lastHandshake(ordinal) || options.lastHandshake(ordinal),
    };
    this.#page = new StatusPage({
      clock,
      log,
      pages: edgePages({ facts: () => this.facts(), plan: () => this.#plan }),
    });
    this.#file = new FollowedFile({
      path: plan,
      mostBytes: edgeLimits.planBytes,
      parse: parseEdgeDocument,
      onContent: (next) => {
        onPlan(next);
        this.#follow(next);
      },
      clock,
      log,
    });
    this.#handOver = this.#handOverOf(options);
    this.opened = this.#open(options);
  }

  facts(): EdgeFacts {
    const { counters, halfOpen, connections } = this.#tcp;
    return { status: this.status(), tcp: counters, udp: this.#udp.counters, halfOpen, connections };
  }

  status(): EdgeStatus {
    return {
      hash: this.#plan?.hash ?? "",
      startedAt: this.#startedAt,
      bindings: this.#bindings.all.map((binding) => bindingStatus(binding, this.#report)),
      uplinks: uplinkStatus(this.#report),
    };
  }

  /** Accepts nothing more. Resolves once the last connection is over. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#handOver?.close();
    this.#file.close();
    this.#page.close();
    void this.#udp.drain();
    if (this.#left) await this.#left;
    await this.#tcp.drain();
    // UDP has no end to wait for: a client that goes on sending would keep this process for ever.
    this.#udp.close();
    this.#uplinks.close();
    this.#tunnel?.close();
  }

  /** Ends everything now. */
  close(): void {
    this.#isDraining = true;
    this.#handOver?.close();
    this.#file.close();
    this.#page.close();
    this.#tcp.close();
    this.#udp.close();
    this.#uplinks.close();
    this.#tunnel?.close();
  }

  #wayTo({ address, publicKey }: WantedUplink): UplinkWay {
    if (this.#plan?.transport !== "tls") return wayByAddress(address);
    return this.#tunnel?.way(publicKey) ?? noWay;
  }

  #follow(plan: EdgeDocument): void {
    if (this.#isDraining) return;
    const { hash, edgeAddress, maxSocketBufferBytes, uplinks, health, bindings } = plan;
    this.#plan = plan;
    // The edge has an address for uplinks to reach it where the transport carries packets.
    const ownAddress = plan.transport === "tls" ? "" : edgeAddress;
    this.#settings = { edgeAddress: ownAddress, maxSocketBufferBytes };
    this.#tunnel?.follow(plan);
    this.#log("info", "edge-plan", { hash, bindings: bindings.length, uplinks: uplinks.length });
    this.#bindings.want(bindings);
    // Settles what the bindings get, too.
    this.#uplinks.want(uplinks, health);
    if (this.#isOpen) this.#page.listen(ownAddress);
  }

  #settle(): void {
    if (this.#isDraining) return;
    this.#cancelSettle();
    this.#bindings.settle((binding) => this.#isServed(binding));
    if (!this.#isOpen) return;
    this.#tcp.lead(this.#bindings.current.filter((binding) => binding.protocol === "TCP"));
    this.#udp.lead(this.#bindings.current.filter((binding) => binding.protocol === "UDP"));
    const inUse = this.#bindings.all.flatMap(({ wanted, current }) => [wanted, current]);
    this.#certificates.keep(inUse.flatMap((binding) => (binding.protocol === "TCP" && binding.tls ? [binding.tls] : [])));
    // Nothing says when a file has come after the plan that names it.
    const lacksOne = this.#bindings.all.some(({ wanted }) => this.#certificateProblem(wanted));
    if (lacksOne) this.#cancelSettle = this.#clock.after(edgeLimits.certificateAgainMs, () => this.#settle());
  }

  #certificateProblem(binding: EdgeBinding): DoorProblem | undefined {
    return binding.protocol === "TCP" ? this.#tcp.certificateProblem(binding) : undefined;
  }

  #isServed(binding: EdgeBinding): boolean {
    return this.#uplinks.serving(binding.target).length > 0 && !this.#certificateProblem(binding);
  }

  /** Opens the public ports; where a predecessor serves, beside its own and with what it has. */
  async #open({ handOver, clock, log }: EdgeOptions): Promise<void> {
    const serving = Promise.withResolvers<void>();
    const successor: Successor = {
      ready: () => this.#ready(),
      openBeside: (udp) => {
        if (udp) this.#udp.openBeside(udp);
        this.#tcp.lead(this.#bindings.current.filter((binding) => binding.protocol === "TCP"));
      },
      adopt: (sessions) => this.#udp.adopt(sessions),
      claim: async () => await this.#handOver?.listen(serving.promise),
    };
    const settled = handOver === undefined ? undefined : (await takeOver({ path: handOver, clock, log, successor })).settled;
    if (this.#isDraining) return;
    this.#isOpen = true;
    this.#settle();
    this.#page.listen(this.#settings.edgeAddress);
    void settled?.then(serving.resolve);
  }

  /** Resolves once every binding would be served, or after as long as that may take: the predecessor serves until then. */
  async #ready(): Promise<void> {
    const untilMs = this.#clock.now() + edgeLimits.uplinksReadyMs;
    const isReady = (): boolean => this.#plan !== undefined && this.#bindings.all.every(({ wanted }) => this.#isServed(wanted));
    while (!isReady() && this.#clock.now() < untilMs && !this.#isDraining) await sleep(this.#clock, edgeLimits.readyLookMs);
  }

  #handOverOf({ handOver: path, onHandedOver, clock, log }: EdgeOptions): HandOver | undefined {
    if (path === undefined) return undefined;
    return new HandOver({
      path,
      clock,
      log,
      predecessor: {
        offer: () => {
          this.#tunnel?.share();
          return this.#udp.offer();
        },
        giveAway: () => {
          this.#tcp.giveToSuccessor();
          return this.#udp.giveAway();
        },
        leave: () => {
          this.#isOpen = false;
          this.#file.close();
          this.#page.close();
          this.#udp.leave();
          // Connections whose handshake began here are still accepted here.
          this.#left = sleep(clock, edgeLimits.handshakeMs).then(() => {
            this.#tcp.lead([]);
            this.#tunnel?.close();
          });
          onHandedOver?.();
          return this.#left;
        },
      },
    });
  }

  #problemOf({ id, protocol }: EdgeBinding): DoorProblem | undefined {
    return (protocol === "TCP" ? this.#tcp : this.#udp).problemOf(id);
  }
}
