/** Runs the built kt in a home of its own, collects what it says, and makes sure that nothing of it is left. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Subprocess, spawn } from "bun";
import { adminKubeconfig, type Ran, run } from "./cluster.ts";
import { isAlive, processesWith } from "./process.ts";
import { takesConnections } from "./raw-client.ts";
import { eventually } from "./wait.ts";

/** The binary under test. */
export const binary: string = process.env["KT_E2E_BINARY"] ?? new URL("../../dist/kt", import.meta.url).pathname;

/** Long enough for the drain of open connections after SIGTERM. */
const stopMs = 8_000;

/** A running kt process and what it printed. */
export class KtProcess {
  readonly #child: Subprocess<"ignore", "pipe", "pipe">;
  #output = "";

  constructor(child: Subprocess<"ignore", "pipe", "pipe">) {
    this.#child = child;
    void this.#collect(child.stdout);
    void this.#collect(child.stderr);
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) this.#output += decoder.decode(bytes, { stream: true });
  }

  get pid(): number {
    return this.#child.pid;
  }

  get output(): string {
    return this.#output;
  }

  get exited(): Promise<number> {
    return this.#child.exited;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** SIGTERM, and SIGKILL when that is not obeyed in time; a failure to obey is an error. */
  async stop(): Promise<number> {
    let obeyed = true;
    this.kill("SIGTERM");
    const deadline = setTimeout(() => {
      obeyed = false;
      this.kill("SIGKILL");
    }, stopMs);
    const code = await this.exited;
    clearTimeout(deadline);
    if (!obeyed) throw new Error(`kt did not end within ${stopMs} ms of SIGTERM:\n${this.output}`);
    return code;
  }
}

interface StartOptions {
  readonly project?: string;
  readonly env?: Record<string, string>;
  readonly under?: readonly string[];
  readonly program?: string;
}

/** One user's machine: a home, a runtime directory, project folders, and every kt process in it. */
export class Home {
  readonly path: string = mkdtempSync(`${tmpdir()}/kt-e2e-`);
  readonly env: Record<string, string>;
  readonly #processes: KtProcess[] = [];

  constructor(env: Readonly<Record<string, string>> = {}) {
    for (const folder of ["home", "run", "project"]) mkdirSync(`${this.path}/${folder}`, { mode: 0o700 });
    this.env = {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      HOME: `${this.path}/home`,
      XDG_RUNTIME_DIR: `${this.path}/run`,
      KUBECONFIG: adminKubeconfig,
      NO_COLOR: "1",
      ...env,
    };
  }

  /** Writes a file of a project folder and returns its path. */
  write(name: string, text: string, project = "project"): string {
    mkdirSync(`${this.path}/${project}`, { recursive: true });
    const path = `${this.path}/${project}/${name}`;
    writeFileSync(path, text);
    return path;
  }

  /** Runs a kt command to its end. */
  async run(args: readonly string[], options: { project?: string; env?: Record<string, string> } = {}): Promise<Ran> {
    return await run([binary, ...args], { env: { ...this.env, ...options.env }, cwd: `${this.path}/${options.project ?? "project"}` });
  }

  /** What a command prints that has to succeed. */
  async ok(...args: readonly string[]): Promise<string> {
    const ran = await this.run(args);
    if (ran.exitCode !== 0) throw new Error(`kt ${args.join(" ")}: ${ran.exitCode}\n${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  }

  /** Starts a kt command that goes on; `under` is what comes before it, as `unshare`, and `program` what takes the place of kt. */
  start(args: readonly string[], options: StartOptions = {}): KtProcess {
    const { under = [], program = binary, project = "project", env = {} } = options;
    const child = spawn([...under, program, ...args], {
      cwd: `${this.path}/${project}`,
      env: { ...this.env, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const started = new KtProcess(child);
    this.#processes.push(started);
    return started;
  }

  /** Every process of this home, detached ones too. */
  pids(): number[] {
    return processesWith(`XDG_RUNTIME_DIR=${this.env["XDG_RUNTIME_DIR"]}`);
  }

  /** Stops everything and removes the folder. Rejects when something had to be killed. */
  async close(): Promise<void> {
    const problems: string[] = [];
    for (const started of this.#processes) await started.stop().catch((error: Error) => problems.push(error.message));
    if (this.pids().length > 0) await this.run(["down", "--all"]);
    await eventually("the hub to end", () => this.pids().length === 0, stopMs).catch(() => problems.push(`still running: ${this.pids()}`));
    for (const pid of this.pids()) process.kill(pid, "SIGKILL");
    rmSync(this.path, { recursive: true, force: true });
    if (problems.length > 0) throw new Error(problems.join("\n"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** `kt serve` with one profile, listening. */
export class Kt {
  readonly home: Home;
  readonly process: KtProcess;
  readonly profile: string;
  /** The front door's port. */
  readonly port: number;

  private constructor(home: Home, started: KtProcess, profile: string, port: number) {
    this.home = home;
    this.process = started;
    this.profile = profile;
    this.port = port;
  }

  /** Writes the profile, starts `kt serve` and waits until its front door takes connections. */
  static async serve(
    port: number,
    profile: string,
    env: Readonly<Record<string, string>> = {},
    under: readonly string[] = [],
  ): Promise<Kt> {
    const home = new Home(env);
    const path = home.write("tunnels.toml", profile);
    const started = home.start(["serve", "-f", path], { under });
    await listening(port, started);
    return new Kt(home, started, path, port);
  }

  get pid(): number {
    return this.process.pid;
  }

  /** GET (or another method) through the front door, by Host, on a connection of its own unless told otherwise. */
  async fetch(host: string, path: string, init: RequestInit = {}): Promise<Response> {
    return await fetch(`http://127.0.0.1:${this.port}${path}`, {
      redirect: "manual",
      keepalive: false,
      ...init,
      headers: { ...(init.headers as Record<string, string> | undefined), Host: host },
    });
  }

  async text(host: string, path: string): Promise<string> {
    return await (await this.fetch(host, path)).text();
  }

  async status(): Promise<Status> {
    return await statusOf(this.home);
  }

  /** Replaces the profile's text, as an editor would. */
  rewrite(text: string): void {
    this.home.write("tunnels.toml", text);
  }

  async close(): Promise<void> {
    await this.home.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Resolves once the port takes connections; rejects at once when the process ends instead. */
export async function listening(port: number, started: KtProcess): Promise<void> {
  await eventually(`port ${port} to listen`, async () => {
    if (!isAlive(started.pid)) throw new Error(`kt ended:\n${started.output}`);
    return await takesConnections(port);
  });
}

/** What `kt status --json` prints, as far as the tests read it. */
export interface Status {
  readonly [key: string]: unknown;
}

export async function statusOf(home: Home): Promise<Status> {
  const ran = await home.run(["status", "--json"]);
  if (ran.exitCode !== 0) throw new Error(`kt status: ${ran.exitCode}: ${ran.stderr}`);
  return JSON.parse(ran.stdout);
}
