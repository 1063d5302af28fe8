/** The pages of this program's own file that are in memory: gives back those that only its start needed (Linux). */

import { cLibrary } from "./c-library.ts";
import { kernelText } from "./kernel-text.ts";

/** Of Linux (asm-generic/mman-common.h): the pages leave this process, and come back when they are touched. */
const dontNeed = 4;

interface Mapping {
  readonly from: bigint;
  readonly bytes: bigint;
}

/**
 * What is mapped from this file and can neither be written to nor was (proc_pid_smaps(5)): all of it can be had again. Pages that
 * were changed before they were made read-only, as the loader does, are this process's own, and would be lost.
 */
export function unchangedMappings(smaps: string, file: string): readonly Mapping[] {
  return smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).flatMap((text) => {
    const [, from = "", to = "", path] = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ \S+ +(\S.*)$/m.exec(text) ?? [];
    if (path !== file || !/^Anonymous: +0 kB$/m.test(text)) return [];
    return [{ from: BigInt(`0x${from}`), bytes: BigInt(`0x${to}`) - BigInt(`0x${from}`) }];
  });
}

/**
 * What the returned function gives back comes from the kernel's cache of the file when it is needed again, 64 kB at a time. Nothing
 * where the system does not tell what is mapped.
 */
export function openOwnCode(): () => void {
  const mappings = process.platform === "linux" ? unchangedMappings(kernelText("/proc/self/smaps"), process.execPath) : [];
  if (mappings.length === 0) return () => {};
  const { madvise } = cLibrary({ madvise: { args: ["u64", "u64", "i32"], returns: "i32" } });
  return () => {
    for (const { from, bytes } of mappings) madvise(from, bytes, dontNeed);
  };
}
