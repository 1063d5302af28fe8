/** Tickers and their echo as processes, perhaps in a network namespace of their own: they tell what a change cut. */

import { type Subprocess, spawn } from "bun";
import type { TickReports } from "#test/vps/tick-report.ts";
import { eventually } from "./wait.ts";

const program = (name: string): string => new URL(`../vps/${name}.ts`, import.meta.url).pathname;

interface ProcessOptions {
  /** What comes before it, as `nsenter --net=…`. */
  readonly under?: readonly string[];
}

export class Ticks {
  readonly #child: Subprocess<"ignore", "pipe", "inherit">;

  private constructor(child: Subprocess<"ignore", "pipe", "inherit">) {
    this.#child = child;
  }

  /** `[LABEL=]tcp:HOST:PORT` and the same of `udp`. */
  static start(specs: readonly string[], { under = [], seconds = 3600 }: ProcessOptions & { readonly seconds?: number } = {}): Ticks {
    const command = [...under, process.execPath, program("tick"), String(seconds), ...specs];
    return new Ticks(spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "inherit" }));
  }

  /** By label; ends them where they have time left. */
  async stop(): Promise<TickReports> {
    this.#child.kill("SIGTERM");
    const said = await new Response(this.#child.stdout).text();
    await this.#child.exited;
    return JSON.parse(said) as TickReports;
  }
}

interface EchoEvent {
  readonly event: "listening" | "connection" | "source";
  readonly port?: number;
  readonly from?: string;
  readonly first?: string;
}

export interface EchoOptions extends ProcessOptions {
  readonly port?: number;
  readonly name?: string;
  readonly host?: string;
}

export class Echo {
  readonly #child: Subprocess<"ignore", "pipe", "inherit">;
  readonly #events: EchoEvent[] = [];

  private constructor(child: Subprocess<"ignore", "pipe", "inherit">) {
    this.#child = child;
    void this.#read();
  }

  static async start({ port = 0, name = "echo", host = "127.0.0.1", under = [] }: EchoOptions = {}): Promise<Echo> {
    const command = [...under, process.execPath, program("echo"), String(port), name, host];
    const echo = new Echo(spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "inherit" }));
    await eventually("the echo", () => echo.port > 0);
    return echo;
  }

  get port(): number {
    return this.#events.find(({ event }) => event === "listening")?.port ?? 0;
  }

  /** What each connection began with, PROXY headers included. */
  get connections(): readonly { readonly from: string; readonly first: string }[] {
    return this.#events.flatMap(({ event, from = "", first = "" }) => (event === "connection" ? [{ from, first }] : []));
  }

  /** The addresses and ports from which datagrams came. */
  get sources(): readonly string[] {
    return this.#events.flatMap(({ event, from = "" }) => (event === "source" ? [from] : []));
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.exited;
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const bytes of this.#child.stdout) {
      const lines = (rest + new TextDecoder().decode(bytes)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#events.push(JSON.parse(line) as EchoEvent);
    }
  }
}
