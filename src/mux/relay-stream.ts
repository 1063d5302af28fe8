/** One TCP connection within a session with a relay, as a Conn: two halves, credit for each, and what waits for its reader. */

import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { initialCreditBytes, type RelayReason } from "#wire/relay-frame.ts";
import { CreditWindow } from "./credit-window.ts";
import { HeldBytes } from "./held-bytes.ts";
import { muxLimits } from "./limits.ts";
import type { RelayChannel, RelayChannelOwner } from "./relay-channel.ts";

/** The relay's reason, for those who act on it. */
export class RelayStreamError extends KtError {
  readonly reason: RelayReason;

  constructor(reason: RelayReason, text: string) {
    super("connection-lost", text === "" ? `the relay's connection was ${reason}` : text);
    this.reason = reason;
  }
}

/** `due`: ended by its holder, with bytes that have not left. */
type Sending = "open" | "due" | "ended";
/** `ended`: the reader does not know yet, since it paused. */
type Receiving = "open" | "ended" | "reported";

export class RelayStream implements Conn, RelayChannel {
  readonly remoteAddress = undefined;
  readonly id: number;
  readonly #owner: RelayChannelOwner;
  readonly #window: CreditWindow;
  readonly #held = new HeldBytes();
  /** Taken from the writer and not sent, oldest first. */
  #unsent: Uint8Array[] = [];
  #creditBytes = initialCreditBytes;
  #sending: Sending = "open";
  #receiving: Receiving = "open";
  #handler: ConnHandler | undefined;
  #paused = true;
  #opened = false;
  #hasSent = false;
  #closed: { readonly error: KtError | undefined } | undefined;
  /** Called once when the address has accepted. */
  onOpened: (() => void) | undefined;

  constructor(id: number, owner: RelayChannelOwner) {
    this.id = id;
    this.#owner = owner;
    this.#window = new CreditWindow(owner.budget);
  }

  get isOpened(): boolean {
    return this.#opened;
  }

  /** For the side that was asked: the address has accepted. Whatever was sent already has said so. */
  accept(): void {
    if (!this.#closed && !this.#hasSent) this.#owner.sendLater({ type: "opened", stream: this.id });
  }

  /** Ends both halves and says why. */
  refuse(reason: RelayReason, text: string): void {
    if (this.#closed) return;
    this.#owner.send({ type: "reset", stream: this.id, reason, text });
    this.#close(undefined);
  }

  start(handler: ConnHandler): void {
    this.#handler = handler;
    if (this.#closed) {
      const { error } = this.#closed;
      queueMicrotask(() => handler.onClose(error));
      return;
    }
    this.#paused = false;
    this.#deliver();
  }

  unread(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#held.unshift(bytes);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed || this.#sending !== "open" || bytes.length === 0) return true;
    this.#unsent.push(bytes);
    if (this.#unsent.length === 1 && !this.#owner.isBlocked) this.#sendUpTo(Number.POSITIVE_INFINITY);
    if (this.#unsent.length === 0) return !this.#owner.isBlocked || this.#waitForRoom();
    if (this.#creditBytes > 0) this.#owner.wait(this);
    return false;
  }

  end(): void {
    if (this.#closed || this.#sending !== "open") return;
    this.#sending = "due";
    this.#endIfSent();
  }

  abort(): void {
    this.refuse("cancelled", "");
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused || this.#closed || !this.#handler) return;
    this.#paused = false;
    this.#deliver();
  }

  received(bytes: Uint8Array): void {
    if (this.#receiving !== "open" || !this.#window.received(bytes.length))
      throw new KtError("protocol", "the relay's session has data that was not allowed");
    this.opened();
    if (this.#handler && !this.#paused && this.#held.isEmpty) this.#pass(bytes);
    else this.#held.push(bytes);
  }

  datagram(): void {
    throw new KtError("protocol", "the relay's session has a datagram on a stream of bytes");
  }

  unreachable(): void {}

  opened(): void {
    if (this.#opened) return;
    this.#opened = true;
    this.onOpened?.();
  }

  peerEnded(): void {
    if (this.#receiving !== "open") return;
    this.#receiving = "ended";
    this.opened();
    this.#deliver();
  }

  peerReset(reason: RelayReason, text: string): void {
    this.#close(new RelayStreamError(reason, text));
  }

  credited(bytes: number): void {
    this.#creditBytes += bytes;
    if (this.#unsent.length === 0) return;
    if (this.#owner.isBlocked) this.#owner.wait(this);
    else if (this.takeTurn(muxLimits.turnBytes)) this.#owner.wait(this);
  }

  takeTurn(mostBytes: number): boolean {
    if (this.#closed) return false;
    this.#sendUpTo(mostBytes);
    if (this.#unsent.length > 0) return this.#creditBytes > 0;
    if (this.#sending === "due") this.#endIfSent();
    else if (this.#sending === "open") this.#handler?.onDrain();
    return false;
  }

  lost(error: KtError): void {
    this.#close(error);
  }

  /** The bytes have left, but the connection takes no more: the writer hears when it does. */
  #waitForRoom(): boolean {
    this.#owner.wait(this);
    return false;
  }

  #sendUpTo(mostBytes: number): void {
    let leftBytes = Math.min(mostBytes, this.#creditBytes);
    while (leftBytes > 0 && this.#unsent.length > 0) {
      const bytes = this.#unsent[0] as Uint8Array;
      const part = bytes.length <= leftBytes ? bytes : bytes.subarray(0, leftBytes);
      if (part.length === bytes.length) this.#unsent.shift();
      else this.#unsent[0] = bytes.subarray(part.length);
      leftBytes -= part.length;
      this.#creditBytes -= part.length;
      this.#hasSent = true;
      // Last: it may write, and then ask this very stream for more.
      this.#owner.sendData(this.id, part);
    }
  }

  #endIfSent(): void {
    if (this.#unsent.length > 0) return;
    this.#sending = "ended";
    this.#owner.sendLater({ type: "end", stream: this.id }, this.#receiving === "open" ? undefined : "last-end");
    this.#closeIfOver();
  }

  #pass(bytes: Uint8Array): void {
    this.#handler?.onData(bytes);
    if (this.#closed) return;
    const granted = this.#window.taken(bytes.length);
    if (granted > 0 && this.#receiving === "open") this.#owner.send({ type: "credit", stream: this.id, bytes: granted });
  }

  #deliver(): void {
    while (this.#handler && !this.#paused && !this.#closed) {
      const bytes = this.#held.shift();
      if (!bytes) break;
      this.#pass(bytes);
    }
    if (this.#receiving !== "ended" || !this.#handler || this.#paused || this.#closed || !this.#held.isEmpty) return;
    this.#receiving = "reported";
    this.#handler.onEnd();
    this.#closeIfOver();
  }

  #closeIfOver(): void {
    if (this.#sending === "ended" && this.#receiving === "reported") this.#close(undefined);
  }

  #close(error: KtError | undefined): void {
    if (this.#closed) return;
    this.#closed = { error };
    this.#unsent = [];
    this.#held.clear();
    this.#window.close();
    this.#owner.forget(this);
    const handler = this.#handler;
    if (handler) queueMicrotask(() => handler.onClose(error));
  }
}
