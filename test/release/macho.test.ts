/** Ad-hoc signatures of Mach-O files: what is signed matches, and any change to it is noticed. */

import { expect, test } from "bun:test";
import { assert, integer, property, uint8Array } from "fast-check";
import { signatureProblem, signedAdHoc } from "#scripts/macho.ts";

const contentAt = 4096;

/** A Mach-O file of two segments and a command for a signature, whose signature is missing or stale. */
function machO(content: Uint8Array, stale = 0): Uint8Array {
  const signatureAt = contentAt + content.length;
  const file = new Uint8Array(signatureAt + stale);
  const view = new DataView(file.buffer);
  for (const [index, word] of [0xfeedfacf, 0x01000007, 3, 2, 3, 72 + 72 + 16, 0, 0].entries()) view.setUint32(index * 4, word, true);
  const segment = (at: number, name: string, fileOffset: number, fileBytes: number): void => {
    view.setUint32(at, 0x19, true);
    view.setUint32(at + 4, 72, true);
    file.set(new TextEncoder().encode(name), at + 8);
    for (const [index, value] of [fileOffset, 4096, fileOffset, fileBytes].entries())
      view.setBigUint64(at + 24 + index * 8, BigInt(value), true);
  };
  segment(32, "__TEXT", 0, contentAt);
  segment(104, "__LINKEDIT", contentAt, content.length + stale);
  for (const [index, word] of [0x1d, 16, signatureAt, stale].entries()) view.setUint32(176 + index * 4, word, true);
  file.set(content, contentAt);
  return file;
}

const contents = uint8Array({ minLength: 1, maxLength: 20_000 });

test("what is signed has no problem, whatever signature it had", () => {
  assert(
    property(contents, integer({ min: 20, max: 5000 }), (content, stale) => {
      const file = machO(content, stale);
      expect(signatureProblem(file)).toBeDefined();
      const signed = signedAdHoc(file, "kt");
      expect(signatureProblem(signed)).toBeUndefined();
      expect(signed.subarray(contentAt, contentAt + content.length)).toEqual(content);
      expect(signedAdHoc(signed, "kt")).toEqual(signed);
    }),
  );
});

test("a changed byte is noticed, and so are bytes too many and too few", () => {
  assert(
    property(contents, integer({ min: 0 }), (content, where) => {
      const signed = signedAdHoc(machO(content), "kt");
      const at = contentAt + (where % content.length);
      const page = Math.floor(at / 4096);
      expect(signatureProblem(Uint8Array.from([...signed, 0]))).toBe("the signature does not end the file");
      expect(signatureProblem(signed.subarray(0, -1))).toBe("the signature does not end the file");
      signed[at] = (signed[at] ?? 0) ^ 1;
      expect(signatureProblem(signed)).toBe(`page ${page} does not match the signature`);
    }),
  );
});

test("the last segment is as long as the file, in it and in memory", () => {
  const signed = signedAdHoc(machO(new Uint8Array(9000)), "kt");
  const view = new DataView(signed.buffer);
  expect(Number(view.getBigUint64(104 + 48, true))).toBe(signed.length - contentAt);
  expect(Number(view.getBigUint64(104 + 32, true))).toBe(Math.ceil((signed.length - contentAt) / 4096) * 4096);
});

test("other files are refused", () => {
  const elf = new TextEncoder().encode(`\x7fELF${" ".repeat(100)}`);
  expect(signatureProblem(elf)).toBe("there is no signature");
  expect(() => signedAdHoc(elf, "kt")).toThrow("no Mach-O file");
  expect(signatureProblem(new Uint8Array())).toBe("there is no signature");
});
