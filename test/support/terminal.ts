/** A real terminal, by tmux: keys go in, and the screen is read as a person sees it. */

import { spawnSync, which } from "bun";
import { eventually } from "./wait.ts";

/** Undefined where tmux is installed; else why tests in a terminal cannot run. */
export const noTerminal: string | undefined = which("tmux") === null ? "tmux is not installed" : undefined;

export interface WindowSize {
  readonly columns: number;
  readonly rows: number;
}

const usualSize: WindowSize = { columns: 120, rows: 60 };

const sizeWords = ({ columns, rows }: WindowSize): string[] => ["-x", String(columns), "-y", String(rows)];

export class Terminal {
  readonly #socket: string;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(socket: string, env: Readonly<Record<string, string>>) {
    this.#socket = socket;
    this.#env = env;
  }

  /** Runs a command line in a shell of its own; at its end the screen says `[exit CODE]`. `folder` is for the socket. */
  static open(
    folder: string,
    commandLine: string,
    options: { readonly cwd: string; readonly env: Readonly<Record<string, string>>; readonly size?: WindowSize },
  ): Terminal {
    const terminal = new Terminal(`${folder}/tmux-${crypto.randomUUID()}`, { ...options.env, TERM: "xterm-256color", LANG: "C.UTF-8" });
    // The shell outlives a Ctrl-C, as one at a prompt does; the read keeps the screen until the test has seen it.
    const shell = `trap : INT; ${commandLine}; echo "[exit $?]"; read -r end`;
    terminal.#tmux("-f", "/dev/null", "new-session", "-d", ...sizeWords(options.size ?? usualSize), "-c", options.cwd, "sh", "-c", shell);
    return terminal;
  }

  /** As typed on a keyboard. */
  type(text: string): void {
    this.#tmux("send-keys", "-l", "--", text);
  }

  /** A key by tmux's name: Enter, Escape, C-c, Down. */
  press(...keys: readonly string[]): void {
    this.#tmux("send-keys", ...keys);
  }

  resize(size: WindowSize): void {
    this.#tmux("resize-window", ...sizeWords(size));
  }

  /** The rows of the window, each as wide as it is, without blanks at their ends. */
  rows(): string[] {
    return this.#tmux("capture-pane", "-p").replace(/\n+$/, "").split("\n");
  }

  /** The same with colours, as escape sequences. */
  styledRows(): string[] {
    return this.#tmux("capture-pane", "-p", "-e").replace(/\n+$/, "").split("\n");
  }

  screen(): string {
    return this.#tmux("capture-pane", "-p", "-J");
  }

  /** Waits until the text stands on the screen. */
  async sees(text: string): Promise<string> {
    try {
      return await eventually(`"${text}" on the screen`, () => (this.screen().includes(text) ? this.screen() : undefined));
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${this.screen()}`);
    }
  }

  /** What the terminal is set to, by tmux's format: `#{alternate_on}`, `#{cursor_flag}`, `#{wrap_flag}`. */
  mode(format: string): string {
    return this.#tmux("display-message", "-p", format).trim();
  }

  #tmux(...args: readonly string[]): string {
    const { stdout, stderr, exitCode } = spawnSync(["tmux", "-u", "-S", this.#socket, ...args], { env: this.#env });
    if (exitCode !== 0) throw new Error(`tmux ${args[0]}: ${stderr.toString()}`);
    return stdout.toString();
  }

  [Symbol.dispose](): void {
    spawnSync(["tmux", "-S", this.#socket, "kill-server"], { env: this.#env });
  }
}
