/** What `bun test` prints about failed tests is read with their files, whatever the tests print themselves. */

import { expect, test } from "bun:test";
import { failuresIn } from "#scripts/counted-tests.ts";

test("each failed test is read once, with its file", () => {
  const output = [
    "test/a/one.test.ts:",
    "(pass) group > passes [0.03ms]",
    "error: expected",
    "(fail) group > fails [12.36ms]",
    "",
    "test/e2e/two.e2e.ts:",
    "(skip) needs root",
    "a page: 3",
    "(fail) says [so] in words",
    "",
    "2 tests failed:",
    "(fail) group > fails [12.36ms]",
    "(fail) says [so] in words",
  ].join("\n");
  expect(failuresIn(output)).toEqual([
    { file: "test/a/one.test.ts", test: "group > fails" },
    { file: "test/e2e/two.e2e.ts", test: "says [so] in words" },
  ]);
});

test("a run without a failure has none", () => expect(failuresIn("test/a.test.ts:\n(pass) works [1ms]\n 1 pass\n 0 fail\n")).toEqual([]));
