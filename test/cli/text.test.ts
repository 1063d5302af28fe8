/** The terminal's text: colours, columns, cut lines, drawing over, and exit codes. */

import { describe, expect, test } from "bun:test";
import { errorCodes, KtError } from "#base/errors.ts";
import { exitCodeFor, exitCodeOf } from "#cli/exit.ts";
import { LiveView } from "#cli/live-view.ts";
import type { ProfileStatus } from "#control/api.ts";
import { Output } from "#cli/output.ts";
import { RecordingSink } from "#test/support/recording-sink.ts";
import { alignColumns, fit, styleFor, visibleLength } from "#cli/style.ts";

function outputTo(
  isTTY: boolean,
  environment: Record<string, string> = {},
  options: { quiet?: boolean; logFormat?: "text" | "json" } = {},
  columns = 20,
) {
  const window = isTTY ? { columns, rows: columns / 4 } : undefined;
  const [stdout, stderr] = [new RecordingSink(window), new RecordingSink(window)];
  const output = new Output({ stdout, stderr, environment, verbose: false, quiet: false, logFormat: "text", ...options });
  return { stdout, stderr, output };
}

describe("errors", () => {
  test("have one voice", () => {
    const { stderr, output } = outputTo(false);
    output.error(new KtError("usage", 'no "a"', { hints: ["kt b", "kt c"] }));
    expect(stderr.text).toBe('kt: error: no "a"\nkt: hint: kt b\nkt: hint: kt c\n');
  });

  test.each([
    [true, {}, true],
    [true, { NO_COLOR: "1" }, false],
    [true, { NO_COLOR: "" }, true],
    [true, { TERM: "dumb" }, false],
    [false, {}, false],
  ])("are coloured only where that is wanted: %p %j", (isTTY, environment, coloured) => {
    const { stderr, output } = outputTo(isTTY, environment);
    output.error({ message: "x", hints: [] });
    expect(stderr.text.includes("\u001b")).toBe(coloured);
  });
});

test("quiet keeps results and warnings, and drops notes and information", () => {
  const { stdout, stderr, output } = outputTo(false, {}, { quiet: true });
  output.line("result");
  output.note("note");
  output.warning("careful");
  output.log("info", "hub");
  output.log("warn", "refused");
  expect(stdout.text).toBe("result\n");
  expect(stderr.text).toMatch(/^kt: warning: careful\n\S+ warn {2}refused\n$/);
});

test("log lines that nothing reads are counted, not kept", () => {
  const { stderr, output } = outputTo(false);
  stderr.waitingBytes = 2 ** 30;
  for (const text of ["a", "b"]) output.log("warn", "refused", { text });
  expect(stderr.text).toBe("");
  stderr.waitingBytes = 0;
  output.log("warn", "refused", { text: "c" });
  expect(stderr.text).toMatch(/2 lines were left out.*\n.*c\n$/);
});

describe("drawing", () => {
  test("goes over what was drawn, cut to the terminal", () => {
    const { stdout, output } = outputTo(true);
    output.redraw(["one", "two"]);
    output.redraw([`${"x".repeat(19)}yz`]);
    expect(stdout.text).toBe(`\u001b[2Kone\n\u001b[2Ktwo\n\u001b[J\u001b[2A\u001b[2K${"x".repeat(19)}y\n\u001b[J`);
  });

  test("on a terminal that does not know its size is as on a usual one", () => {
    const { stdout, output } = outputTo(true, {}, {}, 0);
    output.redraw(["one", "two"]);
    expect(stdout.text).toBe("\u001b[2Kone\n\u001b[2Ktwo\n\u001b[J");
  });

  test("never more lines than can be drawn over", () => {
    const { stdout, output } = outputTo(true);
    output.redraw(["1", "2", "3", "4", "5", "6"]);
    expect(stdout.text).toContain("3\n\u001b[2K… and 3 lines mor");
    expect(stdout.text).not.toContain("4\n");
  });

  test("begins anew below a warning", () => {
    const { stdout, output } = outputTo(true);
    output.redraw(["one"]);
    output.warning("x");
    output.redraw(["one"]);
    expect(stdout.text).not.toContain("\u001b[1A");
  });
});

test("off a terminal a problem and its hints stand below their route, once", () => {
  const { stdout, output } = outputTo(false);
  const problem = { code: "port-taken", message: "127.0.0.1:1 is taken", hints: ["kill 7", "choose another port"] } as const;
  const counts = { openConnections: 0, totalConnections: 0, requests: 0, receivedBytes: 0, sentBytes: 0 };
  const route = { kind: "tcp", name: "1", url: "localhost:1", target: "svc/db:1", state: "blocked", pods: [], ...counts, problem } as const;
  const profile: ProfileStatus = {
    profile: "/shop/tunnels.toml",
    name: "shop",
    pinned: false,
    clients: 1,
    listeners: [{ address: "127.0.0.1:1", open: false, problem: { ...problem, hints: [...problem.hints] } }],
    routes: [{ ...route, pods: [], problem: { ...problem, hints: [...problem.hints] } }],
    warnings: [],
  };
  const snapshot = { hub: { protocol: 1, version: "1", commit: "c", pid: 1, startedAtMs: 0 }, profiles: [profile] };
  new LiveView(output, profile.profile, ["Ctrl-C detaches"]).show(snapshot);
  expect(stdout.text).toBe(
    "shop /shop/tunnels.toml\n  localhost:1  svc/db:1  blocked  127.0.0.1:1 is taken\n    kill 7\n    choose another port\n",
  );
});

describe("columns", () => {
  const { red } = styleFor(true);

  test("are as wide as what is visible", () => {
    expect(
      alignColumns(
        [
          [red("a"), "b"],
          ["ccc", "d"],
        ],
        visibleLength,
      ),
    ).toEqual([`${red("a")}    b`, "ccc  d"]);
  });

  test("are cut without cutting colours", () => {
    expect(fit(red("abc"), 5)).toBe(red("abc"));
    expect(fit(red("abcdef"), 3)).toBe("\u001b[31mabc\u001b[0m");
    expect(visibleLength(fit(red("abcdef"), 3))).toBe(3);
  });
});

test("every error code has one of the four exit codes", () => {
  expect(new Set(errorCodes.map(exitCodeFor))).toEqual(new Set([1, 2, 3]));
  expect(exitCodeOf(new KtError("profile-syntax", ""))).toBe(2);
  expect(exitCodeOf(new KtError("credentials-failed", ""))).toBe(3);
  expect(exitCodeOf(new Error("x"))).toBe(1);
});
