/** Cuts what a container writes into lines of bounded length, in batches; lines that its reader has no room for are counted. */

import { daemonLimits } from "./limits.ts";

const newline = 0x0a;

export class LogLines {
  readonly #send: (lines: string[], leftOut: number) => void;
  readonly #isBusy: () => boolean;
  /** Of the line that has not ended; never longer than a line is shown. */
  #begun = Buffer.alloc(0);
  /** Of that line, what is longer than that. */
  #cutBytes = 0;
  #leftOut = 0;

  constructor(send: (lines: string[], leftOut: number) => void, isBusy: () => boolean) {
    this.#send = send;
    this.#isBusy = isBusy;
  }

  push(bytes: Uint8Array): void {
    const lines: string[] = [];
    const isBusy = this.#isBusy();
    let at = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, at)) {
      this.#add(bytes.subarray(at, end));
      if (isBusy) this.#leftOut += 1;
      else lines.push(this.#line());
      this.#forget();
      at = end + 1;
    }
    if (at < bytes.length) this.#add(bytes.subarray(at));
    if (lines.length > 0) this.#flush(lines);
  }

  /** The last line may have no end. */
  end(): void {
    if (this.#begun.length > 0 || this.#leftOut > 0) this.#flush(this.#begun.length > 0 ? [this.#line()] : []);
    this.#forget();
  }

  #flush(lines: string[]): void {
    this.#send(lines, this.#leftOut);
    this.#leftOut = 0;
  }

  #add(bytes: Uint8Array): void {
    const room = daemonLimits.podLogLineBytes - this.#begun.length;
    const kept = bytes.subarray(0, Math.max(0, room));
    if (kept.length > 0) this.#begun = Buffer.concat([this.#begun, kept]);
    this.#cutBytes += bytes.length - kept.length;
  }

  /** Bytes that are not UTF-8 become the sign for that. */
  #line(): string {
    const text = this.#begun.toString("utf8").replace(/\r$/, "");
    return this.#cutBytes === 0 ? text : `${text}… ${this.#cutBytes} bytes more`;
  }

  #forget(): void {
    this.#begun = Buffer.alloc(0);
    this.#cutBytes = 0;
  }
}
