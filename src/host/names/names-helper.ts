/** Runs as root for one user: keeps that user's names in the hosts file while its client is there, and does nothing else. */

import { KtError, messageOf } from "#base/errors.ts";
import { normaliseHostname } from "#base/hostname.ts";
import { isLoopbackIpv4, parseIpv4 } from "#base/ipv4.ts";
import type { HostsEntry } from "#wire/hosts-file.ts";
import { type BlockOwner, withBlock } from "#wire/hosts-block.ts";
import { changeHosts, type HostsFile } from "./change-hosts.ts";
import { hostLimits } from "#host/limits.ts";
import { withoutLeft } from "./purge-hosts.ts";

/** Gives an owner's block these names; with it goes what killed ones of that user have left. */
export function setNames(file: HostsFile, owner: BlockOwner, entries: readonly HostsEntry[]): void {
  changeHosts(file, (text) => withBlock(withoutLeft(text, owner.uid), owner, entries));
}

/** Answers each line, a whole desired state as JSON, by a line; at the end of the input the names are gone. */
export async function helpWithNames(
  input: AsyncIterable<Uint8Array>,
  answer: (line: string) => Promise<void>,
  { file, owner }: { readonly file: HostsFile; readonly owner: BlockOwner },
): Promise<void> {
  try {
    for await (const line of linesOf(input)) await answer(take(line, file, owner));
  } finally {
    setNames(file, owner, []);
  }
}

function take(line: string, file: HostsFile, owner: BlockOwner): string {
  try {
    setNames(file, owner, parseEntries(line));
    return "{}\n";
  } catch (error) {
    return `${JSON.stringify({ problem: messageOf(error) })}\n`;
  }
}

async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of input) {
    const lines = (text + decoder.decode(bytes, { stream: true })).split("\n");
    text = lines.pop() ?? "";
    if (text.length > hostLimits.namesMessageBytes) throw new KtError("protocol", "a list of names is too long");
    yield* lines;
  }
}

/** Names for addresses of this machine's own, and nothing else. Throws KtError `protocol`. */
export function parseEntries(line: string): HostsEntry[] {
  const value: unknown = JSON.parse(line);
  if (!Array.isArray(value)) throw new KtError("protocol", "the names are not a list");
  return value.map(parseEntry);
}

function parseEntry(value: unknown): HostsEntry {
  const { address, names }: { address?: unknown; names?: unknown } = typeof value === "object" && value !== null ? value : {};
  if (typeof address !== "string" || !isLoopbackIpv4(parseIpv4(address) ?? 0))
    throw new KtError("protocol", `${JSON.stringify(address)} is not an address of this machine's own`);
  if (!Array.isArray(names)) throw new KtError("protocol", "the names of an address are not a list");
  return { address, names: names.map(parseName) };
}

/** What every system has of its own, and must lead where it says. */
const reserved = /^(localhost|localhost\.localdomain|ip6-.*|broadcasthost)$/;

function parseName(name: unknown): string {
  const normal = typeof name === "string" ? normaliseHostname(name) : undefined;
  if (normal === undefined || reserved.test(normal) || /^[0-9.]+$/.test(normal))
    throw new KtError("protocol", `${JSON.stringify(name)} is not a name that may be added`);
  return normal;
}
