/** kt's block of /etc/hosts: it comes and goes, and every other byte stays. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { blocksIn, formatOwner, withBlock, withoutBlocks } from "#wire/hosts-block.ts";

const ours = { uid: 1000, pid: 7 };
const db = [{ address: "127.1.27.1", names: ["db", "db.shop"] }];
const api = [{ address: "127.1.27.2", names: ["api"] }];

/** Any bytes, and lines like those of real files, with any line ends. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom("127.0.0.1 localhost", "# kubefwd block", "\u00ef\u00bb\u00bf", "", "\r"),
      fc.string({ unit: "binary", maxLength: 20 }),
    ),
    { maxLength: 8 },
  )
  .chain((lines) => fc.tuple(fc.constantFrom("\n", "\r\n"), fc.boolean()).map(([end, last]) => lines.join(end) + (last ? end : "")))
  .map((any) => any.replace(/[\u0100-\uffff]/g, "x").replaceAll("kt", "k"));
const entries = fc.array(
  fc.record({ address: fc.constant("127.0.0.1"), names: fc.array(fc.stringMatching(/^[a-z]{1,9}$/), { maxLength: 3 }) }),
  { maxLength: 3 },
);

describe("a block", () => {
  test("that is taken out leaves every byte as it was", () => {
    fc.assert(fc.property(text, entries, (before, some) => expect(withBlock(withBlock(before, ours, some), ours, [])).toBe(before)));
  });

  test("is the same however often it was written, and whatever it was before", () => {
    fc.assert(
      fc.property(text, entries, entries, (before, some, others) => {
        const once = withBlock(before, ours, others);
        expect(withBlock(withBlock(before, ours, some), ours, others)).toBe(once);
        expect(withBlock(once, ours, others)).toBe(once);
      }),
    );
  });

  test("of two owners leave every byte as it was, in whichever order they come and go", () => {
    const owners = [ours, { uid: 1000, pid: 77 }, { uid: 10, pid: 7 }];
    const steps = fc.array(fc.tuple(fc.constantFrom(...owners), entries), { maxLength: 8 });
    fc.assert(
      fc.property(text, steps, (before, all) => {
        const written = all.reduce((now, [owner, some]) => withBlock(now, owner, some), before);
        const after = owners.toReversed().reduce((now, owner) => withBlock(now, owner, []), written);
        expect(after).toBe(before);
        expect(withoutBlocks(written, () => true)).toBe(before);
        const others = withoutBlocks(written, ({ uid, pid }) => uid === 1000 && pid === 7);
        expect(blocksIn(others)).toEqual(blocksIn(written).filter(({ owner }) => formatOwner(owner) !== "1000-7"));
      }),
    );
  });

  test("leaves what another program has written behind it on lines of its own", () => {
    const behind = `${withBlock("127.0.0.1 localhost", ours, db)}10.0.0.1 other\n`;
    expect(withBlock(behind, ours, [])).toBe("127.0.0.1 localhost\n10.0.0.1 other\n");
    expect(withBlock(behind, ours, api)).toBe("127.0.0.1 localhost\n10.0.0.1 other\n# BEGIN kt 1000-7\n127.1.27.2 api\n# END kt 1000-7\n");
  });

  test("whose end is missing is left alone, since what follows may be another's", () => {
    const broken = "# BEGIN kt 1000-7\n127.1.27.1 db\n10.0.0.1 other\n";
    expect(withBlock(broken, ours, [])).toBe(broken);
    const added = withBlock(broken, ours, api);
    expect(added).toStartWith(broken);
    expect(withBlock(added, ours, [])).toBe(broken);
  });

  test("has the line ends of the file, and can be read back", () => {
    const written = withBlock(withBlock("127.0.0.1 localhost\r\n", ours, db), { uid: 0, pid: 7 }, api);
    expect(written).toBe(
      "127.0.0.1 localhost\r\n# BEGIN kt 1000-7\r\n127.1.27.1 db db.shop\r\n# END kt 1000-7\r\n# BEGIN kt 0-7\r\n127.1.27.2 api\r\n# END kt 0-7\r\n",
    );
    expect(blocksIn(written)).toEqual([
      { owner: ours, lines: ["127.1.27.1 db db.shop"] },
      { owner: { uid: 0, pid: 7 }, lines: ["127.1.27.2 api"] },
    ]);
  });
});
