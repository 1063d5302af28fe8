/** All that kt writes to the terminal: results on stdout; errors, hints, warnings and log lines on stderr. */

import type { KtError } from "#base/errors.ts";
import { limits } from "#base/limits.ts";
import type { LogFields, LogLevel } from "#base/log.ts";
import { formatLogLine, type LogFormat } from "#daemon/log-line.ts";
import { fit, type Style, styleFor } from "./style.ts";

/** A stream as far as kt uses it. */
export interface TextSink {
  readonly isTTY?: boolean;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  /** What was written and not taken yet. */
  readonly waitingBytes: number;
  write(text: string): void;
  /** Resolves when everything written was taken, or will never be. */
  drained(): Promise<void>;
}

export interface OutputOptions {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly logFormat: LogFormat;
}

const levelRank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export class Output {
  readonly style: Style;
  /** True where lines can be drawn over. */
  readonly live: boolean;
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly logFormat: LogFormat;
  readonly #options: OutputOptions;
  readonly #errorStyle: Style;
  #drawn = 0;
  #leftOut = 0;

  constructor(options: OutputOptions) {
    const { NO_COLOR: noColor = "", TERM: term } = options.environment;
    const may = noColor === "" && term !== "dumb";
    this.#options = options;
    this.style = styleFor(may && options.stdout.isTTY === true);
    this.#errorStyle = styleFor(may && options.stderr.isTTY === true);
    this.live = options.stdout.isTTY === true && term !== "dumb";
    this.verbose = options.verbose;
    this.quiet = options.quiet;
    this.logFormat = options.logFormat;
  }

  /** A line of the result. */
  line(text = ""): void {
    this.#options.stdout.write(`${text}\n`);
  }

  json(value: unknown): void {
    this.line(JSON.stringify(value, undefined, this.#options.stdout.isTTY === true ? 2 : undefined));
  }

  /** What happened, for people; not with `-q`. */
  note(text: string): void {
    if (!this.quiet) this.line(text);
  }

  /** What is going on while nothing else comes, on stderr; not with `-q`. */
  progress(text: string): void {
    if (!this.quiet) this.#write(text);
  }

  error(error: Pick<KtError, "message" | "hints">): void {
    this.#say(this.#errorStyle.red("error:"), error.message);
    this.hints(error.hints);
  }

  warning(text: string): void {
    this.#say(this.#errorStyle.yellow("warning:"), text);
  }

  hints(hints: readonly string[]): void {
    for (const hint of hints) this.#say(this.#errorStyle.cyan("hint:"), hint);
  }

  /** A log line, in the chosen format and from the chosen level on. */
  log(level: LogLevel, event: string, fields: LogFields = {}): void {
    const least: LogLevel = this.quiet ? "warn" : this.verbose ? "debug" : "info";
    if (levelRank[level] < levelRank[least] || this.#leavesOut()) return;
    this.settle();
    this.#options.stderr.write(`${formatLogLine(this.#options.logFormat, Date.now(), level, event, fields)}\n`);
  }

  /** Log lines never end by themselves: for a reader that takes none they are counted, and the count is written once it does. */
  #leavesOut(): boolean {
    if (this.#options.stderr.waitingBytes > limits.logWaitingBytes) {
      this.#leftOut++;
      return true;
    }
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    if (leftOut > 0) this.log("warn", "log", { text: `${leftOut} lines were left out: what reads them was behind` });
    return false;
  }

  /** Draws lines over those drawn before, cut to the terminal: what has scrolled away cannot be drawn over. */
  redraw(lines: readonly string[]): void {
    // Some terminals say 0, such as those of containers without a window.
    const columns = this.#options.stdout.columns || 80;
    const rows = this.#options.stdout.rows || 24;
    const shown = lines.length < rows ? lines : [...lines.slice(0, rows - 2), `… and ${lines.length - rows + 2} lines more: kt status`];
    const up = this.#drawn === 0 ? "" : `\u001b[${this.#drawn}A`;
    const body = shown.map((line) => `\u001b[2K${fit(line, columns)}\n`).join("");
    this.#options.stdout.write(`${up}${body}\u001b[J`);
    this.#drawn = shown.length;
  }

  /** What is drawn stays; what comes next goes below it. */
  settle(): void {
    this.#drawn = 0;
  }

  /** Resolves when everything has been handed to the system. */
  async flush(): Promise<void> {
    await Promise.all([this.#options.stdout.drained(), this.#options.stderr.drained()]);
  }

  /** The same, but gives up once nothing was taken for `patienceMs`. */
  async flushWhileTaken(patienceMs: number): Promise<void> {
    const { stdout, stderr } = this.#options;
    const flushed = this.flush();
    for (let before = Number.POSITIVE_INFINITY; ; ) {
      await Promise.race([flushed, new Promise((resolve) => setTimeout(resolve, patienceMs))]);
      const waiting = stdout.waitingBytes + stderr.waitingBytes;
      if (waiting === 0 || waiting === before) return;
      before = waiting;
    }
  }

  #say(word: string, text: string): void {
    this.#write(`${word} ${text}`);
  }

  #write(text: string): void {
    this.settle();
    this.#options.stderr.write(`kt: ${text}\n`);
  }
}
