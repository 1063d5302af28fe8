/** Writes text to a descriptor of this process, whole and in order, however slowly its reader takes it. */

import { fstatSync, write } from "node:fs";
import type { WriteStream } from "node:tty";
import { cliLimits } from "#cli/limits.ts";
import { wasClosed } from "#native/descriptors.ts";
import type { TextSink } from "./text-sink.ts";

/** A descriptor that another process has made non-blocking is full for now (EAGAIN, write(2)). */
const fullCodes: ReadonlySet<string | undefined> = new Set(["EAGAIN", "EWOULDBLOCK"]);

/**
 * `process.stdout` is not used for it: Bun says that its writes are done when they are only queued, and what is queued is lost when
 * the process exits.
 */
export class DescriptorSink implements TextSink {
  readonly isTTY: boolean;
  readonly #fd: number;
  readonly #window: WriteStream | undefined;
  /** What is written would be lost, and reported as a success. */
  readonly #wasClosed: boolean;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  readonly #failed = Promise.withResolvers<NodeJS.ErrnoException>();
  #failure: NodeJS.ErrnoException | undefined;
  /** Resolves with the system's error when the descriptor takes nothing more; what is written after that is dropped. */
  readonly failed: Promise<NodeJS.ErrnoException> = this.#failed.promise;

  private constructor(fd: 1 | 2, terminal: Terminal | undefined) {
    this.#fd = fd;
    this.isTTY = terminal !== undefined;
    this.#window = terminal?.window;
    this.#wasClosed = wasClosed(fd);
  }

  static async open(fd: 1 | 2): Promise<DescriptorSink> {
    return new DescriptorSink(fd, isDevice(fd) ? await terminalAt(fd) : undefined);
  }

  get columns(): number | undefined {
    return this.#window?.columns;
  }

  get rows(): number | undefined {
    return this.#window?.rows;
  }

  /** What `failed` has resolved with. */
  get failure(): NodeJS.ErrnoException | undefined {
    return this.#failure;
  }

  /** What the reader has not taken yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  onResize(callback: () => void): void {
    this.#window?.on("resize", callback);
  }

  write(text: string): void {
    if (this.#failure || text === "") return;
    this.#waiting.push(text);
    this.#waitingBytes += Buffer.byteLength(text);
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when the system has taken everything, or takes nothing more. */
  async drained(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    try {
      if (this.#wasClosed) throw closed();
      while (this.#waiting.length > 0) await this.#writeBytes(this.#take());
    } catch (error) {
      this.#break(error as NodeJS.ErrnoException);
    }
    this.#writing = undefined;
  }

  #take(): Buffer {
    const text = this.#waiting.join("");
    this.#waiting = [];
    return Buffer.from(text);
  }

  async #writeBytes(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const count = await writeSome(this.#fd, bytes.subarray(at));
      at += count;
      this.#waitingBytes -= count;
      if (count === 0) await new Promise((resolve) => setTimeout(resolve, cliLimits.fullOutputPauseMs));
    }
  }

  #break(error: NodeJS.ErrnoException): void {
    this.#failure = error;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#failed.resolve(error);
  }
}

/** As the system says it of a write to such a descriptor. */
function closed(): NodeJS.ErrnoException {
  return Object.assign(new Error("EBADF: bad file descriptor, write"), { code: "EBADF" });
}

/** Two descriptors that lead to the same terminal, pipe or file: what is written to both keeps its order only through one sink. */
export function isSameFile(one: number, other: number): boolean {
  try {
    const [left, right] = [fstatSync(one), fstatSync(other)];
    return left.dev === right.dev && left.ino === right.ino && left.rdev === right.rdev;
  } catch {
    return false;
  }
}

/** What every terminal is, and hardly anything else that output goes to. */
function isDevice(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice();
  } catch {
    return false;
  }
}

interface Terminal {
  /** Its stream knows its size. */
  readonly window: WriteStream | undefined;
}

/** Loading what looks at terminals takes as long as running a small command: output into a pipe or a file is spared it. */
async function terminalAt(fd: 1 | 2): Promise<Terminal | undefined> {
  const tty = await import("node:tty");
  if (!tty.isatty(fd)) return undefined;
  const stream = fd === 1 ? process.stdout : process.stderr;
  return { window: stream instanceof tty.WriteStream ? stream : undefined };
}

/** How many bytes the system took: a part of them at times, and 0 while the reader is behind. */
function writeSome(fd: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, (error, count) => {
      if (error === null || error === undefined) resolve(count);
      else if (fullCodes.has(error.code)) resolve(0);
      else reject(error);
    });
  });
}
