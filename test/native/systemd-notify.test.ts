/** What a service says to systemd, received as systemd would. */

import { ptr } from "bun:ffi";
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { cLibrary } from "#native/c-library.ts";
import { notifySystemd } from "#native/systemd-notify.ts";

const cases = describe.skipIf(process.platform !== "linux");
const folder = mkdtempSync(`${tmpdir()}/kt-notify-`);

afterAll(() => rmSync(folder, { recursive: true }));

/** What arrives at a socket of datagrams of that name while `send` runs. */
function received(name: Buffer, send: () => void): string {
  const c = cLibrary({
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
    close: { args: ["i32"], returns: "i32" },
  });
  const socket = c.socket(1, 2, 0);
  const address = Buffer.concat([Buffer.from([1, 0]), name]);
  expect(c.bind(socket, ptr(address), address.length)).toBe(0);
  send();
  const bytes = Buffer.alloc(100);
  // 0x40: it does not wait.
  const length = Number(c.recv(socket, ptr(bytes), 100n, 0x40));
  c.close(socket);
  return bytes.toString("utf8", 0, Math.max(0, length));
}

cases("systemd hears of a service that is ready (Linux)", () => {
  test("by the path of a socket", () => {
    const path = `${folder}/notify`;
    expect(received(Buffer.from(path), () => expect(notifySystemd("READY=1", path)).toBe(true))).toBe("READY=1");
  });

  test("by an abstract name", () => {
    const name = `kt-notify-${process.pid}`;
    expect(received(Buffer.from(`\0${name}`), () => expect(notifySystemd("READY=1", `@${name}`)).toBe(true))).toBe("READY=1");
  });

  test("unless it does not ask, or is not there", () => {
    expect(notifySystemd("READY=1", undefined)).toBe(false);
    expect(notifySystemd("READY=1", `${folder}/absent`)).toBe(false);
    expect(notifySystemd("READY=1", `/${"a".repeat(200)}`)).toBe(false);
  });
});
