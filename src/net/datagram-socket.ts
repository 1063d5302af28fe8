/** A UDP socket for many peers at once: no object for each datagram, and what is sent in one turn of the event loop goes out together. */

import { peek, type udp, udpSocket } from "bun";
import { assert, KtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import { systemCode, systemReason } from "#base/system-error.ts";
import { giveToSocket } from "#native/give-to-socket.ts";
import { growBuffers } from "#native/receive-buffer.ts";
import { descriptorOf } from "./descriptor.ts";

/** Datagrams that are handed to the system at once. More gain nothing, and the first of them would wait for the last. */
const batchDatagrams = 32;

/** Bun's own, which its types do not mention: other sockets of this user may have the port too; `::` without IPv4. */
const flags = { reusePort: 4, ipv6Only: 8 } as const;

export interface DatagramSocketOptions {
  /** An IP address. */
  readonly host: string;
  readonly port: number;
  /** What the kernel keeps until it is read, as far as it allows. */
  readonly bufferBytes: number;
  /** Other sockets of this user may have the port too. */
  readonly isShared: boolean;
  /** What arrives waits for `release`, up to `bufferBytes`: another process still has what it is about. */
  readonly isHeld?: boolean;
  /** Must not throw. The payload is the callee's. */
  readonly onDatagram: (payload: Uint8Array, port: number, host: string) => void;
}

const ignore = (): void => {};

export class DatagramSocket {
  readonly #socket: udp.Socket<"uint8array">;
  /** Payload, port and host of each that waits, in the order in which `sendMany` takes them. */
  #batch: (Uint8Array | number | string)[] = [];
  /** What has arrived, as arguments of `onDatagram`, while it is held. */
  #held: [Uint8Array, number, string][] | undefined;
  #heldBytes = 0;
  readonly #options: DatagramSocketOptions;
  #isFlushing = false;
  #isClosed = false;
  #dropped = 0;
  /** How many have arrived. */
  received = 0;

  /** Throws KtError `port-taken` or `listen-failed`. */
  constructor(given: DatagramSocketOptions) {
    this.#options = given;
    const { host, port, bufferBytes, isShared, isHeld } = given;
    if (isHeld) this.#held = [];
    const shown = formatHostPort({ host, port });
    const options = {
      hostname: host,
      port,
      flags: (isShared ? flags.reusePort : 0) | (host === "::" ? flags.ipv6Only : 0),
      binaryType: "uint8array",
      socket: {
        data: (_: unknown, payload: Uint8Array, fromPort: number, fromHost: string) => this.#received(payload, fromPort, fromHost),
        // Reports of the network (ICMP) do not say which peer they are about. Without this handler they would end the process.
        error: ignore,
      },
    } as const;
    try {
      // An address needs no look-up, so it is bound at once.
      const socket = peek(udpSocket(options));
      assert(!(socket instanceof Promise), "a UDP socket with an address was not bound at once");
      this.#socket = socket;
    } catch (error) {
      if (systemCode(error) === "EADDRINUSE")
        throw new KtError("port-taken", `listen on ${shown}/udp: the port is taken`, { cause: error });
      throw new KtError("listen-failed", `listen on ${shown}/udp: ${systemReason(error)}`, { cause: error });
    }
    growBuffers(descriptorOf(this.#socket), bufferBytes);
  }

  /** The port in use, also where 0 was asked for. */
  get port(): number {
    return this.#socket.port;
  }

  /** How many were lost here: too large, no room, a peer that cannot be. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Sends it by the end of this turn of the event loop; the payload must not change until then. */
  send(payload: Uint8Array, port: number, host: string): void {
    if (this.#isClosed) {
      this.#dropped += 1;
      return;
    }
    this.#batch.push(payload, port, host);
    if (this.#batch.length >= 3 * batchDatagrams) this.flush();
    else if (!this.#isFlushing) {
      this.#isFlushing = true;
      setImmediate(this.#flushLater);
    }
  }

  /** Sends what waits now. */
  flush(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    let sent = 0;
    try {
      sent = this.#socket.sendMany(batch);
    } catch {
      // A report of an earlier datagram: which of these went is not said. One that arrives twice is nothing new to programs that speak UDP.
    }
    if (3 * sent < batch.length) this.#sendSingly(batch, sent);
  }

  /** Hands on what has waited, and from now on what arrives. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const [payload, port, host] of held) this.#options.onDatagram(payload, port, host);
  }

  /** Gives all further datagrams of a shared port to the socket that was bound to it as the second. Returns false where the system cannot. */
  giveToSecond(): boolean {
    return giveToSocket(1, descriptorOf(this.#socket));
  }

  /** Sends what waits, and closes. Harmless when closed. */
  close(): void {
    if (this.#isClosed) return;
    this.flush();
    this.#isClosed = true;
    this.#socket.close();
  }

  #received(payload: Uint8Array, port: number, host: string): void {
    this.received += 1;
    if (!this.#held) this.#options.onDatagram(payload, port, host);
    else if (this.#heldBytes + payload.length > this.#options.bufferBytes) this.#dropped += 1;
    else {
      this.#heldBytes += payload.length;
      this.#held.push([payload, port, host]);
    }
  }

  readonly #flushLater = (): void => {
    this.#isFlushing = false;
    if (!this.#isClosed) this.flush();
  };

  /** One that the system refuses keeps those behind it from going together. */
  #sendSingly(batch: readonly (Uint8Array | number | string)[], from: number): void {
    for (let at = 3 * from; at < batch.length; at += 3) {
      const [payload, port, host] = batch.slice(at, at + 3) as [Uint8Array, number, string];
      if (!this.#sendOne(payload, port, host)) this.#dropped += 1;
    }
  }

  /** A report of an earlier datagram is not about this one, which is sent again. */
  #sendOne(payload: Uint8Array, port: number, host: string): boolean {
    for (let tries = 0; tries < 2; tries++) {
      try {
        return this.#socket.send(payload, port, host);
      } catch {
        // Reported once: what fails again is refused for itself.
      }
    }
    return false;
  }
}
