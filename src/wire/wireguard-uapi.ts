/** WireGuard's configuration protocol (wireguard.com/xplatform): what a running device is asked and told, as lines of text. Pure. */

import { KtError } from "#base/errors.ts";

/** 32 bytes in base64, as people write them. */
export type WireGuardKey = string;

export interface UapiPeer {
  readonly publicKey: WireGuardKey;
  /** `address:port`, where its last packet came from or as it was set. */
  readonly endpoint: string | undefined;
  /** Since 1970; 0 before the first. */
  readonly lastHandshakeMs: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** 0 is none. */
  readonly keepaliveS: number;
  /** Prefixes, such as 10.200.0.2/32: the addresses that packets from it may have, and that are sent to it. */
  readonly allowedIps: readonly string[];
}

export interface UapiDevice {
  readonly privateKey: WireGuardKey | undefined;
  /** 0 where the system chose none yet. */
  readonly listenPort: number;
  readonly peers: readonly UapiPeer[];
}

/** What is undefined stays as it is; `allowedIps` are all that it has afterwards. */
export type UapiPeerChange =
  | {
      /** `change` does nothing where there is no such peer. */
      readonly kind: "add" | "change";
      readonly publicKey: WireGuardKey;
      readonly endpoint?: string | undefined;
      readonly keepaliveS?: number | undefined;
      readonly allowedIps?: readonly string[] | undefined;
    }
  | { readonly kind: "remove"; readonly publicKey: WireGuardKey };

export interface UapiChange {
  readonly privateKey?: WireGuardKey | undefined;
  readonly listenPort?: number | undefined;
  /** In this order: an address that moves between two peers belongs to the one that names it last. */
  readonly peers?: readonly UapiPeerChange[];
}

export const encodeUapiGet = (): string => "get=1\n\n";

export function encodeUapiSet({ privateKey, listenPort, peers = [] }: UapiChange): string {
  const lines = [
    "set=1",
    ...(privateKey === undefined ? [] : [`private_key=${hexOf(privateKey)}`]),
    ...(listenPort === undefined ? [] : [`listen_port=${listenPort}`]),
    ...peers.flatMap(peerLines),
  ];
  return `${lines.join("\n")}\n\n`;
}

/** `replace_peers` is never sent: it would end the sessions of all peers, which then are silent for up to two minutes. */
function peerLines(change: UapiPeerChange): string[] {
  const first = `public_key=${hexOf(change.publicKey)}`;
  if (change.kind === "remove") return [first, "remove=true"];
  const { kind, endpoint, keepaliveS, allowedIps } = change;
  return [
    first,
    ...(kind === "change" ? ["update_only=true"] : []),
    ...(endpoint === undefined ? [] : [`endpoint=${endpoint}`]),
    ...(allowedIps === undefined ? [] : ["replace_allowed_ips=true", ...allowedIps.map((prefix) => `allowed_ip=${prefix}`)]),
    // Last: switching it on sends a packet at once, to the endpoint.
    ...(keepaliveS === undefined ? [] : [`persistent_keepalive_interval=${keepaliveS}`]),
  ];
}

/** `errno` is 0 where all went well; user space sends it negative, the kernel's tools positive. Throws KtError `protocol`. */
export function decodeUapiAnswer(text: string): { readonly errno: number; readonly text: string } {
  const [, lines = "", errno = ""] = /^((?:[^\n]+\n)*?)errno=(-?\d{1,9})\n\n$/.exec(text) ?? [];
  if (errno === "") throw new KtError("protocol", "WireGuard's answer does not end with an errno");
  return { errno: Number(errno), text: lines };
}

/** Lines of keys that are not known are skipped: newer devices may say more. Throws KtError `protocol`. */
export function decodeUapiDevice(text: string): UapiDevice {
  const device = new Map<string, string>();
  const peers: PeerLines[] = [];
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const at = line.indexOf("=");
    if (at < 0) throw new KtError("protocol", `WireGuard says "${line}", which is not a setting`);
    const [key, value] = [line.slice(0, at), line.slice(at + 1)];
    if (key === "public_key") peers.push({ values: new Map([[key, value]]), allowedIps: [] });
    else if (key === "allowed_ip") peers.at(-1)?.allowedIps.push(value);
    else (peers.at(-1)?.values ?? device).set(key, value);
  }
  const privateKey = device.get("private_key");
  return {
    privateKey: privateKey === undefined ? undefined : base64Of(privateKey),
    listenPort: numberOf(device, "listen_port"),
    peers: peers.map(peerOf),
  };
}

interface PeerLines {
  readonly values: Map<string, string>;
  readonly allowedIps: string[];
}

function peerOf({ values, allowedIps }: PeerLines): UapiPeer {
  const seconds = numberOf(values, "last_handshake_time_sec");
  return {
    publicKey: base64Of(values.get("public_key") ?? ""),
    endpoint: values.get("endpoint"),
    lastHandshakeMs: seconds * 1000 + Math.floor(numberOf(values, "last_handshake_time_nsec") / 1e6),
    receivedBytes: numberOf(values, "rx_bytes"),
    sentBytes: numberOf(values, "tx_bytes"),
    keepaliveS: numberOf(values, "persistent_keepalive_interval"),
    allowedIps,
  };
}

/** 0 where it is not said. */
function numberOf(values: ReadonlyMap<string, string>, key: string): number {
  const text = values.get(key) ?? "0";
  if (!/^\d+$/.test(text)) throw new KtError("protocol", `WireGuard says "${key}=${text}", which is not a number`);
  return Number(text);
}

/** Whether these are 32 bytes in base64, with nothing left over. */
export function isWireGuardKey(text: string): boolean {
  return /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text);
}

function hexOf(key: WireGuardKey): string {
  // Of a private key nothing may stand in a message.
  if (!isWireGuardKey(key)) throw new KtError("protocol", "a WireGuard key is not 32 bytes in base64");
  return Uint8Array.fromBase64(key).toHex();
}

function base64Of(hex: string): WireGuardKey {
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new KtError("protocol", "WireGuard says a key that is not 32 bytes");
  return Uint8Array.fromHex(hex).toBase64();
}
