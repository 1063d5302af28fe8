/** The ports that are taken on a host, and by which programs. */

/** A socket that listens on the host, or takes datagrams. */
export interface TakenPort {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  readonly address: string;
  /** The names of the programs that hold it; none where the kernel does. */
  readonly holders: readonly string[];
}

/** Of ss(8): a line for each socket, without a heading. */
export const socketList = "ss -Htulnp";

const noPids: ReadonlySet<string> = new Set();

/**
 * A line of `ss -Htulnp`: tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=77,fd=3)). `own` are the processes of kt's units: their
 * programs have other names where they run from memory.
 */
export function parseTakenPort(line: string, own = noPids): TakenPort[] {
  const [protocol, , , , local = "", , users = ""] = line.split(/\s+/);
  const [, address = "", port = ""] = /^(.*):(\d+)$/.exec(local) ?? [];
  if ((protocol !== "tcp" && protocol !== "udp") || port === "") return [];
  const holders = [
    ...new Set([...users.matchAll(/\("([^"]*)",pid=(\d+)/g)].map(([, name = "", pid = ""]) => (own.has(pid) ? "kt" : name))),
  ];
  return [{ protocol, port: Number(port), address: address.replace(/%.*$/, ""), holders }];
}

/** In quotes, as sentences name them. */
export function holdersOf(taken: readonly TakenPort[]): string {
  const names = [...new Set(taken.flatMap(({ holders }) => holders))];
  return names.length === 0 ? "the kernel" : names.map((name) => `"${name}"`).join(", ");
}
