/** A stream of kt's output that keeps what is written; with `columns` it is a terminal of that width. */

import type { TextSink } from "#cli/output.ts";

export class RecordingSink implements TextSink {
  text = "";
  readonly isTTY: boolean;
  readonly columns: number | undefined;
  readonly rows: number | undefined;
  /** What a reader has not taken; tests set it. */
  waitingBytes = 0;

  constructor(window?: { readonly columns: number; readonly rows: number }) {
    this.isTTY = window !== undefined;
    this.columns = window?.columns;
    this.rows = window?.rows;
  }

  write(text: string): void {
    this.text += text;
  }

  async drained(): Promise<void> {}
}
