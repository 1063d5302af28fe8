/** Peers are changed by what differs, and an edge's files: its key and where its uplinks were. */

import { describe, expect, test } from "bun:test";
import { statSync, writeFileSync } from "node:fs";
import { file } from "bun";
import { tempDir } from "#test/support/temp-dir.ts";
import { edgeKeys } from "#wireguard/edge-keys.ts";
import { RememberedEndpoints } from "#wireguard/remembered-endpoints.ts";
import { peerChanges } from "#wireguard/wireguard-link.ts";

const seen = { lastHandshakeMs: 0, receivedBytes: 0, sentBytes: 0, endpoint: undefined, keepaliveS: 25 };
const wanted = (publicKey: string, ip: string) => ({ publicKey, allowedIps: [ip], keepaliveS: 25 });

describe("the changes of peers", () => {
  test("are none where all is so", () => {
    const present = [{ ...seen, publicKey: "a", allowedIps: ["10.0.0.2/32", "10.0.0.3/32"], endpoint: "192.0.2.1:5" }];
    const peer = { publicKey: "a", allowedIps: ["10.0.0.3/32", "10.0.0.2/32"], keepaliveS: 25, endpoint: "192.0.2.9:1" };
    expect(peerChanges(present, [peer])).toEqual([]);
  });

  test("take away first, so that an address can move", () => {
    const present = [{ ...seen, publicKey: "a", allowedIps: ["10.0.0.2/32"] }];
    expect(peerChanges(present, [wanted("b", "10.0.0.2/32")]).map(({ kind, publicKey }) => `${kind} ${publicKey}`)).toEqual([
      "remove a",
      "add b",
    ]);
  });

  test("name what differs, and an endpoint only where none is known", () => {
    const present = [{ ...seen, publicKey: "a", allowedIps: ["10.0.0.2/32"] }];
    const moved = { ...wanted("a", "10.0.0.2/32"), endpoint: "192.0.2.1:5" };
    expect(peerChanges(present, [moved])).toEqual([
      { kind: "change", publicKey: "a", keepaliveS: undefined, allowedIps: undefined, endpoint: "192.0.2.1:5" },
    ]);
  });
});

describe("the key of an edge", () => {
  test("is made once, for its own user alone", async () => {
    await using folder = await tempDir();
    const made = await edgeKeys(folder.path);
    expect(await edgeKeys(folder.path)).toEqual(made);
    expect(statSync(`${folder.path}/wireguard.key`).mode & 0o777).toBe(0o600);
    expect(await file(`${folder.path}/wireguard.pub`).text()).toBe(`${made.publicKey}\n`);
  });

  test("is not replaced where it cannot be read, and is in no message", async () => {
    await using folder = await tempDir();
    writeFileSync(`${folder.path}/wireguard.key`, "c2VjcmV0\n");
    const refused = await edgeKeys(folder.path).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "wireguard-failed" });
    expect(String(refused)).not.toContain("c2VjcmV0");
    expect(await file(`${folder.path}/wireguard.key`).text()).toBe("c2VjcmV0\n");
  });
});

describe("remembered endpoints", () => {
  test("are there for the next one", async () => {
    await using folder = await tempDir();
    const path = `${folder.path}/endpoints.json`;
    const first = await RememberedEndpoints.read(path);
    await first.remember(
      new Map([
        ["a", "192.0.2.1:5"],
        ["b", "[2001:db8::1]:6"],
      ]),
    );
    const next = await RememberedEndpoints.read(path);
    expect([next.of("a"), next.of("b"), next.of("c")]).toEqual(["192.0.2.1:5", "[2001:db8::1]:6", undefined]);
  });

  test("of a file that holds something else are left out", async () => {
    await using folder = await tempDir();
    const path = `${folder.path}/endpoints.json`;
    for (const text of ["", "[", "null", '{"a":"x\\nprivate_key=0"}', '{"a":5}']) {
      writeFileSync(path, text);
      expect((await RememberedEndpoints.read(path)).of("a")).toBeUndefined();
    }
  });
});
