/** What of the program's own file is in memory: which mappings may be given back, and that they are, while the program goes on. */

import { readFileSync } from "node:fs";
import { expect, test } from "bun:test";
import { openOwnCode, unchangedMappings } from "#native/own-code.ts";

const mapping = (range: string, permissions: string, path: string, anonymousKb = 0): string =>
  `${range} ${permissions} 00000000 08:01 1234       ${path}\nSize:  100 kB\nRss:  64 kB\nAnonymous:  ${anonymousKb} kB\nVmFlags: rd mr mw me\n`;

test("only what is mapped from the file, cannot be written to and was not changed", () => {
  const smaps = [
    mapping("00200000-01a39000", "r--p", "/usr/bin/kt"),
    mapping("01a40000-0684a000", "r-xp", "/usr/bin/kt"),
    mapping("0684a000-0685f000", "rw-p", "/usr/bin/kt"),
    mapping("0685f000-06867000", "r--p", "/usr/bin/kt", 12),
    mapping("7fcc18024000-7fcc58024000", "rwxp", ""),
    mapping("7fcc5838f000-7fcc584e5000", "r-xp", "/usr/lib/libc.so.6"),
    mapping("7ffd00000000-7ffd00001000", "r-xp", "[vdso]"),
  ].join("");
  expect(unchangedMappings(smaps, "/usr/bin/kt")).toEqual([
    { from: 0x200000n, bytes: 0x1839000n },
    { from: 0x1a40000n, bytes: 0x4e0a000n },
  ]);
  expect(unchangedMappings("", "/usr/bin/kt")).toEqual([]);
});

/** What this process has of its own file in memory, of what it may not write to. */
function residentKb(): number {
  const pieces = readFileSync("/proc/self/smaps", "utf8").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const own = pieces.filter((text) => text.split("\n")[0]?.endsWith(process.execPath) === true && / r-[x-]p /.test(text));
  return own.reduce((sum, text) => sum + Number(/^Rss: +(\d+) kB$/m.exec(text)?.[1]), 0);
}

test.skipIf(process.platform !== "linux")("gives back most of it, again and again, and what is needed comes again", () => {
  const giveBack = openOwnCode();
  for (let times = 0; times < 3; times++) {
    const before = residentKb();
    giveBack();
    const after = residentKb();
    expect(after).toBeLessThan(before);
    if (times === 0) expect(after).toBeLessThan(before / 2);
    expect(JSON.parse(`{"still": ["here", ${times}]}`)).toEqual({ still: ["here", times] });
  }
});
