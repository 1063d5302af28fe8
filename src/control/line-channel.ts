/** JSON lines over a Unix socket: reads whole lines, writes whole values, and keeps what the kernel does not take yet. */

import type { Socket } from "bun";
import { ByteQueue } from "#base/bytes.ts";
import { controlLimits } from "./limits.ts";

const newline = 0x0a;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface LineHandler {
  /** One parsed line; what is not JSON ends the channel. */
  onValue(value: unknown): void;
  /** False while the next line should wait: `goOn` asks again. Absent: all are taken as they come. */
  takesMore?(): boolean;
  /** The peer has read what waited. */
  onDrained?(): void;
  onClose(): void;
}

/** What the socket of a channel carries. */
export interface ChannelState {
  channel: LineChannel | undefined;
}

export class LineChannel {
  readonly #socket: Socket<ChannelState>;
  readonly #handler: LineHandler;
  readonly #received = new ByteQueue(controlLimits.controlMessageBytes);
  readonly #unsent = new ByteQueue(controlLimits.controlMessageBytes);
  #closed = false;
  #ending = false;
  #isScheduled = false;

  constructor(socket: Socket<ChannelState>, handler: LineHandler) {
    this.#socket = socket;
    this.#handler = handler;
  }

  /** Bytes that the peer has not taken yet: a writer that has newer news should wait for 0. */
  get waitingBytes(): number {
    return this.#unsent.length;
  }

  /** A peer that takes nothing while `controlMessageBytes` wait is cut off. */
  send(value: unknown): void {
    if (this.#closed || this.#ending) return;
    const isFirst = this.#unsent.length === 0;
    try {
      this.#unsent.push(encoder.encode(`${JSON.stringify(value)}\n`));
    } catch {
      this.abort();
      return;
    }
    // What waits already leaves with the next drain.
    if (isFirst) this.#flush();
  }

  /** Closes after everything sent has left. */
  end(): void {
    this.#ending = true;
    if (this.#unsent.length === 0) this.#socket.end();
  }

  abort(): void {
    this.#socket.terminate();
    this.closed();
  }

  /** Called by the socket's handler. */
  drained(): void {
    if (this.#unsent.length === 0) return;
    this.#flush();
    if (this.#unsent.length === 0 && !this.#ending) this.#handler.onDrained?.();
  }

  /** Called by the socket's handler. */
  receive(bytes: Uint8Array): void {
    try {
      this.#received.push(bytes);
      // Joined only when a line is complete: a long message arrives in many pieces.
      if (bytes.includes(newline) && !this.#isScheduled) this.#takeLines();
    } catch {
      this.abort();
    }
  }

  /** Called by the socket's handler. */
  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handler.onClose();
  }

  /** Takes the lines that wait, a few in each turn of the event loop: a peer that sends thousands keeps no other peer waiting. */
  goOn(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      try {
        this.#takeLines();
      } catch {
        this.abort();
      }
    });
  }

  #flush(): void {
    const sent = this.#socket.write(this.#unsent.peek());
    if (sent > 0) this.#unsent.take(sent);
    if (this.#ending && this.#unsent.length === 0) this.#socket.end();
  }

  #takeLines(): void {
    for (let taken = 0; this.#handler.takesMore?.() !== false; taken++) {
      const at = this.#received.peek().indexOf(newline);
      if (at < 0 || this.#closed) return;
      if (taken === controlLimits.controlLinesPerTurn && this.#handler.takesMore) {
        this.goOn();
        return;
      }
      this.#handler.onValue(JSON.parse(decoder.decode(this.#received.take(at + 1))));
    }
  }
}

/** The socket callbacks that both ends share. */
export const channelEvents = {
  binaryType: "uint8array",
  data(socket: Socket<ChannelState>, bytes: Uint8Array): void {
    socket.data.channel?.receive(bytes);
  },
  drain(socket: Socket<ChannelState>): void {
    socket.data.channel?.drained();
  },
  end(socket: Socket<ChannelState>): void {
    socket.data.channel?.closed();
  },
  close(socket: Socket<ChannelState>): void {
    socket.data.channel?.closed();
  },
  error(socket: Socket<ChannelState>): void {
    socket.data.channel?.closed();
  },
} as const;
