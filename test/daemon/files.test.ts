/** The hub's directory and its log: private, owned, bounded. */

import { describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { file } from "bun";
import { daemonLimits } from "#daemon/limits.ts";
import type { Surroundings } from "#control/socket-path.ts";
import { LogFile, openLogFile } from "#daemon/process/log-file.ts";
import type { LogFields } from "#base/log.ts";
import { formatLogLine } from "#daemon/process/log-line.ts";
import { ensureRuntimeDirectory } from "#daemon/process/runtime-dir.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const uid = process.getuid?.() ?? 0;

function at(environment: Record<string, string>, as = uid): Surroundings {
  return { platform: "linux", uid: as, home: "/home/me", environment };
}

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}

describe("the runtime directory", () => {
  test("is made private, and made private again", async () => {
    await using parent = await tempDir();
    const surroundings = at({ XDG_RUNTIME_DIR: parent.path });
    const directory = await ensureRuntimeDirectory(surroundings);
    expect(directory).toBe(`${parent.path}/kt`);
    expect(await modeOf(directory)).toBe(0o700);
    await chmod(directory, 0o755);
    await ensureRuntimeDirectory(surroundings);
    expect(await modeOf(directory)).toBe(0o700);
  });

  test("in a shared place is named after the user, however that place is written", async () => {
    await using parent = await tempDir();
    await symlink(parent.path, `${parent.path}/link`);
    for (const TMPDIR of [parent.path, `${parent.path}/`, `${parent.path}/link`]) {
      const stranger = at({ TMPDIR }, uid + 54_321);
      await expect(ensureRuntimeDirectory(stranger)).rejects.toMatchObject({ message: expect.stringContaining(`/kt-${uid + 54_321}"`) });
    }
  });

  test("in a shared place that is not the user's is refused", async () => {
    await using parent = await tempDir();
    // No such user has a /run/user of its own, and the directory will be ours.
    const stranger = at({ TMPDIR: parent.path }, uid + 54_321);
    const refused = ensureRuntimeDirectory(stranger);
    await expect(refused).rejects.toMatchObject({
      code: "hub-failed",
      message: expect.stringContaining(`belongs to another user (uid ${uid})`),
    });
  });

  test.each([["to a directory"], ["to nothing"]])(
    "that is a link %s is refused with words, and nothing is made behind it",
    async (where) => {
      await using parent = await tempDir();
      const elsewhere = `${parent.path}/elsewhere`;
      if (where === "to a directory") await mkdir(elsewhere);
      await symlink(elsewhere, `${parent.path}/kt`);
      await expect(ensureRuntimeDirectory(at({ XDG_RUNTIME_DIR: parent.path }))).rejects.toMatchObject({
        code: "hub-failed",
        message: `"${parent.path}/kt" is a link, which may lead anywhere, so the hub's socket is not put there`,
        hints: [expect.stringContaining(`ls -ld ${parent.path}/kt`), expect.stringContaining("export XDG_RUNTIME_DIR=")],
      });
      expect(await readdir(parent.path)).toEqual(where === "to a directory" ? ["elsewhere", "kt"] : ["kt"]);
    },
  );

  test("that is a file is refused with words", async () => {
    await using parent = await tempDir();
    await writeFile(`${parent.path}/kt`, "");
    const refused = ensureRuntimeDirectory(at({ XDG_RUNTIME_DIR: parent.path }));
    await expect(refused).rejects.toMatchObject({ message: expect.stringContaining('/kt" is not a directory, so') });
  });

  test("that cannot be made is reported as such", async () => {
    await using parent = await tempDir();
    await writeFile(`${parent.path}/file`, "");
    await expect(ensureRuntimeDirectory(at({ XDG_RUNTIME_DIR: `${parent.path}/file` }))).rejects.toMatchObject({ code: "hub-failed" });
  });
});

describe("the log file", () => {
  test("keeps its lines in order", async () => {
    await using directory = await tempDir();
    const log = new LogFile(directory.path);
    for (const line of ["one", "two", "three"]) log.write(line);
    await log.flushed();
    expect(await file(`${directory.path}/hub.log`).text()).toBe("one\ntwo\nthree\n");
    expect(await modeOf(`${directory.path}/hub.log`)).toBe(0o600);
  });

  test("is cut to one old generation at its limit", async () => {
    await using directory = await tempDir();
    const path = `${directory.path}/hub.log`;
    await writeFile(path, "x".repeat(daemonLimits.hubLogBytes));
    const opened = await openLogFile(directory.path);
    const log = new LogFile(directory.path);
    log.write("new");
    await log.flushed();
    await opened.close();
    expect(await file(path).text()).toBe("new\n");
    expect(file(`${path}.1`).size).toBe(daemonLimits.hubLogBytes);
  });
});

test("log lines have a time, a level, a route and a text", () => {
  const at = new Date(2026, 0, 2, 3, 4, 5);
  const line = (format: "text" | "json", fields: LogFields) => formatLogLine(format, at.getTime(), "warn", "refused", fields);
  expect(line("text", { route: "a.localhost", text: 'no "a"', port: 80, pod: undefined })).toBe(
    '2026-01-02 03:04:05 warn  a.localhost no "a" port=80',
  );
  expect(line("text", { reason: "x y" })).toBe('2026-01-02 03:04:05 warn  - refused reason="x y"');
  expect(line("text", { text: "a\u001b[2J\nkt: hint: b" })).toBe("2026-01-02 03:04:05 warn  - a\\x1b[2J ⏎ kt: hint: b");
  expect(line("json", { text: "\u202e\u009b" })).toContain('"text":"\\u202e\\u009b"');
  expect(JSON.parse(line("json", { text: "a", port: 80 }))).toEqual({
    at: at.toISOString(),
    level: "warn",
    event: "refused",
    text: "a",
    port: 80,
  });
});

test("log lines have no secrets, in either format, and JSON stays JSON", () => {
  const fields = { server: "https://me:canary@api:6443", text: 'said "password":"canary"' };
  const [text, json] = (["text", "json"] as const).map((format) => formatLogLine(format, 0, "info", "kubeconfig-reloaded", fields));
  expect(text).toContain("https://***@api:6443");
  expect(JSON.parse(json ?? "")).toMatchObject({ event: "kubeconfig-reloaded", server: "https://***@api:6443" });
  expect(text + (json ?? "")).not.toContain("canary");
});
