/** A network namespace of a test's own, with a loopback of its own and a way to the API server: packets may be dropped in it. */

import { readlinkSync } from "node:fs";
import { spawn } from "bun";
import { readKubeconfig, run } from "./cluster.ts";
import { eventually } from "./wait.ts";

const quiet = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;

export class NetworkSpace {
  /** The namespace lives as long as this process. By name (ip-netns(8)) it would hide those of the node's pods, which then never end. */
  readonly #holder = spawn(["unshare", "--net", "sleep", "infinity"], quiet);
  readonly #bridges: ReturnType<typeof spawn>[] = [];

  /** `folder` is for a socket, which both sides see. Needs root. */
  static async make(folder: string): Promise<NetworkSpace> {
    const space = new NetworkSpace();
    await eventually("a network namespace", () => readlinkSync(space.#path) !== readlinkSync("/proc/self/ns/net"));
    await must(space.inside("ip", "link", "set", "lo", "up"));
    const admin = await readKubeconfig();
    const { hostname, port } = new URL(String(admin.clusters[0]?.cluster["server"]));
    const socket = `${folder}/api.sock`;
    space.#bridges.push(
      spawn(["socat", `UNIX-LISTEN:${socket},fork`, `TCP:${hostname}:${port}`], quiet),
      spawn(space.inside("socat", `TCP-LISTEN:${port},bind=${hostname},fork,reuseaddr`, `UNIX-CONNECT:${socket}`), quiet),
    );
    return space;
  }

  /** The command as it runs there. */
  inside(...command: readonly string[]): string[] {
    return ["nsenter", `--net=${this.#path}`, ...command];
  }

  get #path(): string {
    return `/proc/${this.#holder.pid}/ns/net`;
  }

  /** Drops this part of all datagrams from and to a port, by chance. */
  async lose(percent: number, port: number): Promise<void> {
    const loss = `numgen random mod 100 < ${percent} drop`;
    const rules = `udp dport ${port} ${loss}; udp sport ${port} ${loss};`;
    await must(this.inside("nft", `table inet loss { chain in { type filter hook input priority 0; ${rules} }; }`));
  }

  async remove(): Promise<void> {
    for (const process of [...this.#bridges, this.#holder]) {
      process.kill();
      await process.exited;
    }
  }
}

async function must(command: readonly string[]): Promise<void> {
  const ran = await run(command);
  if (ran.exitCode !== 0) throw new Error(`${command.join(" ")}: ${ran.stderr}`);
}
