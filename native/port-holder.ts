/** Names the process that listens on a port. */

import { formatHostPort } from "#base/hostname.ts";
import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { spawn } from "bun";

export interface PortHolder {
  readonly pid: number;
  /** The program's name, as the system shortens it. */
  readonly command: string;
  /** Its command line; empty where the system does not say. */
  readonly argv: readonly string[];
  /** Its environment, as far as it is known. */
  readonly environment: Readonly<Record<string, string>>;
  /** It belongs to the user who asks. */
  readonly isOwn: boolean;
}

/** An IP address and a port. */
export interface Place {
  readonly host: string;
  readonly port: number;
  /** Absent: TCP. */
  readonly transport?: "udp";
}

/**
 * The process that keeps others from listening there, on that address or on every one; undefined where none does or it is
 * another user's. Who has the same port of another address, as kt itself may have of ::1, is not meant.
 */
export async function portHolder(place: Place): Promise<PortHolder | undefined> {
  try {
    return process.platform === "linux" ? await linuxHolder(place) : await lsofHolder(place);
  } catch {
    return undefined;
  }
}

/** What proc(5) has of sockets, and the state of those that listen (include/net/tcp_states.h): TCP_LISTEN, and TCP_CLOSE for UDP. */
const tables = {
  tcp: { files: ["/proc/net/tcp", "/proc/net/tcp6"], listening: "0A" },
  udp: { files: ["/proc/net/udp", "/proc/net/udp6"], listening: "07" },
} as const;

async function linuxHolder(place: Place): Promise<PortHolder | undefined> {
  const inodes = new Set<string>();
  for (const table of tables[place.transport ?? "tcp"].files) {
    const text = await readFile(table, "utf8").catch(() => "");
    for (const inode of listeningInodes(text, place)) inodes.add(inode);
  }
  if (inodes.size === 0) return undefined;
  const links = new Set([...inodes].map((inode) => `socket:[${inode}]`));
  for (const pid of await readdir("/proc")) {
    if (/^\d+$/.test(pid) && (await holdsOne(pid, links))) return await linuxProcess(pid);
  }
  return undefined;
}

/** A row of /proc/net/tcp, or of the table of another protocol, as the kernel writes it. */
export interface TcpRow {
  /** Address and port in hex. */
  readonly local: string;
  readonly remote: string;
  /** See include/net/tcp_states.h. */
  readonly state: string;
  readonly inode: string;
}

/** The rows of such a table. Columns: sl, local, remote, state, …, inode as the tenth. */
export function tcpRows(table: string): TcpRow[] {
  return table
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/);
      return local && remote && state && inode ? [{ local, remote, state, inode }] : [];
    });
}

/** A port as such a table writes it. */
export function portInTable(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, "0");
}

/** Inodes of the sockets that listen there. */
export function listeningInodes(table: string, { host, port, transport }: Place): string[] {
  const wantedAddress = addressInTable(host);
  const wantedPort = portInTable(port);
  const isMeant = (local: string): boolean => {
    const [address = "", at] = local.split(":");
    return at === wantedPort && (/^0+$/.test(address) || isEveryAddress(host) || address === wantedAddress);
  };
  return tcpRows(table)
    .filter(({ local, state }) => state === tables[transport ?? "tcp"].listening && isMeant(local))
    .map(({ inode }) => inode);
}

const isEveryAddress = (host: string): boolean => host === "0.0.0.0" || host === "::";

/** An address as such a table writes it: words of 32 bits, each in the machine's byte order, which is little endian. */
function addressInTable(host: string): string {
  const bytes = host.includes(":") ? bytesOfIpv6(host) : host.split(".").map(Number);
  const hex = bytes.map((byte) => byte.toString(16).toUpperCase().padStart(2, "0"));
  return Array.from({ length: hex.length / 4 }, (_, word) =>
    hex
      .slice(4 * word, 4 * word + 4)
      .reverse()
      .join(""),
  ).join("");
}

/** The 16 bytes of an IPv6 address in its usual form, without an IPv4 part. */
export function bytesOfIpv6(host: string): number[] {
  const [front = [], back = []] = host.split("::").map((part) => part.split(":").filter((group) => group !== ""));
  const groups = [...front, ...Array<string>(8 - front.length - back.length).fill("0"), ...back];
  return groups.map((group) => Number.parseInt(group, 16)).flatMap((group) => [group >> 8, group & 0xff]);
}

async function holdsOne(pid: string, links: ReadonlySet<string>): Promise<boolean> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const descriptor of descriptors) {
    const link = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => "");
    if (links.has(link)) return true;
  }
  return false;
}

/** See proc(5). */
async function linuxProcess(pid: string): Promise<PortHolder> {
  const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
  const [command, words, variables, owner] = await Promise.all([read("comm"), read("cmdline"), read("environ"), ownerOf(`/proc/${pid}`)]);
  return {
    pid: Number(pid),
    command: command.trim() || "?",
    argv: words.split("\0").slice(0, -1),
    environment: Object.fromEntries(variables.split("\0").map((pair) => splitOnce(pair, "="))),
    isOwn: owner === process.getuid?.(),
  };
}

async function ownerOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.uid;
}

function splitOnce(text: string, separator: string): [before: string, after: string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
}

async function lsofHolder(place: Place): Promise<PortHolder | undefined> {
  const which = place.transport === "udp" ? [`-iUDP:${place.port}`] : [`-iTCP:${place.port}`, "-sTCP:LISTEN"];
  const child = spawn(["lsof", "-nP", ...which, "-Fpcn"], {
    stdout: "pipe",
    stderr: "ignore",
    env: { ...process.env, LC_ALL: "C" },
  });
  const found = parseLsof(await new Response(child.stdout).text(), place);
  return found && { ...found, ...(await psProcess(found.pid)), environment: {} };
}

/** macOS does not show the environment of a process; it shows its command line with blanks between the words. */
async function psProcess(pid: number): Promise<Pick<PortHolder, "argv" | "isOwn">> {
  const child = spawn(["ps", "-o", "uid=,command=", "-p", String(pid)], { stdout: "pipe", stderr: "ignore" });
  const [uid, ...argv] = (await new Response(child.stdout).text()).trim().split(/\s+/);
  return { argv, isOwn: Number(uid) === process.getuid?.() };
}

/** lsof -F: one field per line, named by its first letter: p is the process id, c the command, n an address that it has. */
export function parseLsof(output: string, { host, port }: Place): Pick<PortHolder, "pid" | "command"> | undefined {
  const meant = new Set([`*:${port}`, formatHostPort({ host, port })]);
  let pid = 0;
  let command = "?";
  for (const line of output.split("\n")) {
    const value = line.slice(1);
    if (line.startsWith("p")) pid = Number(value);
    else if (line.startsWith("c")) command = value;
    else if (line.startsWith("n") && (meant.has(value) || isEveryAddress(host))) return { pid, command };
  }
  return undefined;
}
