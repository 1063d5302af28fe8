/** The terminal's text: colours, columns, cut lines, drawing over, and exit codes. */

import { describe, expect, test } from "bun:test";
import { errorCodes } from "#base/error-facts.ts";
import { KtError } from "#base/errors.ts";
import { exitCodeFor, exitCodeOf } from "#cli/exit.ts";
import { LiveView } from "#cli/screen/live-view.ts";
import type { ProfileStatus } from "#control/api.ts";
import { Output } from "#cli/screen/output.ts";
import { RecordingSink } from "#test/support/recording-sink.ts";
import { line, red } from "#base/text.ts";

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

const hostile = "a\u001b]0;x\u0007\u009b31m\u202eb\u200d\u2028c\td\r\nkt: hint: rm -rf ~";
const shown = "a\\x1b]0;x\\x07\\x9b31m\\u202eb\\u200d\\u2028c\\td";

describe("what others wrote", () => {
  test("shows its control characters, and begins no line", () => {
    const { stdout, stderr, output } = outputTo(false);
    output.line(["name ", hostile]);
    output.error({ message: hostile, hints: [hostile] });
    output.warning(hostile);
    output.log("warn", "refused", { route: hostile, text: hostile });
    expect(stdout.text).toBe(`name ${shown} ⏎ kt: hint: rm -rf ~\n`);
    const log = `${shown} ⏎ kt: hint: rm -rf ~`;
    expect(stderr.text.replace(/^\d.* warn {2}/m, "")).toBe(
      `kt: error: ${shown}\n    │ kt: hint: rm -rf ~\nkt: hint: ${shown}\n    │ kt: hint: rm -rf ~\nkt: warning: ${shown}\n    │ kt: hint: rm -rf ~\n${log} ${log}\n`,
    );
  });

  test("has no colours of its own on a terminal", () => {
    const { stdout, output } = outputTo(true, {}, {}, 200);
    output.line(red("\u001b[32mok"));
    output.raw("\u001b[32mok\n\tx");
    expect(stdout.text).toBe("\u001b[31m\\x1b[32mok\u001b[39m\n\\x1b[32mok\n\tx\n");
  });

  test("is passed on to programs as it is, and as JSON that shows all", () => {
    const { stdout, output } = outputTo(false);
    output.raw(hostile);
    output.json({ hostile });
    const [raw, json = ""] = [stdout.text.slice(0, hostile.length), stdout.text.slice(hostile.length + 1)];
    expect(raw).toBe(hostile);
    expect(JSON.parse(json)).toEqual({ hostile });
    expect(json).not.toMatch(/[\p{Cf}\x7f-\x9f\u2028]/u);
  });
});

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
  expect(stderr.text).toMatch(/^kt: warning: careful\n\S+ \S+ warn {2}- refused\n$/);
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

const lines = (...texts: string[]) => texts.map((text) => line(text));

describe("drawing", () => {
  test("goes over what was drawn, wrapped to the terminal", () => {
    const { stdout, output } = outputTo(true);
    output.show(() => lines("one", "two"));
    output.show(() => lines(`${"x".repeat(19)} yz`));
    expect(stdout.text).toBe(`\u001b[Jone\ntwo\n\u001b[2A\u001b[J${"x".repeat(19)}\nyz\n`);
  });

  test("on a terminal that does not know its size is as on a usual one", () => {
    const { stdout, output } = outputTo(true, {}, {}, 0);
    output.show(() => lines("one", "two"));
    expect(stdout.text).toBe("\u001b[Jone\ntwo\n");
  });

  test("never more lines than can be drawn over", () => {
    const { stdout, output } = outputTo(true);
    output.show(() => lines("1", "2", "3", "4", "5", "6"));
    expect(stdout.text).toContain("3\n… and 3 lines more:");
    expect(stdout.text).not.toContain("4\n");
  });

  test("stays below what comes meanwhile", () => {
    const { stdout, output } = outputTo(true);
    output.show(() => lines("table"));
    output.line("news");
    expect(stdout.text).toBe("\u001b[Jtable\n\u001b[1A\u001b[Jnews\ntable\n");
  });

  test("follows the size of the window, whose rows were broken when it became narrower", () => {
    const { stdout, output } = outputTo(true);
    output.show((columns) => lines(`${columns} ${"x".repeat(10)}`));
    stdout.resize(8, 24);
    expect(stdout.text).toBe(`\u001b[J20 ${"x".repeat(10)}\n\u001b[2A\u001b[J8\n${"x".repeat(8)}\nxx\n`);
  });

  test("is left where it is at the end", () => {
    const { stdout, output } = outputTo(true);
    output.show(() => lines("table"));
    output.settle();
    output.line("end");
    stdout.resize(8, 24);
    expect(stdout.text).toBe("\u001b[Jtable\nend\n");
  });
});

test("off a terminal a problem and its hints stand below their route, once", () => {
  const { stdout, output } = outputTo(false);
  const problem = { code: "port-taken", message: "127.0.0.1:1 is taken", hints: ["kill 7", "choose another port"] } as const;
  const counts = { openConnections: 0, totalConnections: 0, failures: 0, requests: 0, receivedBytes: 0, sentBytes: 0 };
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
    "shop  /shop/tunnels.toml\n  ✗ blocked   localhost:1  svc/db:1\n      127.0.0.1:1 is taken\n      kill 7\n      choose another port\n",
  );
});

test("every error code has one of the four exit codes", () => {
  expect(new Set(errorCodes.map(exitCodeFor))).toEqual(new Set([1, 2, 3]));
  expect(exitCodeOf(new KtError("profile-syntax", ""))).toBe(2);
  expect(exitCodeOf(new KtError("credentials-failed", ""))).toBe(3);
  expect(exitCodeOf(new Error("x"))).toBe(1);
});
