/** Prometheus and promtool as Debian has them: unpacked, not installed, so that no service of theirs starts. */

import { mkdirSync } from "node:fs";
import { spawn, type Subprocess, which } from "bun";
import { type Ran, run } from "./cluster.ts";
import { freePorts } from "./process.ts";
import { eventually } from "./wait.ts";

const unpack = 'cd "$1" && apt-get download prometheus >&2 && dpkg-deb -x prometheus_*.deb .';

export class Prometheus {
  readonly #folder: string;
  readonly #programs: string;
  #server: Subprocess | undefined;
  #port = 0;

  private constructor(folder: string, programs: string) {
    this.#folder = folder;
    this.#programs = programs;
  }

  /** Where the programs are not installed the package is downloaded into the folder. */
  static async find(folder: string): Promise<Prometheus> {
    if (which("prometheus") !== null && which("promtool") !== null) return new Prometheus(folder, "");
    mkdirSync(`${folder}/prometheus`, { mode: 0o755 });
    const ran = await run(["sh", "-c", unpack, "sh", `${folder}/prometheus`]);
    if (ran.exitCode !== 0) throw new Error(`download prometheus: ${ran.stderr}`);
    return new Prometheus(folder, `${folder}/prometheus/usr/bin/`);
  }

  /** The server, by its path. */
  get program(): string {
    const name = `${this.#programs}prometheus`;
    return which(name) ?? name;
  }

  /** `promtool ARGS…` with this on its standard input. */
  async promtool(args: readonly string[], input = ""): Promise<Ran> {
    return await run([`${this.#programs}promtool`, ...args], { input });
  }

  /** Starts it with a configuration file. */
  async start(config: string): Promise<void> {
    [this.#port = 0] = freePorts(1);
    const flags = [`--config.file=${config}`, `--storage.tsdb.path=${this.#folder}/tsdb`, `--web.listen-address=127.0.0.1:${this.#port}`];
    this.#server = spawn([`${this.#programs}prometheus`, ...flags], { stdout: "ignore", stderr: "ignore" });
    await eventually("Prometheus to be ready", async () => (await this.#get("/-/ready").catch(() => undefined))?.ok === true);
  }

  /** The values of an instant query, with their labels. */
  async query(text: string): Promise<{ readonly metric: Readonly<Record<string, string>>; readonly value: number }[]> {
    const answer = (await (await this.#get(`/api/v1/query?query=${encodeURIComponent(text)}`)).json()) as {
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    return answer.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  async stop(): Promise<void> {
    this.#server?.kill();
    await this.#server?.exited;
  }

  #get(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.#port}${path}`);
  }
}
