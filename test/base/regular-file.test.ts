/** Files that a stranger may name: what is not a regular file, or is too large, is refused without waiting for it. */

import { afterAll, describe, expect, test } from "bun:test";
import { stat, symlink } from "node:fs/promises";
import { spawnSync, write } from "bun";
import { messageOf } from "#base/errors.ts";
import { readRegularFile } from "#base/regular-file.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const directory = await tempDir();
afterAll(() => directory[Symbol.asyncDispose]());
const at = (name: string): string => `${directory.path}/${name}`;
const options = { mostBytes: 1024 * 1024, code: "profile-unreadable" } as const;

function refusal(path: string): string {
  try {
    readRegularFile(path, options);
    return "read";
  } catch (thrown) {
    return messageOf(thrown);
  }
}

describe("a regular file", () => {
  test("is read whole, with its owner", async () => {
    await write(at("plain"), "text");
    expect(readRegularFile(at("plain"), options)).toEqual({
      bytes: Buffer.from("text"),
      uid: process.getuid?.() ?? -1,
      mode: (await stat(at("plain"))).mode,
    });
  });

  test("may be as large as it may, and not a byte larger", async () => {
    await write(at("most"), new Uint8Array(options.mostBytes));
    await write(at("more"), new Uint8Array(options.mostBytes + 1));
    expect(readRegularFile(at("most"), options).bytes.length).toBe(options.mostBytes);
    expect(refusal(at("more"))).toBe("it is larger than 1 MiB");
  });

  test.if(process.platform === "linux")("that says it is empty is read all the same", () => {
    expect(Buffer.from(readRegularFile("/proc/self/environ", options).bytes).toString()).toContain("PATH=");
  });
});

describe("what is not a regular file", () => {
  test("is refused without a wait", async () => {
    spawnSync(["mkfifo", at("pipe")]);
    await symlink(at("pipe"), at("link"));
    expect(refusal(at("pipe"))).toBe("it is a pipe, not a regular file");
    expect(refusal(at("link"))).toBe("it is a pipe, not a regular file");
    expect(refusal("/dev/zero")).toBe("it is a device, not a regular file");
    expect(refusal(directory.path)).toBe("it is a directory, not a regular file");
    expect(refusal(at("nothing"))).toContain("ENOENT");
  });
});
