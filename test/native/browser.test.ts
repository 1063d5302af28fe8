/** Which programs are asked to open a URL, and what counts as opened. */

import { describe, expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { file, write } from "bun";
import { openersFor, openInBrowser } from "#native/browser.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { eventually } from "#test/support/wait.ts";

const url = "http://grafana.localhost:8989";

function commands(platform: string, isWsl: boolean, BROWSER?: string): string[] {
  return openersFor(url, { platform, isWsl, environment: { BROWSER } }).map(({ command }) => command.join(" "));
}

test("each system has its own, and $BROWSER comes first", () => {
  expect(commands("linux", false)).toEqual([`xdg-open ${url}`]);
  expect(commands("darwin", false)).toEqual([`open ${url}`]);
  expect(commands("linux", true)).toEqual([`wslview ${url}`, `explorer.exe ${url}`, `xdg-open ${url}`]);
  expect(commands("linux", false, "firefox")).toEqual([`firefox ${url}`, `xdg-open ${url}`]);
  expect(commands("darwin", false, "open -a Safari %s:w3m")).toEqual([`open -a Safari ${url}`, `w3m ${url}`, `open ${url}`]);
  expect(commands("linux", false, "")).toEqual([`xdg-open ${url}`]);
});

describe("the first program that takes the URL ends the search", () => {
  /** A folder of programs, each a line of sh. */
  async function openWith(programs: Readonly<Record<string, string>>, BROWSER: string): Promise<string | undefined> {
    await using directory = await tempDir();
    for (const [name, line] of Object.entries(programs)) {
      await write(
        `${directory.path}/${name}`,
        `#!/bin/sh
${line}
`,
      );
      await chmod(`${directory.path}/${name}`, 0o755);
    }
    const opened = await openInBrowser(url, { BROWSER, PATH: directory.path, OUT: `${directory.path}/out` });
    if (opened === undefined) return undefined;
    return await eventually("what it was given", async () => `${opened}: ${await file(`${directory.path}/out`).text()}`);
  }

  test.concurrent("one that ends well", async () => {
    expect(await openWith({ good: 'echo "$@" > "$OUT"' }, "missing:good")).toBe(`good: ${url}\n`);
  });

  test.concurrent("not one that fails", async () => {
    expect(await openWith({ bad: "exit 3", good: 'echo "$@" > "$OUT"' }, "bad:good --new-tab %s")).toBe(`good: --new-tab ${url}\n`);
    expect(await openWith({ bad: "exit 3", "xdg-open": "exit 4" }, "bad")).toBeUndefined();
  });

  test.concurrent("one that stays as long as its browser", async () => {
    expect(await openWith({ stays: 'echo "$@" > "$OUT"; /bin/sleep 2' }, "stays")).toBe(`stays: ${url}\n`);
  });
});
