/** An uplink without a tunnel, on loopback addresses, with the document that a test writes for it; and the edge's part by hand. */

import type { Clock } from "#base/clock.ts";
import { systemClock } from "#base/clock.ts";
import type { UplinkDocument } from "#expose/host/uplink-document.ts";
import { connectTcp } from "#net/tcp.ts";
import type { UplinkTunnel } from "#uplink/tunnel.ts";
import { Uplink, usualPorts } from "#uplink/uplink.ts";
import { encodeUplinkRequest, type UplinkAnswer, uplinkAnswers, type UplinkRequest } from "#wire/uplink-frame.ts";
import { MountedFile } from "./mounted-file.ts";
import { RawClient } from "./raw-client.ts";
import { tempDir } from "./temp-dir.ts";
import { eventually } from "./wait.ts";

/** The overlay address is there already, as in tests on loopback addresses. */
const noTunnel: UplinkTunnel = {
  async follow() {},
  problem: () => undefined,
  heard() {},
  async close() {},
};

const host = "127.0.0.1";

export interface RigTarget {
  readonly key: string;
  readonly port: number;
  readonly protocol?: "TCP" | "UDP";
  readonly address?: string;
}

export function uplinkDocument(targets: readonly RigTarget[], changes: Partial<UplinkDocument> = {}): UplinkDocument {
  return {
    version: 1,
    node: "default/edge",
    hash: "h",
    transport: "wireguard",
    edge: { host: "203.0.113.10", port: 51821, publicKey: "", address: host },
    network: "127.0.0.0/8",
    mtu: 1420,
    persistentKeepaliveS: 25,
    uplinks: [{ ordinal: 0, address: host }],
    targets: targets.map(({ key, port, protocol = "TCP", address = host }) => ({ key, protocol, address, port })),
    ...changes,
  };
}

export interface RigOptions {
  /** The address that stands for the one in the tunnel, where it listens on the usual ports; without one it takes free ports of 127.0.0.1. */
  readonly at?: string;
  readonly clock?: Clock;
  readonly ordinal?: number;
  readonly tunnel?: UplinkTunnel;
  /** Of the transport tls. */
  readonly keyFile?: string;
  /** Where the edge has its statistics. */
  readonly statistics?: number;
  readonly connect?: typeof connectTcp;
}

export class UplinkRig {
  readonly uplink: Uplink;
  readonly logged: string[] = [];
  readonly #file: MountedFile;
  readonly #directory: Awaited<ReturnType<typeof tempDir>>;

  private constructor(directory: Awaited<ReturnType<typeof tempDir>>, file: MountedFile, options: RigOptions) {
    const { clock = systemClock, ordinal = 0, tunnel = noTunnel, keyFile = "", statistics = 0, connect = connectTcp } = options;
    this.#directory = directory;
    this.#file = file;
    const log = (_: string, event: string, fields = {}): void => void this.logged.push(`${event} ${JSON.stringify(fields)}`);
    const freePorts = { streams: 0, datagrams: 0, health: 0, bridge: 0, statistics };
    const place = options.at === undefined ? { ports: freePorts, hosts: [host] } : { ports: usualPorts, hosts: [options.at] };
    this.uplink = new Uplink({ document: file.path, ordinal, tunnel, keyFile, ...place, clock, log, connect });
  }

  /** With a document, it is ready then. */
  static async start(document: UplinkDocument | string | undefined, options: RigOptions = {}): Promise<UplinkRig> {
    const directory = await tempDir();
    const file = new MountedFile(directory.path, "uplink.json");
    if (document !== undefined) await file.write(typeof document === "string" ? document : JSON.stringify(document));
    const rig = new UplinkRig(directory, file, options);
    await rig.uplink.begun;
    return rig;
  }

  async write(document: UplinkDocument | string): Promise<void> {
    await this.#file.write(typeof document === "string" ? document : JSON.stringify(document));
  }

  async ready(): Promise<void> {
    await eventually("the uplink to be ready", () => this.uplink.unready() === undefined);
  }

  /** A stream whose request was sent. */
  async send(request: UplinkRequest): Promise<RawClient> {
    const client = await RawClient.open(this.uplink.ports.streams);
    client.write(encodeUplinkRequest(request));
    return client;
  }

  /** A stream to a target, and what was answered by its first byte: all behind that is the target's. */
  async open(target: string, connectTimeoutMs = 5000): Promise<{ readonly client: RawClient; readonly answer: UplinkAnswer | undefined }> {
    const client = await this.send({ kind: "open", target, connectTimeoutMs });
    await client.received(1);
    return { client, answer: uplinkAnswers[client.bytes()[0] as number] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.uplink.close();
    await this.#directory[Symbol.asyncDispose]();
  }
}
