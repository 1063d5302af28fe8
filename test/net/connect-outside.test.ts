/** Connecting for others: never to this machine, whatever the name or the address. */

import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { connectOutside, isWithin } from "#net/connect-outside.ts";
import { networkAddresses } from "#native/network-addresses.ts";

describe("leads back to this machine or its own link", () => {
  test.each([
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "0:0:0:0:0:0:0:1",
    "fe80::1",
    "FEBF::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "no address",
  ])("%s", (address) => expect(isWithin(address)).toBe(!address.includes("10.0.0.1")));

  test.each(["10.0.0.1", "192.168.1.1", "126.0.0.1", "128.0.0.1", "169.253.1.1", "fd00::1", "2001:db8::1", "fec0::1"])(
    "but not %s",
    (address) => expect(isWithin(address)).toBe(false),
  );
});

describe("a name", () => {
  const connect = (host: string, addresses: readonly string[]) =>
    connectOutside({ host, port: 1, signal: new AbortController().signal }, async () => [...addresses]);

  test.each([
    ["all of whose addresses are this machine's", ["127.0.0.1", "::1"], "leads to 127.0.0.1"],
    ["that has an address of a card of this machine", networkAddresses().slice(0, 1), "leads to"],
    ["without addresses", [], "this machine itself"],
  ])("%s is refused", async (_, addresses, words) => {
    // Without a network there is no card to come back by.
    await expect(connect("rebound.example", addresses)).rejects.toMatchObject({
      code: "name-refused",
      message: expect.stringContaining(addresses.length === 0 ? "this machine itself" : words),
    });
  });

  test("that is not there says so", async () => {
    // A label of 64 letters is asked for nowhere.
    const host = `${"x".repeat(64)}.invalid`;
    const failed = connectOutside({ host, port: 1, signal: new AbortController().signal });
    await expect(failed).rejects.toMatchObject({
      code: "target-not-found",
      message: expect.stringContaining(`find the address of "${host}"`),
    });
  });

  test("that leads outside as well is dialled there, until its client leaves", async () => {
    const aborted = AbortSignal.abort(new KtError("shutting-down", "kt is shutting down"));
    const failed = connectOutside({ host: "far.example", port: 1, signal: aborted }, async () => ["192.0.2.1", "127.0.0.1"]);
    await expect(failed).rejects.toMatchObject({ code: "shutting-down" });
  });
});
