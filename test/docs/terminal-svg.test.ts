/** The picture of a terminal has each run of text in its colour and its column, and nothing that acts. */

import { describe, expect, test } from "bun:test";
import { terminalSvg } from "#scripts/pictures/terminal-svg.ts";

/** Column in pixels, colour and text of each run. */
function runs(...rows: readonly string[]): string[] {
  const texts = terminalSvg("t", rows).matchAll(/<text x="([\d.]+)" y="[\d.]+" fill="(#\w+)"([^>]*?) textLength="([\d.]+)"[^>]*>([^<]*)</g);
  return [...texts].map(([, x, colour, more = "", length, text]) =>
    [x, colour, ...more.trim().split(" ").filter(Boolean), length, text].join(" "),
  );
}

describe("a run", () => {
  test("stands in its column, as wide as its cells", () => {
    expect(runs("a  bc", "  ○ idle")).toEqual(["18.0 #d7dae0 8.4 a", "43.2 #d7dae0 16.8 bc", "34.8 #d7dae0 50.4 ○ idle"]);
  });

  test("has its colour until another sequence", () => {
    expect(runs("\x1b[1;31mx\x1b[39my\x1b[0mz \x1b[2mw\x1b[22mv")).toEqual([
      '18.0 #ff6b73 font-weight="bold" 8.4 x',
      '26.4 #d7dae0 font-weight="bold" 8.4 y',
      "34.8 #d7dae0 8.4 z",
      '51.6 #d7dae0 opacity="0.6" 8.4 w',
      "60.0 #d7dae0 8.4 v",
    ]);
  });

  test("is not moved by a link's address", () => {
    expect(runs("\x1b]8;;http://a.localhost\x1b\\a\x1b]8;;\x1b\\b")).toEqual(["18.0 #d7dae0 8.4 a", "26.4 #d7dae0 8.4 b"]);
  });
});

test("markup in a row or a title is text", () => {
  const svg = terminalSvg("a<b", ["<script>&"]);
  expect(svg).toContain("<title>a&lt;b</title>");
  expect(svg).toContain("&lt;script&gt;&amp;");
  expect(svg).not.toContain("<script");
});
