/** The helper that runs as root: what it takes, what it refuses, and that nothing is left of it. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { hostLimits } from "#host/limits.ts";
import { helpWithNames, parseEntries } from "#host/names/names-helper.ts";
import { KtError } from "#base/errors.ts";
import { tempDir } from "#test/support/temp-dir.ts";

let directory: Awaited<ReturnType<typeof tempDir>>;
let path: string;
beforeEach(async () => {
  directory = await tempDir();
  path = `${directory.path}/hosts`;
  writeFileSync(path, "127.0.0.1 localhost\n");
});
afterEach(async () => await directory[Symbol.asyncDispose]());

const text = (): string => readFileSync(path, "utf8");
const db = JSON.stringify([{ address: "127.1.27.1", names: ["db", "db.shop"] }]);

const file = () => ({ path, lock: `${directory.path}/lock`, journal: `${directory.path}/journal` });

/** Sends the pieces, and says after each answer what it was and what the file held. */
async function help(...pieces: readonly string[]): Promise<[answer: string, file: string][]> {
  const said: [string, string][] = [];
  async function* input() {
    for (const piece of pieces) yield Buffer.from(piece);
  }
  const answer = async (line: string): Promise<void> => void said.push([line, text()]);
  await helpWithNames(input(), answer, { file: file(), owner: { uid: 1000, pid: 7 } });
  return said;
}

const withDb = "127.0.0.1 localhost\n# BEGIN kt 1000-7\n127.1.27.1 db db.shop\n# END kt 1000-7\n";

describe("the helper", () => {
  test("writes each whole state, in whatever pieces it comes, and takes all of it out at the end", async () => {
    expect(await help(db.slice(0, 7), `${db.slice(7)}\n[`, "]\n")).toEqual([
      ["{}\n", withDb],
      ["{}\n", "127.0.0.1 localhost\n"],
    ]);
    expect(await help(`${db}\n`)).toEqual([["{}\n", withDb]]);
    expect(text()).toBe("127.0.0.1 localhost\n");
  });

  test("removes what an earlier one left when it was killed", async () => {
    const left = `${withDb.replaceAll("-7", "-8")}# BEGIN kt 1001-8\n127.0.0.1 other\n# END kt 1001-8\n`;
    writeFileSync(path, left);
    expect(await help()).toEqual([]);
    expect(text()).toBe("127.0.0.1 localhost\n# BEGIN kt 1001-8\n127.0.0.1 other\n# END kt 1001-8\n");
  });

  test("says what it refuses, and keeps what was", async () => {
    const [, [answer, file] = []] = await help(`${db}\n`, "nonsense\n");
    expect(JSON.parse(answer ?? "")).toEqual({ problem: expect.any(String) });
    expect(file).toBe(withDb);
  });

  test("ends where a line has no end", async () => {
    await expect(help("x".repeat(hostLimits.namesMessageBytes + 1))).rejects.toThrow("too long");
    expect(text()).toBe("127.0.0.1 localhost\n");
  });
});

describe("what it is asked for", () => {
  const asked = (address: unknown, ...names: unknown[]): string => JSON.stringify([{ address, names }]);

  test.each([
    asked("10.0.0.1", "db"),
    asked("127.0.0.1\n10.0.0.1", "db"),
    asked("127.0.0.256", "db"),
    asked("127.0.0", "db"),
    asked("::1", "db"),
    asked("127.0.0.1", "localhost"),
    asked("127.0.0.1", "db\n10.0.0.1 bank"),
    asked("127.0.0.1", "db bank"),
    asked("127.0.0.1", "#"),
    asked("127.0.0.1", ""),
    asked("127.0.0.1", "1.2.3.4"),
    asked("127.0.0.1", "x".repeat(64)),
    asked("127.0.0.1", 1),
    '{"address":"127.0.0.1"}',
    '[{"address":"127.0.0.1"}]',
    "[null]",
    "null",
  ])("is refused: %s", (line) => expect(() => parseEntries(line)).toThrow(KtError));

  test("is nothing but names for 127.0.0.0/8, whatever is sent", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ address: fc.oneof(fc.ipV4(), fc.string()), names: fc.array(fc.string()) })), (list) => {
        try {
          for (const { address, names } of parseEntries(JSON.stringify(list)))
            expect(`${address} ${names.join(" ")}`).toMatch(/^127(\.\d{1,3}){3}( [a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?)* ?$/);
        } catch (error) {
          expect(error).toBeInstanceOf(KtError);
        }
      }),
    );
  });
});
