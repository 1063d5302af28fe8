/** Lines of an edge's logs, as the API server and journalctl write them, in one form and in their order; hostile ones do not act. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { inOrder, isAbout, journalLine, podLine } from "#cli/edge/edge-log-lines.ts";
import { logLine } from "#cli/screen/log-lines.ts";
import { spansOf } from "#base/text.ts";

const atMs = Date.parse("2026-03-01T12:00:00.123Z");

describe("lines of an edge's logs", () => {
  test("of pods: kt's own in both forms, and others as they are", () => {
    const pod = (text: string): object => podLine("operator", `2026-03-01T12:00:00.123456789Z ${text}`);
    expect(pod("2026-03-01 12:00:00 warn  - lease-not-renewed lease=a/b")).toEqual({
      atMs,
      level: "warn",
      source: "operator",
      text: "lease-not-renewed lease=a/b",
    });
    expect(pod('{"at":"2026-03-01T12:00:00.100Z","level":"error","event":"event","name":"infra/fra","text":"host away"}')).toEqual({
      atMs,
      level: "error",
      source: "operator",
      text: "host away name=infra/fra",
    });
    expect(pod('{"level":"loud"}')).toEqual({ atMs, level: "info", source: "operator", text: '{"level":"loud"}' });
    expect(podLine("uplink-0", "no time at all")).toEqual({ atMs: undefined, level: "info", source: "uplink-0", text: "no time at all" });
  });

  test("of the journal: by which program where it is not kt", () => {
    expect(journalLine("1772366400.123456 vps kt[77]: 2026-03-01 12:00:00 info  - edge-draining text=SIGTERM")).toEqual({
      atMs,
      level: "info",
      source: "edge",
      text: "edge-draining text=SIGTERM",
    });
    expect(journalLine("1772366400.123456 vps systemd[1]: Started kt: the public edge.").text).toBe(
      "systemd[1]: Started kt: the public edge.",
    );
  });

  test("of the operator are about the objects by their whole names", () => {
    expect(isAbout('{"name":"infra/fra","reason":"Provisioned"}', ["infra/fra"])).toBe(true);
    expect(isAbout("event name=infra/fra", ["infra/fra"])).toBe(true);
    for (const other of ["infra/fra-2", "infra/france", "my-infra/fra", "infra/fr"])
      expect(isAbout(`name=${other} x`, ["infra/fra"])).toBe(false);
  });

  test("any words are read without an error, and shown without acting", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (words) => {
        for (const { level, source, text } of [podLine("uplink-0", words), journalLine(words)]) {
          const shown = spansOf(logLine(atMs, level, "log", { route: source, text }).text);
          expect(shown.map((span) => span.text).join("")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
        }
      }),
    );
  });

  test("come in the order of their times; one without stays behind its own", () => {
    const line = (source: string, seconds: number | undefined, text: string): Parameters<typeof inOrder>[0][number] => ({
      atMs: seconds === undefined ? undefined : seconds * 1000,
      level: "info",
      source,
      text,
    });
    const lines = [line("a", 1, "a1"), line("a", undefined, "a1b"), line("a", 3, "a3"), line("b", 2, "b2"), line("b", 4, "b4")];
    expect(inOrder(lines).map(({ text }) => text)).toEqual(["a1", "a1b", "b2", "a3", "b4"]);
  });
});
