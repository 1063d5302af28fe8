/** A home of kt whose commands are a plain user's, where the tests themselves are root's. */

import { chmodSync, copyFileSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { spawn, spawnSync } from "bun";
import { type Ran, run } from "./cluster.ts";
import { binary, Home } from "./kt.ts";
import { eventually } from "./wait.ts";

const usualUid = 1234;

function prefixOf(uid: number): readonly string[] {
  return ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
}

export class PlainUser {
  readonly home: Home = new Home();
  readonly kt: string;
  readonly #uid: number;

  /** Users of different numbers are there at the same time. */
  constructor(uid: number = usualUid) {
    this.#uid = uid;
    const { path } = this.home;
    for (const folder of [tmpdir(), path]) chmodSync(folder, 0o755);
    this.kt = `${path}/kt`;
    copyFileSync(binary, this.kt);
    writeFileSync(`${path}/kubeconfig`, readFileSync(this.home.env["KUBECONFIG"] ?? ""));
    for (const name of ["home", "run", "project", "kubeconfig"]) this.#own(name);
  }

  write(text: string, project = "project"): void {
    this.home.write("tunnels.toml", text, project);
    this.#own(project);
  }

  #own(name: string): void {
    spawnSync(["chown", "-R", `${this.#uid}:${this.#uid}`, `${this.home.path}/${name}`]);
  }

  /** What stands before a command to make it the usual user's. */
  static readonly prefix: readonly string[] = prefixOf(usualUid);

  get prefix(): readonly string[] {
    return prefixOf(this.#uid);
  }

  get env(): Record<string, string> {
    return { ...this.home.env, KUBECONFIG: `${this.home.path}/kubeconfig` };
  }

  /** Runs a kt command to its end. */
  async run(args: readonly string[], { project = "project" } = {}): Promise<Ran> {
    return await run([...this.prefix, this.kt, ...args], { env: this.env, cwd: `${this.home.path}/${project}` });
  }

  /** The same where the system gives no user namespaces: in one whose own limit of them is 0. */
  async runWithoutNamespaces(args: readonly string[]): Promise<Ran> {
    const holder = spawn(["unshare", "--user", "sleep", "60"]);
    await eventually("its namespace", () => readlinkSync(`/proc/${holder.pid}/ns/user`) !== readlinkSync("/proc/self/ns/user"));
    for (const map of ["uid_map", "gid_map"]) writeFileSync(`/proc/${holder.pid}/${map}`, "0 0 65536");
    const off = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"';
    const inside = ["nsenter", "--user", `--target=${holder.pid}`, "--setuid=0", "--setgid=0", "sh", "-c", off, "sh"];
    const ran = await run([...inside, ...this.prefix, this.kt, ...args], { env: this.env, cwd: `${this.home.path}/project` });
    holder.kill();
    await holder.exited;
    return ran;
  }

  async close(): Promise<void> {
    await this.run(["down", "--all"]);
    await this.home.close();
  }
}
