/** A stream of kt's output that keeps what is written; with `columns` it is a terminal of that width. */

import type { TextSink } from "#cli/screen/text-sink.ts";

export class RecordingSink implements TextSink {
  text = "";
  readonly isTTY: boolean;
  columns: number | undefined;
  rows: number | undefined;
  /** What a reader has not taken; tests set it. */
  waitingBytes = 0;
  #onResize = (): void => {};

  constructor(window?: { readonly columns: number; readonly rows: number }) {
    this.isTTY = window !== undefined;
    this.columns = window?.columns;
    this.rows = window?.rows;
  }

  write(text: string): void {
    this.text += text;
  }

  onResize(callback: () => void): void {
    this.#onResize = callback;
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.#onResize();
  }

  async drained(): Promise<void> {}
}
