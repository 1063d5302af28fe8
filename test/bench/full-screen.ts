/** How fast the full-screen view is in a terminal, and what it and the hub take at rest: 1,000 routes, 200 columns. */

import { sleep, spawn, Terminal } from "bun";
import { binary, type Home } from "#test/support/kt.ts";
import { eventually } from "#test/support/wait.ts";
import { cpuSeconds, median } from "./measure.ts";
import type { Figures } from "./rows.ts";

/** CPU time is counted in steps of 10 ms: a smaller share of a core shows in this time. */
const restSeconds = 20;
/** What ends each picture: the view draws in one piece (synchronised output). */
const pictureEnd = "\u001b[?2026l";

/** A terminal that only remembers what it was sent. */
class Pty {
  readonly #terminal: Terminal;
  readonly process: ReturnType<typeof spawn>;
  #text = "";
  #onText: () => void = () => {};

  constructor(home: Home, ...args: readonly string[]) {
    const decoder = new TextDecoder();
    this.#terminal = new Terminal({
      cols: 200,
      rows: 50,
      data: (_, bytes) => {
        this.#text += decoder.decode(bytes, { stream: true });
        this.#onText();
      },
    });
    const env = { ...home.env, TERM: "xterm-256color" };
    this.process = spawn([binary, ...args], { terminal: this.#terminal, cwd: `${home.path}/project`, env });
  }

  /** Milliseconds until a picture with this text is there, of what comes from now on. */
  async shows(text: string, act?: () => void): Promise<number> {
    const startedMs = performance.now();
    if (act) {
      this.#text = "";
      act();
    }
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.#text.includes(text) && this.#text.includes(pictureEnd, this.#text.indexOf(text))) resolve();
      };
      this.#onText = look;
      look();
    });
    return performance.now() - startedMs;
  }

  type(text: string): void {
    this.#terminal.write(text);
  }

  close(): void {
    this.#terminal.close();
  }
}

/** The view of a hub with 1,000 routes, once it is there. */
export async function openFullScreen(home: Home): Promise<{ close(): Promise<void> }> {
  const pty = new Pty(home, "tui");
  await pty.shows("1000 routes");
  return {
    async close() {
      pty.type("q");
      await pty.process.exited;
      pty.close();
    },
  };
}

/** The hub of the home has 1,000 routes. */
export async function measureFullScreen(home: Home, hubPid: number): Promise<Figures> {
  const firstMs: number[] = [];
  for (let times = 0; times < 5; times++) {
    const startedMs = performance.now();
    const pty = new Pty(home, "tui");
    await pty.shows("1000 routes");
    firstMs.push(performance.now() - startedMs);
    pty.type("q");
    await pty.process.exited;
    pty.close();
  }
  const pty = new Pty(home, "tui");
  await pty.shows("1000 routes");
  const keyMs: number[] = [];
  for (let times = 0; times < 50; times++) keyMs.push(await pty.shows("▸", () => pty.type("j")));
  await sleep(1_000);
  const { pid } = pty.process;
  const before = [cpuSeconds(hubPid), cpuSeconds(pid)];
  await sleep(restSeconds * 1000);
  const [hub = 0, view = 0] = [cpuSeconds(hubPid), cpuSeconds(pid)].map((seconds, at) => seconds - (before[at] ?? 0));
  pty.type("q");
  await eventually("kt tui to end", () => pty.process.exitCode !== null);
  pty.close();
  return {
    "kt tui until its first picture, 1,000 routes": median(firstMs),
    "a key until its picture, 1,000 routes": median(keyMs),
    "the hub at rest, 1,000 routes and kt tui": (hub / restSeconds) * 100,
    "kt tui at rest, 1,000 routes": (view / restSeconds) * 100,
  };
}
