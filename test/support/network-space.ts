/** A network namespace of a test's own, with a loopback of its own and a way to the API server: packets may be dropped in it. */

import { spawn } from "bun";
import { readKubeconfig, run } from "./cluster.ts";

export class NetworkSpace {
  readonly #name: string;
  readonly #bridges: ReturnType<typeof spawn>[] = [];

  private constructor(name: string) {
    this.#name = name;
  }

  /** `folder` is for a socket, which both sides see. Needs root. */
  static async make(name: string, folder: string): Promise<NetworkSpace> {
    const space = new NetworkSpace(name);
    await must(["ip", "netns", "add", name]);
    await must(space.inside("ip", "link", "set", "lo", "up"));
    const admin = await readKubeconfig();
    const { hostname, port } = new URL(String(admin.clusters[0]?.cluster["server"]));
    const socket = `${folder}/api.sock`;
    const quiet = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;
    space.#bridges.push(
      spawn(["socat", `UNIX-LISTEN:${socket},fork`, `TCP:${hostname}:${port}`], quiet),
      spawn(space.inside("socat", `TCP-LISTEN:${port},bind=${hostname},fork,reuseaddr`, `UNIX-CONNECT:${socket}`), quiet),
    );
    return space;
  }

  /** The command as it runs there. */
  inside(...command: readonly string[]): string[] {
    return ["ip", "netns", "exec", this.#name, ...command];
  }

  /** Drops this part of all datagrams from and to a port, by chance. */
  async lose(percent: number, port: number): Promise<void> {
    const loss = `numgen random mod 100 < ${percent} drop`;
    const rules = `udp dport ${port} ${loss}; udp sport ${port} ${loss};`;
    await must(this.inside("nft", `table inet loss { chain in { type filter hook input priority 0; ${rules} }; }`));
  }

  async remove(): Promise<void> {
    for (const bridge of this.#bridges) bridge.kill();
    await run(["ip", "netns", "delete", this.#name]);
  }
}

async function must(command: readonly string[]): Promise<void> {
  const ran = await run(command);
  if (ran.exitCode !== 0) throw new Error(`${command.join(" ")}: ${ran.stderr}`);
}
