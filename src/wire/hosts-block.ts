/**
 * One owner's block of /etc/hosts between two marker lines: all of the file that kt changes for the whole machine. A text has one
 * character for each byte. What is taken out leaves the file as it was, to the byte.
 */

import { formatEntries, type HostsEntry } from "./hosts-file.ts";

/** Whose a block is: a user, and the process that keeps it for one of that user's hubs. */
export interface BlockOwner {
  readonly uid: number;
  readonly pid: number;
}

export const formatOwner = ({ uid, pid }: BlockOwner): string => `${uid}-${pid}`;

/** Said by a block that had to end the line before it. */
const endedLine = " (the line above had no end)";
const beginning = "# BEGIN kt ";
const ending = "# END kt ";

/** With these entries in the owner's block, which comes last; without a block where there are none. */
export function withBlock(text: string, by: BlockOwner, entries: readonly HostsEntry[]): string {
  const owner = formatOwner(by);
  const bare = withoutBlock(text, owner);
  if (entries.every(({ names }) => names.length === 0)) return bare;
  const newline = bare.includes("\r\n") ? "\r\n" : "\n";
  const isEnded = bare === "" || bare.endsWith("\n");
  const begin = `${isEnded ? "" : "\n"}${beginning}${owner}${isEnded ? "" : endedLine}${newline}`;
  return `${bare}${begin}${formatEntries(entries, newline)}${ending}${owner}${newline}`;
}

/** Without every block whose owner is one of those. */
export function withoutBlocks(text: string, isOne: (owner: BlockOwner) => boolean): string {
  return ownersIn(text).filter(isOne).map(formatOwner).reduce(withoutBlock, text);
}

function withoutBlock(text: string, owner: string): string {
  const block = findBlock(text, owner);
  return block === undefined ? text : withoutBlock(without(text, block), owner);
}

interface Block {
  /** Of the first character of its first line, and of what follows its last. */
  readonly from: number;
  readonly to: number;
  readonly endedLine: boolean;
}

/** A marker without its counterpart is none, since another hand has changed it: what follows is not known to be kt's. */
function findBlock(text: string, owner: string): Block | undefined {
  const line = `(?!${beginning}|${ending})[^\\n]*\\n`;
  const found = new RegExp(`^${beginning}${owner}( \\(.*\\))?\\r?\\n(?:${line})*${ending}${owner}\\r?(?:\\n|$(?![^]))`, "m").exec(text);
  if (!found) return undefined;
  return { from: found.index, to: found.index + found[0].length, endedLine: found[1] === endedLine };
}

/** The line above gets its missing end back, unless lines of others follow; of another block of kt's it is then said in its place. */
function without(text: string, { from, to, endedLine: hasEnded }: Block): string {
  const [before, after] = [text.slice(0, from), text.slice(to)];
  if (!hasEnded) return before + after;
  if (after === "") return before.replace(/\n$/, "");
  return before + after.replace(new RegExp(`^(${beginning}\\d+-\\d+)(?=\\r?\\n)`), `$1${endedLine}`);
}

export interface HostsBlock {
  readonly owner: BlockOwner;
  /** Without the markers. */
  readonly lines: readonly string[];
}

export function blocksIn(text: string): HostsBlock[] {
  return ownersIn(text).flatMap((owner) => {
    const block = findBlock(text, formatOwner(owner));
    return block === undefined ? [] : [{ owner, lines: text.slice(block.from, block.to).trimEnd().split(/\r?\n/).slice(1, -1) }];
  });
}

function ownersIn(text: string): BlockOwner[] {
  const found = [...text.matchAll(new RegExp(`^${beginning}(\\d{1,10})-(\\d{1,10})(?= |\\r?$)`, "gm"))];
  const owners = new Map(found.map(([, uid = "", pid = ""]) => [`${uid}-${pid}`, { uid: Number(uid), pid: Number(pid) }]));
  return [...owners.values()];
}
