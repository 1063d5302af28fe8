/** A TCP client that tests steer by hand: half-close, reset, stop reading, and every byte accounted for. */

import { connect, type Socket } from "bun";

export class RawClient {
  #socket: Socket | undefined;
  #received: Uint8Array[] = [];
  #receivedBytes = 0;
  #unsent: Uint8Array[] = [];
  #endWanted = false;
  #ended = false;
  #closed = false;
  #wasReset = false;
  #waiting: (() => void)[] = [];

  static async open(port: number, hostname = "127.0.0.1"): Promise<RawClient> {
    const client = new RawClient();
    client.#socket = await connect({
      hostname,
      port,
      allowHalfOpen: true,
      socket: {
        data: (_, bytes) => client.#onData(bytes),
        drain: () => client.#flush(),
        end: () => client.#mark(() => (client.#ended = true)),
        close: (_, cause) => client.#onClose(cause),
        error: (_, cause) => client.#onClose(cause),
      },
    });
    return client;
  }

  #onData(bytes: Uint8Array): void {
    this.#received.push(new Uint8Array(bytes));
    this.#receivedBytes += bytes.length;
    this.#wake();
  }

  #onClose(cause: Error | undefined): void {
    this.#wasReset ||= cause !== undefined && "code" in cause && cause.code === "ECONNRESET";
    this.#mark(() => (this.#closed = this.#ended = true));
  }

  #mark(change: () => void): void {
    change();
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #flush(): void {
    for (let next = this.#unsent.shift(); next; next = this.#unsent.shift()) {
      const sent = this.#socket?.write(next) ?? 0;
      if (sent < next.length) {
        this.#unsent.unshift(next.subarray(Math.max(0, sent)));
        return;
      }
    }
    this.#wake();
    if (this.#endWanted) this.#socket?.shutdown();
  }

  write(data: string | Uint8Array): void {
    this.#unsent.push(typeof data === "string" ? new TextEncoder().encode(data) : data);
    if (this.#unsent.length === 1) this.#flush();
  }

  /** Resolves once the kernel has taken everything written, or the connection is gone. */
  async drained(): Promise<void> {
    while (this.#unsent.length > 0 && !this.#closed) await this.#changed();
  }

  /** Shuts our half after everything written has been sent. */
  end(): void {
    this.#endWanted = true;
    if (this.#unsent.length === 0) this.#socket?.shutdown();
  }

  /** Closes both halves at once. */
  abort(): void {
    this.#socket?.terminate();
  }

  /** Stops reading: the kernel's buffers fill, then the sender's. */
  pause(): void {
    this.#socket?.pause();
  }

  /** Reads on after `pause`. */
  resume(): void {
    this.#socket?.resume();
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The peer broke the connection off. */
  get wasReset(): boolean {
    return this.#wasReset;
  }

  get ended(): boolean {
    return this.#ended;
  }

  text(): string {
    return new TextDecoder().decode(Buffer.concat(this.#received));
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#received);
  }

  /** Resolves with everything received so far once it contains `needle`; rejects when the connection ends before. */
  async readUntil(needle: string | RegExp): Promise<string> {
    for (;;) {
      const text = this.text();
      if (typeof needle === "string" ? text.includes(needle) : needle.test(text)) return text;
      if (this.#ended) throw new Error(`the connection ended before ${needle}: ${JSON.stringify(text.slice(0, 500))}`);
      await this.#changed();
    }
  }

  /** Resolves once this many bytes have arrived; rejects when the connection ends before. */
  async received(count: number): Promise<void> {
    while (this.#receivedBytes < count) {
      if (this.#ended) throw new Error(`the connection ended after ${this.#receivedBytes} of ${count} bytes`);
      await this.#changed();
    }
  }

  /** Resolves with everything once the peer has closed its half. */
  async readToEnd(): Promise<string> {
    while (!this.#ended) await this.#changed();
    return this.text();
  }

  /** Resolves when both halves are over. */
  async whenClosed(): Promise<void> {
    while (!this.#closed) await this.#changed();
  }

  /** Forgets what was received. */
  clear(): void {
    this.#received = [];
  }
}

/** Whether something listens on the port of 127.0.0.1. */
export async function takesConnections(port: number): Promise<boolean> {
  try {
    (await RawClient.open(port)).abort();
    return true;
  } catch {
    return false;
  }
}

/** Sends one HTTP/1.1 request on a connection of its own and gives the whole answer as text. */
export async function rawRequest(port: number, text: string): Promise<string> {
  const client = await RawClient.open(port);
  client.write(text);
  const answer = await client.readToEnd();
  client.abort();
  return answer;
}
