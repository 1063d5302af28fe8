/** The head of a Linux program: whose it is and what loads it, also of one that is not whole. */

import { expect, test } from "bun:test";
import { file } from "bun";
import { readElf } from "#operator/host/wanted/elf.ts";

/** A head with the given segments: type, and the text that the segment holds. */
function elf(machine: number, segments: readonly (readonly [type: number, text: string])[]): Uint8Array {
  const bytes = Buffer.alloc(1024);
  bytes.write("\x7fELF\x02\x01", "latin1");
  bytes.writeUInt16LE(machine, 18);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(segments.length, 56);
  for (const [index, [type, text]] of segments.entries()) {
    const at = 64 + 56 * index;
    bytes.writeUInt32LE(type, at);
    bytes.writeBigUInt64LE(BigInt(512 + 64 * index), at + 8);
    bytes.writeBigUInt64LE(BigInt(text.length), at + 32);
    bytes.write(text, 512 + 64 * index, "latin1");
  }
  return bytes;
}

test("a program names its machine and its loader, and a static one has none", () => {
  const segments = [
    [6, ""],
    [3, "/lib/ld-musl-aarch64.so.1\0"],
  ] as const;
  expect(readElf(elf(183, segments))).toEqual({ machine: "aarch64", interpreter: "/lib/ld-musl-aarch64.so.1" });
  expect(readElf(elf(62, [[1, ""]]))).toEqual({ machine: "x86_64", interpreter: undefined });
});

test("what is not such a program is not taken for one, and what was cut off is not read", () => {
  expect(readElf(new TextEncoder().encode("#!/bin/sh\n".repeat(20)))).toBeUndefined();
  expect(readElf(elf(40, []))).toBeUndefined();
  expect(readElf(elf(62, [[3, "/lib"]]).subarray(0, 70))).toEqual({ machine: "x86_64", interpreter: undefined });
  expect(readElf(new Uint8Array())).toBeUndefined();
});

test.skipIf(process.platform !== "linux")("the program that runs this test names a loader that is there, on Linux", async () => {
  const facts = readElf(await file(process.execPath).slice(0, 65_536).bytes());
  expect(facts?.machine).toBe(process.arch === "arm64" ? "aarch64" : "x86_64");
  expect(await file(facts?.interpreter ?? "").exists()).toBe(true);
});
