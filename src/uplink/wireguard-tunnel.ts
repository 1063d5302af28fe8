/** The uplink's end of a WireGuard tunnel: runs WireGuard in its pod, and begins anew with an edge that has fallen silent. */

import { readFile } from "node:fs/promises";
import { dns, type Subprocess } from "bun";
import type { Clock } from "#base/clock.ts";
import { KtError, messageOf } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import type { Log } from "#base/log.ts";
import { systemReason } from "#base/system-error.ts";
import type { UplinkDocument } from "#expose/host/uplink-document.ts";
import { setLink } from "#native/network-link.ts";
import { isWireGuardKey } from "#wire/wireguard-uapi.ts";
import { wireGuardProgram } from "#wireguard/program.ts";
import { startWireGuard } from "#wireguard/start-wireguard.ts";
import { socketOf, UapiSocket } from "#wireguard/uapi-socket.ts";
import { type WantedPeer, WireGuardLink } from "#wireguard/wireguard-link.ts";
import { uplinkLimits } from "./limits.ts";
import type { UplinkTunnel } from "./tunnel.ts";

const link = "kt-uplink";

export interface WireguardTunnelOptions {
  /** In base64. */
  readonly keyFile: string;
  readonly clock: Clock;
  readonly log: Log;
}

export class WireguardTunnel implements UplinkTunnel {
  readonly #options: WireguardTunnelOptions;
  readonly #link = new WireGuardLink(new UapiSocket(socketOf(link)));
  /** With the address that its interface has. */
  #running: { readonly program: Subprocess; readonly address: string } | undefined;
  #document: UplinkDocument | undefined;
  #address = "";
  /** Of the edge: `host:port` as the document has it. */
  #endpoint = "";
  #receivedBytes = 0;
  #heardAtMs = Number.NEGATIVE_INFINITY;
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  #cancelLook = (): void => {};
  /** The document and looks at the tunnel come one after the other. */
  #last: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: WireguardTunnelOptions) {
    this.#options = options;
  }

  async follow(document: UplinkDocument, address: string): Promise<void> {
    await this.#inTurn(() => this.#make(document, address));
  }

  problem(): string | undefined {
    if (!this.#running) return "WireGuard is not running";
    const silentMs = this.#options.clock.now() - this.#heardAtMs;
    return silentMs > uplinkLimits.tunnelSilenceMs ? "nothing comes through the tunnel" : undefined;
  }

  heard(): void {
    this.#heardAtMs = this.#options.clock.now();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelLook();
    await this.#stop();
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    await turn;
  }

  async #make(document: UplinkDocument, address: string): Promise<void> {
    const { edge, network, mtu } = document;
    this.#document = document;
    this.#address = address;
    const settings = { address, prefixLength: Number(network.split("/")[1]), mtu };
    if (this.#running?.address === `${address} ${network}`) setLink(link, settings);
    else await this.#start(settings, `${address} ${network}`);
    await this.#link.set({ privateKey: await this.#privateKey(), listenPort: 0, peers: [await this.#peer(document)] });
    const endpoint = `${edge.host} ${edge.port}`;
    if (this.#endpoint !== "" && this.#endpoint !== endpoint) await this.#renew(document);
    this.#endpoint = endpoint;
    this.#lookLater();
  }

  async #start(settings: Parameters<typeof setLink>[1], address: string): Promise<void> {
    await this.#stop();
    const { clock, log } = this.#options;
    const program = await startWireGuard(await wireGuardProgram(), { link, ...settings }, clock);
    const running = { program, address };
    this.#receivedBytes = 0;
    this.#renewedAtMs = clock.now();
    this.#running = running;
    void program.exited.then((code) => {
      if (this.#running !== running) return;
      this.#running = undefined;
      log("error", "wireguard-ended", { code });
      this.#lookLater();
    });
  }

  async #stop(): Promise<void> {
    const program = this.#running?.program;
    this.#running = undefined;
    program?.kill();
    await program?.exited;
  }

  async #privateKey(): Promise<string> {
    const { keyFile } = this.#options;
    let key: string;
    try {
      key = (await readFile(keyFile, "utf8")).trim();
    } catch (error) {
      throw new KtError("wireguard-failed", `its key "${keyFile}" cannot be read: ${systemReason(error)}`);
    }
    if (!isWireGuardKey(key)) throw new KtError("wireguard-failed", `"${keyFile}" is not a WireGuard key`);
    return key;
  }

  /** Names are resolved each time: a host may have moved. */
  async #peer({ edge, persistentKeepaliveS }: UplinkDocument): Promise<WantedPeer> {
    const [found] = await dns.lookup(edge.host).catch(() => []);
    if (found === undefined) throw new KtError("wireguard-failed", `the edge's host name "${edge.host}" cannot be resolved`);
    const endpoint = formatHostPort({ host: found.address, port: edge.port });
    return { publicKey: edge.publicKey, allowedIps: [`${edge.address}/32`], keepaliveS: persistentKeepaliveS, endpoint };
  }

  async #renew(document: UplinkDocument): Promise<void> {
    this.#renewedAtMs = this.#options.clock.now();
    this.#receivedBytes = 0;
    await this.#link.renew(await this.#peer(document));
  }

  #lookLater(): void {
    this.#cancelLook();
    if (this.#isClosed) return;
    this.#cancelLook = this.#options.clock.after(uplinkLimits.tunnelLookMs, () => void this.#inTurn(() => this.#look()));
  }

  async #look(): Promise<void> {
    const { clock, log } = this.#options;
    try {
      if (!this.#running && this.#document) await this.#make(this.#document, this.#address);
      await this.#listen();
      const sinceMs = clock.now() - Math.max(this.#heardAtMs, this.#renewedAtMs);
      if (sinceMs > uplinkLimits.tunnelSilenceMs && this.#document) {
        log("warn", "tunnel-silent", { host: this.#document.edge.host });
        await this.#renew(this.#document);
      }
    } catch (error) {
      log("warn", "tunnel-failed", { text: messageOf(error) });
    }
    this.#lookLater();
  }

  /** Keepalives of WireGuard and signs of life of the edge count alike. */
  async #listen(): Promise<void> {
    const received = (await this.#link.peers()).reduce((sum, peer) => sum + peer.receivedBytes, 0);
    if (received > this.#receivedBytes) this.heard();
    this.#receivedBytes = received;
  }
}
