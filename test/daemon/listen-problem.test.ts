/** Tests what is said of addresses that cannot be listened on: who holds them, what is missing, and what to do. */

import { expect, test } from "bun:test";
import type { ErrorCode } from "#base/error-facts.ts";
import { KtError } from "#base/errors.ts";
import { isOptional, listenProblem } from "#daemon/listening/listen-problem.ts";

const advice = { otherPort: "take another", openPort: "take an open one" } as const;
const lowPorts = process.platform === "linux" ? ["or give every user low ports: kt setup ports"] : [];

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
  [failure("port-taken", "EADDRINUSE"), undefined, "listen on 127.0.0.1:80: EADDRINUSE", ["take another"]],
  [failure("listen-failed", "EACCES"), undefined, "listen on 127.0.0.1:80: EACCES", ["take an open one", ...lowPorts]],
  [failure("listen-failed", "EADDRNOTAVAIL"), undefined, "listen on 127.0.0.1:80: this machine has no such address", []],
])("%s", async (error, holder, message, hints) => {
  const problem = await listenProblem({ host: "127.0.0.1", port: 80 }, error, advice, async () => holder);
  expect(problem).toEqual({ code: error.code, message, hints: [...hints] });
});

test("of many addresses that are missing for one reason the same is said", async () => {
  const error = failure("listen-failed", "EADDRNOTAVAIL");
  const problems = [1, 2].map((number) => {
    return listenProblem(
      { host: `127.1.27.${number}`, port: 80 },
      error,
      { ...advice, absent: "there is 127.0.0.1 alone" },
      async () => undefined,
    );
  });
  expect((await Promise.all(problems)).map(({ message }) => message)).toEqual(["there is 127.0.0.1 alone", "there is 127.0.0.1 alone"]);
});

test.each([
  ["::1", "EADDRNOTAVAIL", true],
  ["::1", "EAFNOSUPPORT", true],
  ["::1", "EADDRINUSE", false],
  ["::1", "EACCES", false],
  ["127.0.0.2", "EADDRNOTAVAIL", false],
])("without %s, by %s, nothing is missed: %p", (host, code, expected) => {
  expect(isOptional({ host, port: 80 }, failure("listen-failed", code))).toBe(expected);
});
