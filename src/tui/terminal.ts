/** What the full-screen view needs of a terminal; the command line gives it, for it alone writes to one. */

export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  /** False: no colours, nothing bold, nothing reversed. */
  readonly isColoured: boolean;
  /** What was written and not yet accepted. */
  readonly waitingBytes: number;
  write(text: string): void;
  /** While the process ends, when nothing that waits is written any more. */
  writeNow(text: string): void;
  /** Resolves when everything written was accepted, or never will be. */
  drained(): Promise<void>;
  /** Keys come as they are pressed, and none is shown; with false as before. */
  setRaw(isRaw: boolean): void;
  /** Calls back with what is typed. */
  onInput(callback: (bytes: Uint8Array) => void): void;
  onResize(callback: () => void): void;
  /** Stops this process as Ctrl-Z does; resolves when it goes on. */
  suspend(): Promise<void>;
}
