/** A user's machine for kt run from source: a home, a runtime directory, a project, and the end of every hub in it. */

import { readFileSync } from "node:fs";
import { mkdir, realpath } from "node:fs/promises";
import { type Subprocess, spawn } from "bun";
import { hubCommand } from "#daemon/process/spawn-hub.ts";
import { isAlive, processesWith } from "./process.ts";
import { tempDir } from "./temp-dir.ts";
import { eventually } from "./wait.ts";

const root = new URL("../..", import.meta.url).pathname;

export interface RanKt {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class SourceHome {
  readonly path: string;
  readonly project: string;
  readonly env: Readonly<Record<string, string>>;
  readonly #remove: () => Promise<void>;

  private constructor(path: string, remove: () => Promise<void>) {
    this.path = path;
    this.project = `${path}/project`;
    this.env = { PATH: process.env["PATH"] ?? "", HOME: `${path}/home`, XDG_RUNTIME_DIR: `${path}/run` };
    this.#remove = remove;
  }

  static async make(): Promise<SourceHome> {
    const directory = await tempDir();
    const path = await realpath(directory.path);
    for (const folder of ["home", "run", "project"]) await mkdir(`${path}/${folder}`, { mode: 0o700 });
    return new SourceHome(path, () => directory[Symbol.asyncDispose]());
  }

  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Subprocess<"ignore", "pipe", "pipe"> {
    return spawn([process.execPath, `${root}src/main.ts`, ...args], {
      cwd: this.project,
      env: { ...this.env, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
  }

  async run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RanKt> {
    const child = this.start(args, env);
    const [stdout, stderr, exitCode] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { exitCode, stdout, stderr };
  }

  /** The hub's process, if one runs. */
  async hubPid(): Promise<number | undefined> {
    const { stdout } = await this.run(["status", "--json"]);
    const { hub }: { hub: { pid: number } | null } = JSON.parse(stdout);
    return hub?.pid;
  }

  /** Ends what was left running, and waits until it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    const pid = await this.hubPid();
    if (pid !== undefined) {
      await this.run(["down", "--all"]);
      await eventually("the hub to end", () => !isAlive(pid));
    }
    // Of several that were started at once, one that lost may still be on its way when the other has ended.
    if (process.platform === "linux")
      await eventually("late hubs to end", () => !processesWith(`XDG_RUNTIME_DIR=${this.path}/run`).some(isHub));
    await this.#remove();
  }
}

/** False of a process that has just ended. */
function isHub(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(hubCommand);
  } catch {
    return false;
  }
}
