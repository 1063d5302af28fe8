/** A terminal that remembers what it was sent, and takes it as slowly as a test wants. */

import type { Terminal } from "#tui/terminal.ts";

export class RecordingTerminal implements Terminal {
  columns: number;
  rows: number;
  readonly isColoured: boolean;
  /** A test that sets it also lets it be taken, by `take`. */
  waitingBytes = 0;
  written: string[] = [];
  isRaw = false;
  suspensions = 0;
  #onInput = (_: Uint8Array): void => {};
  #onResize = (): void => {};
  #taken = Promise.withResolvers<void>();

  constructor({ columns = 20, rows = 3, isColoured = true } = {}) {
    this.columns = columns;
    this.rows = rows;
    this.isColoured = isColoured;
  }

  write(text: string): void {
    this.written.push(text);
  }

  writeNow(text: string): void {
    this.written.push(`now ${text}`);
  }

  setRaw(isRaw: boolean): void {
    this.isRaw = isRaw;
  }

  onInput(callback: (bytes: Uint8Array) => void): void {
    this.#onInput = callback;
  }

  onResize(callback: () => void): void {
    this.#onResize = callback;
  }

  async drained(): Promise<void> {
    if (this.waitingBytes > 0) await this.#taken.promise;
  }

  async suspend(): Promise<void> {
    this.suspensions += 1;
  }

  type(text: string): void {
    this.#onInput(new TextEncoder().encode(text));
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.#onResize();
  }

  /** It has accepted everything. */
  take(): void {
    this.waitingBytes = 0;
    this.#taken.resolve();
    this.#taken = Promise.withResolvers();
  }

  get text(): string {
    return this.written.join("");
  }
}
