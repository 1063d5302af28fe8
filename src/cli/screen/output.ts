/** All that kt writes to the terminal: results on stdout; errors, hints, warnings and log lines on stderr. */

import type { KtError } from "#base/errors.ts";
import { cliLimits } from "#cli/limits.ts";
import type { LogFields, LogLevel } from "#base/log.ts";
import { printable, printableJson, printableLines } from "#base/printable.ts";
import { formatLogLine, type LogFormat } from "#daemon/process/log-line.ts";
import { FullScreen } from "./full-screen.ts";
import { isCommand } from "./hint.ts";
import { type Draw, LiveRegion } from "./live-region.ts";
import { logLine } from "./log-lines.ts";
import { Spinner } from "./spinner.ts";
import { columnsOf, paintRows, rowsFor, type TextSink } from "./text-sink.ts";
import { cyan, type Line, line, quotedLine, red, type Text, yellow } from "#base/text.ts";

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
  /** True where lines can be drawn over. */
  readonly live: boolean;
  /** True where it is shown what is waited for. */
  readonly spins: boolean;
  readonly #options: OutputOptions;
  readonly #mayColour: boolean;
  readonly #region: LiveRegion;
  #leftOut = 0;
  /** What will be written once the terminal is no longer a full-screen view's. */
  #held: (readonly [sink: TextSink, lines: readonly Line[]])[] | undefined;

  constructor(options: OutputOptions) {
    const { NO_COLOR: noColor = "", TERM: term } = options.environment;
    this.#options = options;
    this.#mayColour = noColor === "" && term !== "dumb";
    this.live = options.stdout.isTTY === true && term !== "dumb";
    const drawn = options.stdout.isTTY === true ? options.stdout : options.stderr;
    this.spins = drawn.isTTY === true && term !== "dumb" && !options.quiet;
    this.#region = new LiveRegion(drawn, this.#mayColour);
    if (this.live) options.stdout.onResize(() => this.#region.redraw());
  }

  get verbose(): boolean {
    return this.#options.verbose;
  }

  get quiet(): boolean {
    return this.#options.quiet;
  }

  get logFormat(): LogFormat {
    return this.#options.logFormat;
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
    if (this.#options.stderr.waitingBytes > cliLimits.logWaitingBytes) {
      this.#leftOut++;
      return true;
    }
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    if (leftOut > 0) this.log("warn", "log", { text: `${leftOut} lines were left out: the reader was too slow` });
    return false;
  }

  /** Shows what is waited for while the work lasts, where it is seen and takes a while. `say` changes the text. */
  async waitFor<T>(text: string, work: (say: (text: string) => void) => Promise<T>): Promise<T> {
    if (!this.spins) return await work(() => {});
    const spinner = new Spinner(this.#region, text);
    try {
      return await work((next) => spinner.say(next));
    } finally {
      spinner.end();
    }
  }

  /** Draws lines that stay below all that comes, over those drawn before and again whenever the window has another size. */
  show(draw: Draw): void {
    this.#region.show(draw);
  }

  /** What is drawn stays; what comes next goes below it. */
  settle(): void {
    this.#region.settle();
  }

  /** The whole terminal, until `returnScreen`; undefined where it cannot be drawn on. Lines wait meanwhile, the latest of them. */
  takeScreen(): FullScreen | undefined {
    if (!this.live) return undefined;
    this.#held = [];
    return new FullScreen(this.#options.stdout, this.#mayColour);
  }

  returnScreen(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const [sink, lines] of held) this.#write(sink, lines);
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
    if (this.#held) {
      this.#held = [...this.#held, [sink, lines] as const].slice(-cliLimits.heldMessages);
      return;
    }
    const coloured = this.#mayColour && sink.isTTY === true;
    const text = paintRows(rowsFor(lines, columnsOf(sink)), coloured);
    if (this.#region.isDrawn && sink.isTTY === true) this.#region.redraw(text);
    else sink.write(text);
  }
}

const continuation = 4;
