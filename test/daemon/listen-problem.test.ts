/** Tests what is said of addresses that cannot be listened on: who holds them, what is missing, and what to do. */

import { expect, test } from "bun:test";
import type { ErrorCode } from "#base/error-facts.ts";
import { KtError } from "#base/errors.ts";
import { isAbsent, listenProblem } from "#daemon/listening/listen-problem.ts";

const advice = { otherPort: "take another", openPort: "take an open one" } as const;

function failure(code: ErrorCode, system: string): KtError {
  return new KtError(code, `listen on 127.0.0.1:80: ${system}`, { cause: Object.assign(new Error(system), { code: system }) });
}

test.each([
  [
    failure("port-taken", "EADDRINUSE"),
    { who: '"nginx" (pid 7)', fixes: ["kill 7"] },
    '127.0.0.1:80 is taken by "nginx" (pid 7)',
    ["kill 7", "take another"],
  ],
  [failure("port-taken", "EADDRINUSE"), undefined, "listen on 127.0.0.1:80: EADDRINUSE", []],
  [failure("listen-failed", "EACCES"), undefined, "listen on 127.0.0.1:80: EACCES", ["take an open one"]],
  [failure("listen-failed", "EADDRNOTAVAIL"), undefined, "listen on 127.0.0.1:80: this machine has no such address", []],
])("%s", (error, holder, message, hints) => {
  expect(listenProblem("127.0.0.1:80", error, holder, advice)).toEqual({ code: error.code, message, hints: [...hints] });
});

test("an address that the machine lacks is absent; one that is taken is not", () => {
  expect(["EADDRNOTAVAIL", "EAFNOSUPPORT", "EADDRINUSE", "EACCES"].map((code) => isAbsent(failure("listen-failed", code)))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
