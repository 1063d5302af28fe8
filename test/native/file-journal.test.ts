/** A file that is overwritten where it is: however far a killed writer came, the next one puts back what was there. */

import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { isHalfWritten, writeJournal } from "#native/file-journal.ts";
import { finishReplacing } from "#native/replace-file.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const bytes = fc.uint8Array({ maxLength: 12, max: 3 });
/** As it is when the first `written` bytes of the new text are there and it was not made shorter yet. */
const half = (before: Uint8Array, after: Uint8Array, written: number): Buffer =>
  Buffer.concat([after.subarray(0, written), before.subarray(Math.min(written, after.length))]);

test("a kill at each byte is seen, and what was there is put back; nothing of the journal stays", async () => {
  await using folder = await tempDir();
  const file = { path: `${folder.path}/hosts`, journal: `${folder.path}/journal` };
  fc.assert(
    fc.property(bytes, bytes, fc.nat(12), (before, after, written) => {
      fc.pre(!Buffer.from(before).equals(after) && written <= after.length);
      const now = half(before, after, written);
      fc.pre(!now.equals(after));
      writeFileSync(file.path, now);
      writeJournal(file.journal, { before, after });
      writeFileSync(`${file.path}.kt-new`, "left");
      finishReplacing(file);
      expect(readFileSync(file.path)).toEqual(Buffer.from(before));
      expect([existsSync(file.journal), existsSync(`${file.path}.kt-new`)]).toEqual([false, false]);
    }),
  );
});

test("a file that was written whole, or by another since, stays as it is", async () => {
  await using folder = await tempDir();
  const file = { path: `${folder.path}/hosts`, journal: `${folder.path}/journal` };
  for (const now of ["a\nb\n", "another\n"]) {
    writeFileSync(file.path, now);
    writeJournal(file.journal, { before: Buffer.from("a\n"), after: Buffer.from("a\nb\n") });
    finishReplacing(file);
    expect(readFileSync(file.path, "utf8")).toBe(now);
  }
  writeFileSync(file.journal, "nothing of ours");
  finishReplacing(file);
  expect(readFileSync(file.path, "utf8")).toBe("another\n");
});

test("what a writer leaves is the beginning of one text and the end of the other", () => {
  const [before, after] = [Buffer.from("abc"), Buffer.from("xyz12")];
  expect(["abc", "xbc", "xyc", "xyz", "xyz1"].map((now) => isHalfWritten(Buffer.from(now), { before, after }))).toEqual([
    true,
    true,
    true,
    true,
    true,
  ]);
  expect(["xyz12", "", "ab", "abcd", "axc"].map((now) => isHalfWritten(Buffer.from(now), { before, after }))).toEqual([
    false,
    false,
    false,
    false,
    false,
  ]);
});
