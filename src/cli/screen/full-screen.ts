/** The terminal as the full-screen view has it: keys one by one, the whole window to draw on, and a way to give it back at any end. */

import { writeSync } from "node:fs";
import type { Terminal } from "#tui/terminal.ts";
import type { TextSink } from "./text-sink.ts";

/** By then the process has been stopped, and goes on; or its group is an orphaned one, which the system does not stop (POSIX, kill). */
const stopMs = 50;

export class FullScreen implements Terminal {
  readonly #sink: TextSink;
  readonly isColoured: boolean;

  constructor(sink: TextSink, isColoured: boolean) {
    this.#sink = sink;
    this.isColoured = isColoured;
  }

  /** Some terminals say 0, such as those of containers without a window. */
  get columns(): number {
    return this.#sink.columns || 80;
  }

  get rows(): number {
    return this.#sink.rows || 24;
  }

  get waitingBytes(): number {
    return this.#sink.waitingBytes;
  }

  write(text: string): void {
    this.#sink.write(text);
  }

  drained(): Promise<void> {
    return this.#sink.drained();
  }

  /** While the process ends: nothing that is asynchronous happens any more. CAN ends a sequence that was only begun (ECMA-48 §8.3.10). */
  writeNow(text: string): void {
    try {
      writeSync(1, `\u0018${text}`);
    } catch {
      // The terminal has gone.
    }
  }

  setRaw(isRaw: boolean): void {
    process.stdin.setRawMode(isRaw);
    if (isRaw) process.stdin.resume();
    else process.stdin.pause();
  }

  onInput(callback: (bytes: Uint8Array) => void): void {
    process.stdin.on("data", callback);
  }

  onResize(callback: () => void): void {
    this.#sink.onResize(callback);
  }

  /** As the terminal does it by itself while keys are not raw: to every process of the group. */
  async suspend(): Promise<void> {
    const handlers = process.listeners("SIGTSTP");
    process.removeAllListeners("SIGTSTP");
    process.kill(0, "SIGTSTP");
    await new Promise((resolve) => setTimeout(resolve, stopMs));
    for (const handler of handlers) process.on("SIGTSTP", handler);
  }
}
