/** A VPS of a test's own, as `test/vps/vps` boots it. */

import { type Ran, run } from "./cluster.ts";

const script = new URL("../vps/vps", import.meta.url).pathname;

export class Vps {
  readonly #env: Record<string, string>;
  readonly #facts: ReadonlyMap<string, string>;

  private constructor(env: Record<string, string>, facts: ReadonlyMap<string, string>) {
    this.#env = env;
    this.#facts = facts;
  }

  /** Needs root. `number` is of its networks: 0 to 13, one for each name. */
  static async boot(name: string, number: number): Promise<Vps> {
    const env = { ...process.env, KT_VPS_NAME: name, KT_VPS_NET: String(number) } as Record<string, string>;
    await must([script, "up"], env);
    const lines = (await must([script, "env"], env)).trim().split("\n");
    return new Vps(env, new Map(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)])));
  }

  get address(): string {
    return this.#fact("ADDRESS");
  }

  /** Of who is on the internet. */
  get clientAddress(): string {
    return this.#fact("CLIENT");
  }

  /** The file with root's private key. */
  get keyFile(): string {
    return this.#fact("KEY");
  }

  get knownHostsFile(): string {
    return this.#fact("KNOWN_HOSTS");
  }

  /** Runs a shell script on it from inside, without SSH; it has to succeed. */
  async sh(text: string, ...args: readonly string[]): Promise<string> {
    return await must([script, "run", "sh", "-euc", text, "sh", ...args], this.#env);
  }

  /** The same with packets between it and the rest of the world dropped, of those that match; undefined lets them pass again. */
  async drop(match: string | undefined): Promise<void> {
    const rules = match === undefined ? "" : `table inet loss { chain pass { type filter hook forward priority 0; ${match} drop; }; }`;
    const inside = (...command: string[]): string[] => ["nsenter", `--net=${this.#fact("INTERNET_NETNS")}`, ...command];
    await run(inside("nft", "delete", "table", "inet", "loss"));
    if (rules !== "") await must(inside("nft", rules), this.#env);
  }

  /** Runs it again, as after a change of what its first process does. */
  async reboot(...options: readonly "--hard"[]): Promise<void> {
    await must([script, "reboot", ...options], this.#env);
  }

  /** As a program on the internet. */
  async fromInternet(...command: readonly string[]): Promise<Ran> {
    return await run([script, "client", ...command], { env: this.#env });
  }

  /** What comes before a command so that it runs on the internet. */
  get underInternet(): readonly string[] {
    return ["nsenter", `--net=${this.#fact("INTERNET_NETNS").replace(/internet$/, "client")}`, "--"];
  }

  /** Packets that tried to come in to this machine and its pods. */
  async intruders(): Promise<number> {
    const text = await must([script, "env"], this.#env);
    return Number(/^KT_VPS_INTRUDERS=(\d+)$/m.exec(text)?.[1]);
  }

  /** Removes all of it. */
  async remove(): Promise<void> {
    await must([script, "down"], this.#env);
  }

  #fact(name: string): string {
    const value = this.#facts.get(`KT_VPS_${name}`);
    if (value === undefined) throw new Error(`vps env has no KT_VPS_${name}`);
    return value;
  }
}

async function must(command: readonly string[], env: Record<string, string>): Promise<string> {
  const ran = await run(command, { env });
  if (ran.exitCode !== 0) throw new Error(`${command.join(" ")}: ${ran.exitCode}\n${ran.stdout}${ran.stderr}`);
  return ran.stdout;
}
