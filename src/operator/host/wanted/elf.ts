/** Reads the head of a Linux program: which machine it is for, and what loads it (elf(5)). */

/** By their numbers in the head; as `uname -m` says them. */
const machines: Readonly<Record<number, string>> = { 62: "x86_64", 183: "aarch64" };
const interpreterSegment = 3;

export interface ElfFacts {
  readonly machine: string;
  /** Undefined where it is linked statically. */
  readonly interpreter: string | undefined;
}

/** Undefined for what is not a program of 64 bits for a machine that kt is built for. */
export function readElf(head: Uint8Array): ElfFacts | undefined {
  // 0x7f "ELF", 64 bits, little-endian.
  if (head.length < 64 || Buffer.from(head.subarray(0, 6)).toString("latin1") !== "\x7fELF\x02\x01") return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const machine = machines[view.getUint16(18, true)];
  if (machine === undefined) return undefined;
  const [start, size, count] = [Number(view.getBigUint64(32, true)), view.getUint16(54, true), view.getUint16(56, true)];
  for (let at = start, left = count; left > 0 && at + 56 <= head.length; at += size, left--) {
    if (view.getUint32(at, true) !== interpreterSegment) continue;
    const from = Number(view.getBigUint64(at + 8, true));
    const text = Buffer.from(head.subarray(from, from + Number(view.getBigUint64(at + 32, true)))).toString("latin1");
    return { machine, interpreter: text.replace(/\0.*$/s, "") };
  }
  return { machine, interpreter: undefined };
}
