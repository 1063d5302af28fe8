/** All that kt writes to the terminal: results on stdout; errors, hints, warnings and log lines on stderr. */

import type { KtError } from "#base/errors.ts";
import { limits } from "#base/limits.ts";
import type { LogFields, LogLevel } from "#base/log.ts";
import { printable, printableJson, printableLines } from "#base/printable.ts";
import { formatLogLine, type LogFormat } from "#daemon/log-line.ts";
import { isCommand } from "./hint.ts";
import { logLine } from "./log-lines.ts";
import { paintRow } from "./paint.ts";
import { cyan, type Line, line, quotedLine, red, type Text, widthOf, yellow } from "./text.ts";
import { wrapped } from "./wrap.ts";

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
  /** Calls back whenever the terminal's window has another size. */
  onResize(callback: () => void): void;
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

/** Lines for a terminal of so many columns. */
export type Draw = (columns: number) => readonly Line[];

export class Output {
  /** True where lines can be drawn over. */
  readonly live: boolean;
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly logFormat: LogFormat;
  readonly #options: OutputOptions;
  readonly #mayColour: boolean;
  #draw: Draw | undefined;
  /** The width of each row that stands on the screen to be drawn over. */
  #drawn: readonly number[] = [];
  #leftOut = 0;

  constructor(options: OutputOptions) {
    const { NO_COLOR: noColor = "", TERM: term } = options.environment;
    this.#options = options;
    this.#mayColour = noColor === "" && term !== "dumb";
    this.live = options.stdout.isTTY === true && term !== "dumb";
    this.verbose = options.verbose;
    this.quiet = options.quiet;
    this.logFormat = options.logFormat;
    if (this.live) options.stdout.onResize(() => this.#redraw());
  }

  /** The width that results are laid out for; there is none off a terminal. */
  get columns(): number {
    return columnsOf(this.#options.stdout);
  }

  /** What of the result its reader has not taken yet. */
  get waitingBytes(): number {
    return this.#options.stdout.waitingBytes;
  }

  /** A line of the result. */
  line(text: Text = "", hang = 0): void {
    this.lines([line(text, hang)]);
  }

  lines(lines: readonly Line[]): void {
    this.#write(this.#options.stdout, lines);
  }

  /** A result that programs read: as it is, but for a terminal, where what others wrote must not act. */
  raw(text: string): void {
    const { stdout } = this.#options;
    stdout.write(`${stdout.isTTY === true ? text.replace(/[^\n\t]+/g, printable) : text}\n`);
  }

  json(value: unknown): void {
    const { stdout } = this.#options;
    stdout.write(`${printableJson(value, stdout.isTTY === true ? 2 : undefined)}\n`);
  }

  /** The same in one line, where many follow each other. */
  jsonLine(value: unknown): void {
    this.#options.stdout.write(`${printableJson(value)}\n`);
  }

  /** What happened, for people; not with `-q`. */
  note(text: Text): void {
    if (!this.quiet) this.line(text);
  }

  /** What is going on while nothing else comes, on stderr; not with `-q`. */
  progress(text: string): void {
    if (!this.quiet) this.#say(undefined, text);
  }

  error(error: Pick<KtError, "message" | "hints">): void {
    this.#say(red("error:"), error.message);
    this.hints(error.hints);
  }

  warning(text: string): void {
    this.#say(yellow("warning:"), text);
  }

  hints(hints: readonly string[]): void {
    for (const hint of hints) this.#say(cyan("hint:"), hint);
  }

  /** What may come next, after all went well; not with `-q`. */
  advice(hints: readonly string[]): void {
    if (!this.quiet) this.hints(hints);
  }

  /** A log line, in the chosen format and from the chosen level on. */
  log(level: LogLevel, event: string, fields: LogFields = {}, atMs: number = Date.now()): void {
    const least: LogLevel = this.quiet ? "warn" : this.verbose ? "debug" : "info";
    if (levelRank[level] < levelRank[least] || this.#leavesOut()) return;
    this.#logTo(this.#options.stderr, level, event, fields, atMs);
  }

  /** The same where it is the result that was asked for, on stdout. */
  event(level: LogLevel, event: string, fields: LogFields = {}): void {
    this.#logTo(this.#options.stdout, level, event, fields, Date.now());
  }

  #logTo(sink: TextSink, level: LogLevel, event: string, fields: LogFields, atMs: number): void {
    if (this.logFormat === "json") sink.write(`${formatLogLine(this.logFormat, atMs, level, event, fields)}\n`);
    else this.#write(sink, [logLine(atMs, level, event, fields)]);
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

  /** Draws lines that stay below all that comes, over those drawn before and again whenever the window has another size. */
  show(draw: Draw): void {
    this.#draw = draw;
    this.#redraw();
  }

  /** What is drawn stays; what comes next goes below it. */
  settle(): void {
    this.#draw = undefined;
    this.#drawn = [];
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

  /** A message may have several lines, a plugin's own for instance: none of them begins as one of kt's does. */
  #say(word: Text | undefined, text: string): void {
    const [first = "", ...more] = printableLines(text);
    const opening: Text = ["kt: ", ...(word === undefined ? [] : [word, " "])];
    const message: Line = { text: [opening, first], hang: continuation, isCommand: isCommand(first) };
    this.#write(this.#options.stderr, [message, ...more.map((each) => quotedLine(each, continuation))]);
  }

  #write(sink: TextSink, lines: readonly Line[]): void {
    const text = this.#textOf(sink, lines);
    if (this.#draw === undefined || sink.isTTY !== true) sink.write(text);
    else this.#redraw(text);
  }

  #textOf(sink: TextSink, lines: readonly Line[]): string {
    const columns = columnsOf(sink);
    const coloured = this.#mayColour && sink.isTTY === true;
    return lines
      .flatMap((each) => wrapped(each, columns))
      .map((row) => `${paintRow(row, coloured)}\n`)
      .join("");
  }

  /** What has scrolled away cannot be drawn over, so no more than the window has. `above` goes above it, and stays. */
  #redraw(above = ""): void {
    if (!this.#draw) return;
    const { stdout } = this.#options;
    const columns = columnsOf(stdout);
    const rows = this.#draw(columns).flatMap((each) => wrapped(each, columns));
    // Some terminals say 0, such as those of containers without a window.
    const most = stdout.rows || 24;
    const shown =
      rows.length < most ? rows : [...rows.slice(0, most - 2), ...wrapped(moreLines(rows.length - most + 2), columns).slice(0, 1)];
    const body = shown.map((row) => `${paintRow(row, this.#mayColour)}\n`).join("");
    stdout.write(`${this.#erased(columns, most)}${above}${body}`);
    this.#drawn = shown.map(widthOf);
  }

  /** A window that became narrower has broken the rows that it showed. */
  #erased(columns: number, most: number): string {
    const rows = this.#drawn.reduce((count, width) => count + Math.max(1, Math.ceil(width / columns)), 0);
    return `${rows === 0 ? "" : `\u001b[${Math.min(rows, most)}A`}\u001b[J`;
  }
}

const continuation = 4;

const moreLines = (count: number): Line => line(`… and ${count} lines more: kt status`);

function columnsOf({ isTTY, columns }: TextSink): number {
  return isTTY === true ? columns || 80 : Number.POSITIVE_INFINITY;
}
