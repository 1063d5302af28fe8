/** Keys as terminals send them, in any pieces. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Key, KeyDecoder } from "#tui/model/keys.ts";
import { tuiLimits } from "#tui/limits.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function keysOf(text: string): Key[] {
  const decoder = new KeyDecoder();
  return [...decoder.push(bytes(text)), ...decoder.flush()];
}

describe("keys", () => {
  test.each<[string, string, Key[]]>([
    ["letters", "qY", [{ typed: "q" }, { typed: "Y" }]],
    ["characters of several bytes", "日ü🦊", [{ typed: "日" }, { typed: "ü" }, { typed: "🦊" }]],
    ["arrows", "\u001b[A\u001b[B\u001bOC\u001bOD", [{ name: "up" }, { name: "down" }, { name: "right" }, { name: "left" }]],
    ["arrows with Shift and Ctrl", "\u001b[1;2A\u001b[1;5B", [{ name: "up" }, { name: "down" }]],
    [
      "keys by number",
      "\u001b[5~\u001b[6~\u001b[1~\u001b[4~\u001b[3~",
      ["page-up", "page-down", "home", "end", "delete"].map((name) => ({ name }) as Key),
    ],
    ["Enter, Tab and Backspace", "\r\t\u007f\u001b[Z", [{ name: "enter" }, { name: "tab" }, { name: "backspace" }, { name: "back-tab" }]],
    ["Ctrl-C and Ctrl-Z", "\u0003\u001a", [{ name: "ctrl-c" }, { name: "ctrl-z" }]],
    ["Escape alone", "\u001b", [{ name: "escape" }]],
    ["Escape twice", "\u001b\u001b", [{ name: "escape" }, { name: "escape" }]],
    ["an answer of the terminal, which is not a key", "\u001b[?62;22c\u001b[24;80Rq", [{ typed: "q" }]],
    ["Escape, and another key at once", "\u001bqx", [{ name: "escape" }, { typed: "q" }, { typed: "x" }]],
    ["a paste, whatever is in it", "\u001b[200~q\r\u001b[A\u001b[201~x", [{ pasted: "q\r\u001b[A" }, { typed: "x" }]],
    ["control characters that are not keys", "\u0001\u0090q", [{ typed: "q" }]],
  ])("%s", (_, text, keys) => {
    expect(keysOf(text)).toEqual(keys);
  });

  const piece = fc.oneof(
    fc.constantFrom(
      "\u001b[A",
      "\u001bOB",
      "\u001b[6~",
      "\u001b[1;5C",
      "\u001b[200~pa\u001bste\u001b[201~",
      "\r",
      "q",
      "日",
      "🦊",
      "\u0003",
    ),
    fc.string({ unit: "grapheme-ascii", maxLength: 4 }),
  );

  test("any split of the bytes gives the same keys", () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.array(fc.nat(80), { maxLength: 12 }), (pieces, cuts) => {
        const whole = bytes(pieces.join(""));
        const decoder = new KeyDecoder();
        const places = [0, ...cuts.map((cut) => Math.min(cut, whole.length)).sort((one, other) => one - other), whole.length];
        const keys = places.flatMap((place, at) => decoder.push(whole.subarray(place, places[at + 1] ?? whole.length)));
        expect([...keys, ...decoder.flush()]).toEqual(keysOf(pieces.join("")));
      }),
    );
  });

  test("random bytes give keys, or nothing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
        const decoder = new KeyDecoder();
        for (const key of [...decoder.push(random), ...decoder.flush()]) expect(Object.keys(key)).toHaveLength(1);
      }),
    );
  });

  test("what never ends is given up at its limit", () => {
    const decoder = new KeyDecoder();
    decoder.push(bytes(`\u001b[${"1;".repeat(tuiLimits.keySequenceBytes)}`));
    expect(decoder.push(bytes("q")).at(-1)).toEqual({ typed: "q" });
    const [pasted] = keysOf(`\u001b[200~${"x".repeat(1_000_000)}\u001b[201~`);
    expect(pasted).toEqual({ pasted: "x".repeat(tuiLimits.pastedBytes) });
  });
});
