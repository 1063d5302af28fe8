/** A WireGuard interface that runs: its peers are changed only by what differs, so that no other peer notices. */

import type { UapiChange, UapiPeer, UapiPeerChange, WireGuardKey } from "#wire/wireguard-uapi.ts";
import { clamped } from "./keys.ts";
import type { UapiSocket } from "./uapi-socket.ts";

export interface WantedPeer {
  readonly publicKey: WireGuardKey;
  /** The addresses inside the tunnel that are its own, as prefixes. */
  readonly allowedIps: readonly string[];
  readonly keepaliveS: number;
  /** Where it is first looked for. Later it is where its packets come from. */
  readonly endpoint?: string | undefined;
}

export interface WantedDevice {
  readonly privateKey: WireGuardKey;
  /** 0 lets the system choose. */
  readonly listenPort: number;
  readonly peers: readonly WantedPeer[];
}

export class WireGuardLink {
  readonly #socket: UapiSocket;
  /** Changes come one after the other: each begins with a look. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(socket: UapiSocket) {
    this.#socket = socket;
  }

  /** Does nothing where all is so already. True where it has changed something. Throws KtError `wireguard-failed`, `protocol`. */
  async set(wanted: WantedDevice): Promise<boolean> {
    return await this.#inTurn(async () => {
      const device = await this.#socket.device();
      const privateKey = clamped(wanted.privateKey);
      const change: UapiChange = {
        privateKey: device.privateKey === privateKey ? undefined : privateKey,
        listenPort: wanted.listenPort === 0 || device.listenPort === wanted.listenPort ? undefined : wanted.listenPort,
        peers: peerChanges(device.peers, wanted.peers),
      };
      const isChange = change.privateKey !== undefined || change.listenPort !== undefined || (change.peers ?? []).length > 0;
      if (isChange) await this.#socket.set(change);
      return isChange;
    });
  }

  /** Begins anew with a peer that has fallen silent: forgets its session and where it was, and shakes hands at once. */
  async renew(peer: WantedPeer): Promise<void> {
    const { publicKey } = peer;
    await this.#inTurn(() =>
      this.#socket.set({
        peers: [
          { kind: "remove", publicKey },
          { kind: "add", ...peer },
        ],
      }),
    );
  }

  async peers(): Promise<readonly UapiPeer[]> {
    return (await this.#socket.device()).peers;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return await turn;
  }
}

/** Removals first: an address may move to another peer. */
export function peerChanges(present: readonly UapiPeer[], wanted: readonly WantedPeer[]): UapiPeerChange[] {
  const before = new Map(present.map((peer) => [peer.publicKey, peer]));
  const after = new Set(wanted.map(({ publicKey }) => publicKey));
  const removals = present.filter(({ publicKey }) => !after.has(publicKey));
  return [
    ...removals.map(({ publicKey }): UapiPeerChange => ({ kind: "remove", publicKey })),
    ...wanted.flatMap((peer) => changesOf(before.get(peer.publicKey), peer)),
  ];
}

function changesOf(before: UapiPeer | undefined, wanted: WantedPeer): UapiPeerChange[] {
  const { publicKey, keepaliveS, allowedIps, endpoint } = wanted;
  if (before === undefined) return [{ kind: "add", publicKey, keepaliveS, allowedIps, endpoint }];
  const change = {
    keepaliveS: before.keepaliveS === keepaliveS ? undefined : keepaliveS,
    allowedIps: isSame(before.allowedIps, allowedIps) ? undefined : allowedIps,
    // Its packets say better where it is.
    endpoint: before.endpoint === undefined ? endpoint : undefined,
  };
  const isChange = Object.values(change).some((value) => value !== undefined);
  return isChange ? [{ kind: "change", publicKey, ...change }] : [];
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && new Set([...left, ...right]).size === left.length;
}
