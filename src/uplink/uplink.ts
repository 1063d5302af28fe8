/** The uplink of an edge, inside the cluster: follows its document, and connects the streams of the edge to the targets in it. */

import { type Clock, sleep } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import type { Log } from "#base/log.ts";
import type { UplinkNews } from "#expose/host/edge-status.ts";
import { parseUplinkDocument, type UplinkDocument } from "#expose/host/uplink-document.ts";
import { connectTcp } from "#net/tcp.ts";
import { FollowedFile } from "#native/followed-file.ts";
import { uplinkPort } from "#wire/uplink-frame.ts";
import { uplinkMetrics } from "#uplink/pages/uplink-metrics.ts";
import type { MetricFamily } from "#wire/openmetrics.ts";
import { DatagramStreams } from "#uplink/datagrams/datagram-streams.ts";
import { UdpSessions } from "#uplink/datagrams/udp-sessions.ts";
import { Bridge } from "#uplink/pages/bridge.ts";
import { listenAtFirst } from "#uplink/pages/listen-at-first.ts";
import { HealthServer } from "#uplink/pages/health-server.ts";
import { KeptSocket } from "./kept-socket.ts";
import { uplinkLimits } from "./limits.ts";
import { NewsStreams } from "#uplink/streams/news-streams.ts";
import { OverlayEnd } from "./overlay-end.ts";
import { ParkedEnd } from "./parked-end.ts";
import { StreamServer } from "#uplink/streams/stream-server.ts";
import { dialTarget } from "#uplink/targets/dial-target.ts";
import { Targets } from "#uplink/targets/targets.ts";
import type { UplinkTunnel } from "./tunnel.ts";

export interface UplinkPorts {
  /** At the overlay address. */
  readonly streams: number;
  readonly datagrams: number;
  /** On all addresses: `/ready` and `/healthz`. */
  readonly health: number;
  /** On all addresses: leads to the statistics of the edge, which are at `statistics` of its overlay address. */
  readonly bridge: number;
  readonly statistics: number;
}

/** Those that the original has, which scrape configurations and network policies name. */
export const usualPorts: UplinkPorts = { streams: uplinkPort, datagrams: uplinkPort, health: 40500, bridge: 40600, statistics: 40600 };

export interface UplinkOptions {
  readonly document: string;
  readonly ordinal: number;
  /** Of the transport wireguard. */
  readonly tunnel: UplinkTunnel;
  /** Of the transport tls. */
  readonly keyFile: string;
  readonly ports: UplinkPorts;
  /** Where probes and readers of statistics come to; tried in this order. */
  readonly hosts: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  /** How targets are reached, where a test has its own. */
  readonly connect?: typeof connectTcp;
}

export class Uplink {
  readonly #options: UplinkOptions;
  readonly #targets: Targets;
  readonly #news: NewsStreams;
  readonly #streams: StreamServer;
  readonly #overlay: OverlayEnd;
  readonly #parked: ParkedEnd;
  readonly #datagramStreams: DatagramStreams;
  readonly #file: FollowedFile<UplinkDocument>;
  readonly #sessions: UdpSessions;
  readonly #health: KeptSocket;
  readonly #bridge: KeptSocket;
  #document: UplinkDocument | undefined;
  #isDraining = false;

  constructor(options: UplinkOptions) {
    const { clock, log, tunnel, keyFile, ports, connect = connectTcp } = options;
    this.#options = options;
    this.#targets = new Targets(clock, () => this.#news.tell());
    this.#news = new NewsStreams(clock, () => this.#currentNews());
    this.#streams = new StreamServer({
      targets: this.#targets,
      news: this.#news,
      clock,
      log,
      connect,
      page: (conn) => health.accept(conn),
      datagrams: (conn) => this.#datagramStreams.serve(conn),
    });
    this.#datagramStreams = new DatagramStreams((payload, stream) => this.#sessions.received(payload, stream));
    this.#parked = new ParkedEnd({ keyFile, accept: (conn) => this.#streams.accept(conn), clock, log });
    this.#sessions = new UdpSessions({ targets: this.#targets, send: (datagram, port) => this.#send(datagram, port), clock, log });
    const onDatagram = (payload: Uint8Array, port: number, host: string): void => this.#received(payload, port, host);
    this.#overlay = new OverlayEnd({ tunnel, ports, accept: (conn) => this.#accept(conn), onDatagram, clock, log });
    const health = new HealthServer({
      clock,
      unready: () => this.unready(),
      onProbe: (address) => this.#probed(address),
      metrics: () => this.#metrics(),
    });
    this.#health = this.#listen(ports.health, (conn) => health.accept(conn));
    const bridge = new Bridge({ clock, connect: () => this.#connectStatistics() });
    this.#bridge = this.#listen(ports.bridge, (conn) => bridge.accept(conn));
    this.#file = new FollowedFile({
      path: options.document,
      mostBytes: uplinkLimits.documentBytes,
      parse: parseUplinkDocument,
      onContent: (document) => this.#apply(document),
      clock,
      log,
    });
  }

  /** Resolves once the document was read for the first time, or could not be. */
  get begun(): Promise<void> {
    return this.#file.ready;
  }

  /** The ports in use, also where 0 was asked for. */
  get ports(): UplinkPorts {
    const { statistics } = this.#options.ports;
    return { ...this.#overlay.ports, health: this.#health.opened?.port ?? 0, bridge: this.#bridge.opened?.port ?? 0, statistics };
  }

  /** Streams that lead to a target, or will. */
  get openStreams(): number {
    return this.#streams.openStreams;
  }

  /** Of UDP. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Why the edge must not send anything new; undefined where it may. */
  unready(): string | undefined {
    if (this.#isDraining) return "it drains";
    if (!this.#document) return this.#file.problem || "it has not read its document yet";
    if (!this.#own(this.#document)) return `its document has no uplink ${this.#options.ordinal}`;
    return this.#isTls ? this.#parked.problem : this.#overlay.problem;
  }

  /** Accepts nothing new once the edge knows, and resolves when all that is open has ended. */
  async drain(): Promise<void> {
    const { clock, log } = this.#options;
    if (!this.#isDraining) log("info", "uplink-draining", { streams: this.#streams.openStreams, sessions: this.#sessions.size });
    this.#isDraining = true;
    this.#news.tell();
    await sleep(clock, uplinkLimits.drainNewsMs);
    await Promise.all([this.#streams.drain(), this.#sessions.drain()]);
  }

  /** What is open goes on until the process ends. */
  async close(): Promise<void> {
    this.#file.close();
    for (const socket of [this.#health, this.#bridge]) socket.close();
    this.#sessions.close();
    this.#news.close();
    this.#targets.close();
    this.#datagramStreams.close();
    this.#parked.close();
    await this.#overlay.close();
  }

  #listen(port: number, accept: (conn: Conn) => void): KeptSocket {
    const { hosts, clock, log } = this.#options;
    return new KeptSocket({ where: `port ${port}`, open: () => listenAtFirst(hosts, port, accept), clock, log });
  }

  #apply(document: UplinkDocument): void {
    const { log, ordinal } = this.#options;
    const wasThere = this.#document !== undefined && this.#own(this.#document) !== undefined;
    this.#document = document;
    const own = this.#own(document);
    log("info", "uplink-document", { node: document.node, hash: document.hash, targets: document.targets.length });
    this.#targets.replace(document.targets);
    if (wasThere !== (own !== undefined)) this.#news.tell();
    if (own && this.#isTls) this.#parked.follow(document);
    else if (own) this.#overlay.follow(document, own.address);
    else log("warn", "uplink-not-wanted", { ordinal });
  }

  get #isTls(): boolean {
    return this.#document?.transport === "tls";
  }

  #own(document: UplinkDocument): UplinkDocument["uplinks"][number] | undefined {
    return document.uplinks.find(({ ordinal }) => ordinal === this.#options.ordinal);
  }

  #currentNews(): UplinkNews {
    const isWanted = this.#document !== undefined && this.#own(this.#document) !== undefined;
    return { serves: this.#targets.keys, isDraining: this.#isDraining || !isWanted };
  }

  #isEdge(address: string | undefined): boolean {
    return address !== undefined && address === this.#document?.edge.address;
  }

  /** Pods with an address of the overlay, if there were any, are not the edge. */
  #accept(conn: Conn): void {
    const address = conn.remoteAddress;
    if (this.#isEdge(address)) {
      this.#streams.accept(conn);
    } else {
      this.#options.log("debug", "stream-refused", { address });
      conn.abort();
    }
  }

  #received(payload: Uint8Array, port: number, host: string): void {
    if (this.#isEdge(host)) this.#sessions.received(payload, port);
  }

  #send(datagram: Uint8Array, port: number): void {
    if (this.#isTls) this.#datagramStreams.send(datagram, port);
    else if (this.#document) this.#overlay.send(datagram, port, this.#document.edge.address);
  }

  #metrics(): MetricFamily[] {
    return uplinkMetrics({
      isReady: this.unready() === undefined,
      openStreams: this.#streams.openStreams,
      streams: this.#streams.totals,
      sessions: this.#sessions.size,
      datagrams: this.#sessions.totals,
    });
  }

  #probed(address: string | undefined): void {
    if (this.#isEdge(address)) this.#options.tunnel.heard();
  }

  async #connectStatistics(): Promise<Conn | undefined> {
    if (!this.#document) return undefined;
    if (this.#isTls) return await this.#parked.connectPage();
    const { clock, ports } = this.#options;
    const place = { address: this.#document.edge.address, port: ports.statistics };
    const { signal } = new AbortController();
    const timeoutMs = uplinkLimits.bridgeConnectMs;
    const conn = await dialTarget({ ...place, timeoutMs, signal, clock, connect: connectTcp, onOver() {} });
    return typeof conn === "string" ? undefined : conn;
  }
}
