/** Compares files that differ in their first byte, in the last one of a later piece, in size, or not at all. */

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { sameContent } from "#native/same-content.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/kt-same-`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(name: string, bytes: Uint8Array): string {
  const path = `${folder}/${name}`;
  writeFileSync(path, bytes);
  return path;
}

test.each([
  [0, -1, true],
  [700_000, -1, true],
  [700_000, 699_999, false],
  [700_000, 0, false],
])("files of %d bytes that differ at %d", (size, at, expected) => {
  const bytes = crypto.getRandomValues(Buffer.alloc(Math.min(size, 65_536)));
  const left = Buffer.alloc(size, bytes.length === 0 ? undefined : bytes);
  const right = Buffer.from(left);
  if (at >= 0) right[at] = (right[at] ?? 0) ^ 1;
  expect(sameContent(fileOf("left", left), fileOf("right", right))).toBe(expected);
});

test("files of two sizes, and one that is not there", () => {
  const path = fileOf("left", Buffer.from("kt"));
  expect(sameContent(path, fileOf("right", Buffer.from("kt2")))).toBe(false);
  expect(() => sameContent(path, `${folder}/none`)).toThrow("ENOENT");
});
