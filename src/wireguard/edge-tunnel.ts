/** The edge's end of its WireGuard tunnels: keeps them as they are wanted, also after the program or the host was started anew. */

import type { Clock } from "#base/clock.ts";
import { sleep } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { UapiPeer, WireGuardKey } from "#wire/wireguard-uapi.ts";
import { edgeKeys } from "./edge-keys.ts";
import type { WireGuardKeys } from "./keys.ts";
import { wireGuardLimits } from "./limits.ts";
import { RememberedEndpoints } from "./remembered-endpoints.ts";
import { UapiSocket } from "./uapi-socket.ts";
import { WireGuardLink } from "./wireguard-link.ts";

export interface EdgeTunnelOptions {
  /** Of the running WireGuard; see `socketOf`. */
  readonly socketPath: string;
  readonly stateFolder: string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface WantedTunnels {
  readonly listenPort: number;
  /** By their addresses inside the tunnel. */
  readonly uplinks: readonly { readonly publicKey: WireGuardKey; readonly address: string }[];
}

export class EdgeTunnel {
  readonly #options: EdgeTunnelOptions;
  readonly #keys: WireGuardKeys;
  readonly #endpoints: RememberedEndpoints;
  readonly #link: WireGuardLink;
  readonly #closing = new AbortController();
  #wanted: WantedTunnels | undefined;
  #problem = "";

  private constructor(options: EdgeTunnelOptions, keys: WireGuardKeys, endpoints: RememberedEndpoints) {
    this.#options = options;
    this.#keys = keys;
    this.#endpoints = endpoints;
    this.#link = new WireGuardLink(new UapiSocket(options.socketPath));
    void this.#keepLooking();
  }

  /** Makes the edge's keys where there are none. Throws KtError `wireguard-failed`. */
  static async open(options: EdgeTunnelOptions): Promise<EdgeTunnel> {
    const keys = await edgeKeys(options.stateFolder);
    return new EdgeTunnel(options, keys, await RememberedEndpoints.read(`${options.stateFolder}/endpoints.json`));
  }

  get publicKey(): WireGuardKey {
    return this.#keys.publicKey;
  }

  /**
   * Resolves when it has been tried. Where WireGuard does not answer, it is tried again until it does: the edge's ports are open meanwhile.
   */
  async set(wanted: WantedTunnels): Promise<void> {
    this.#wanted = wanted;
    await this.#look();
  }

  /** When each uplink shook hands last, since 1970; 0 before the first. Throws KtError `wireguard-failed`. */
  async lastHandshakesMs(): Promise<ReadonlyMap<WireGuardKey, number>> {
    return new Map((await this.#link.peers()).map(({ publicKey, lastHandshakeMs }) => [publicKey, lastHandshakeMs]));
  }

  /** The tunnels stay as they are: another instance of the edge may have them by now. */
  close(): void {
    this.#closing.abort();
  }

  async #keepLooking(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await sleep(this.#options.clock, wireGuardLimits.lookMs, signal);
      await this.#look();
    }
  }

  async #look(): Promise<void> {
    if (this.#wanted === undefined || this.#closing.signal.aborted) return;
    try {
      await this.#link.set(this.#device(this.#wanted));
      await this.#remember(await this.#link.peers());
      this.#report("");
    } catch (error) {
      this.#report(messageOf(error));
    }
  }

  #device({ listenPort, uplinks }: WantedTunnels) {
    const peers = uplinks.map(({ publicKey, address }) => ({
      publicKey,
      allowedIps: [`${address}/32`],
      keepaliveS: wireGuardLimits.edgeKeepaliveS,
      endpoint: this.#endpoints.of(publicKey),
    }));
    return { privateKey: this.#keys.privateKey, listenPort, peers };
  }

  async #remember(peers: readonly UapiPeer[]): Promise<void> {
    const found = peers.flatMap(({ publicKey, endpoint }) => (endpoint === undefined ? [] : [[publicKey, endpoint] as const]));
    await this.#endpoints.remember(new Map(found));
  }

  /** Once, not at every look. */
  #report(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    if (problem === "") this.#options.log("info", "wireguard-answers");
    else this.#options.log("warn", "wireguard-silent", { text: problem });
  }
}
