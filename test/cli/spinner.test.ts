/** What is waited for: seen on a terminal where it lasts, and nowhere else. */

import { describe, expect, test } from "bun:test";
import { Output } from "#cli/screen/output.ts";
import { RecordingSink } from "#test/support/recording-sink.ts";
import { eventually } from "#test/support/wait.ts";

const window = { columns: 60, rows: 10 };

function outputTo(
  stdout: RecordingSink,
  stderr: RecordingSink,
  more: { quiet?: boolean; environment?: Record<string, string> } = {},
): Output {
  return new Output({ stdout, stderr, environment: {}, verbose: false, quiet: false, logFormat: "text", ...more });
}

describe("what is waited for", () => {
  test("is said while it lasts, may change, and leaves nothing", async () => {
    const [stdout, stderr] = [new RecordingSink(window), new RecordingSink(window)];
    const result = await outputTo(stdout, stderr).waitFor("waiting for one", async (say) => {
      await eventually("the sign", () => stdout.text.includes("waiting for one"));
      say("waiting for two");
      await eventually("the other text", () => stdout.text.includes("waiting for two"));
      return 5;
    });
    expect(result).toBe(5);
    expect(stdout.text).toEndWith("\u001b[1A\u001b[J");
    expect(stderr.text).toBe("");
  });

  test("is on stderr where the result goes elsewhere", async () => {
    const [stdout, stderr] = [new RecordingSink(), new RecordingSink(window)];
    await outputTo(stdout, stderr).waitFor("waiting", () => eventually("the sign", () => stderr.text.includes("waiting")));
    expect(stdout.text).toBe("");
  });

  test("is not seen where it is over at once, nor in pipes, with -q or on a dumb terminal", async () => {
    const terminal = (): RecordingSink => new RecordingSink(window);
    const cases: [RecordingSink, Parameters<typeof outputTo>[2]][] = [
      [terminal(), {}],
      [new RecordingSink(), {}],
      [terminal(), { quiet: true }],
      [terminal(), { environment: { TERM: "dumb" } }],
    ];
    for (const [sink, more] of cases) {
      const output = outputTo(sink, sink, more);
      expect(output.spins).toBe(sink.isTTY && more?.quiet !== true && more?.environment === undefined);
      await output.waitFor("waiting", async () => {});
      expect(sink.text).toBe("");
    }
  });

  test("ends where the work fails", async () => {
    const sink = new RecordingSink(window);
    const work = outputTo(sink, sink).waitFor("waiting", async () => {
      await eventually("the sign", () => sink.text.includes("waiting"));
      throw new Error("no");
    });
    await expect(work).rejects.toThrow("no");
    expect(sink.text).toEndWith("\u001b[1A\u001b[J");
  });
});
