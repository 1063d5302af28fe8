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

/** What of an edge's plan the tunnels go by. */
export interface WantedTunnels {
  readonly tunnelPort: number;
  /** `address`: inside the tunnel. */
  readonly uplinks: readonly { readonly ordinal: number; readonly publicKey: WireGuardKey; readonly address: string }[];
}

export class EdgeTunnel {
  readonly #options: EdgeTunnelOptions;
  readonly #keys: WireGuardKeys;
  readonly #endpoints: RememberedEndpoints;
  readonly #link: WireGuardLink;
  readonly #closing = new AbortController();
  #wanted: WantedTunnels | undefined;
  #peers: readonly UapiPeer[] = [];
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

  /** No tunnels of WireGuard are wanted any more. */
  rest(): void {
    this.#wanted = undefined;
    this.#peers = [];
  }

  /**
   * Resolves when it has been tried. Where WireGuard does not answer, it is tried again until it does: the edge's ports are open meanwhile.
   */
  async follow(wanted: WantedTunnels): Promise<void> {
    this.#wanted = wanted;
    await this.#look();
  }

  /** When an uplink shook hands last, in ISO 8601; empty before the first. */
  lastHandshake(ordinal: number): string {
    const uplink = this.#wanted?.uplinks.find((each) => each.ordinal === ordinal);
    const peer = this.#peers.find(({ publicKey }) => publicKey === uplink?.publicKey);
    return peer === undefined || peer.lastHandshakeMs === 0 ? "" : new Date(peer.lastHandshakeMs).toISOString();
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
      this.#peers = await this.#link.peers();
      await this.#remember();
      this.#report("");
    } catch (error) {
      this.#report(messageOf(error));
    }
  }

  #device({ tunnelPort, uplinks }: WantedTunnels) {
    const peers = uplinks.map(({ publicKey, address }) => {
      const endpoint = this.#endpoints.of(publicKey);
      // WireGuard would complain each 5 s of an uplink that has not been anywhere yet.
      const keepaliveS = endpoint === undefined ? 0 : wireGuardLimits.edgeKeepaliveS;
      return { publicKey, allowedIps: [`${address}/32`], keepaliveS, endpoint };
    });
    return { privateKey: this.#keys.privateKey, listenPort: tunnelPort, peers };
  }

  async #remember(): Promise<void> {
    const found = this.#peers.flatMap(({ publicKey, endpoint }) => (endpoint === undefined ? [] : [[publicKey, endpoint] as const]));
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
