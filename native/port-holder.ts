/** Names the process that listens on a TCP port. */

import { readdir, readFile, readlink } from "node:fs/promises";
import { spawn } from "bun";

export interface PortHolder {
  readonly pid: number;
  /** The program's name, as the system shortens it. */
  readonly command: string;
}

/** The process that listens on the port, as far as this user may know; undefined where nobody does or it is another user's. */
export async function portHolder(port: number): Promise<PortHolder | undefined> {
  try {
    return process.platform === "linux" ? await linuxHolder(port) : await lsofHolder(port);
  } catch {
    return undefined;
  }
}

/** Socket state "listening" in /proc/net/tcp (include/net/tcp_states.h, TCP_LISTEN). */
const listening = "0A";

async function linuxHolder(port: number): Promise<PortHolder | undefined> {
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const text = await readFile(table, "utf8").catch(() => "");
    for (const inode of listeningInodes(text, port)) inodes.add(inode);
  }
  if (inodes.size === 0) return undefined;
  const links = new Set([...inodes].map((inode) => `socket:[${inode}]`));
  for (const pid of await readdir("/proc")) {
    if (/^\d+$/.test(pid) && (await holdsOne(pid, links))) return { pid: Number(pid), command: await commandOf(pid) };
  }
  return undefined;
}

/** Inodes of the sockets that listen on a port. Columns: sl, local address:port in hex, remote, state, …, inode as the tenth. */
export function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === listening && local?.endsWith(suffix) === true)
    .flatMap((columns) => columns[9] ?? []);
}

async function holdsOne(pid: string, links: ReadonlySet<string>): Promise<boolean> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const descriptor of descriptors) {
    const link = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => "");
    if (links.has(link)) return true;
  }
  return false;
}

async function commandOf(pid: string): Promise<string> {
  return (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "?")).trim();
}

async function lsofHolder(port: number): Promise<PortHolder | undefined> {
  const child = spawn(["lsof", "-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"], {
    stdout: "pipe",
    stderr: "ignore",
    env: { ...process.env, LC_ALL: "C" },
  });
  return parseLsof(await new Response(child.stdout).text());
}

/** lsof -F: one field per line, named by its first letter: p is the process id, c the command. */
export function parseLsof(output: string): PortHolder | undefined {
  const lines = output.split("\n");
  const pid = Number(lines.find((line) => line.startsWith("p"))?.slice(1));
  const command = lines.find((line) => line.startsWith("c"))?.slice(1);
  return Number.isInteger(pid) && pid > 0 && command !== undefined ? { pid, command } : undefined;
}
