/** Tests that profiles share addresses, give up what they do not claim again, and that the file is written when something changed. */

import { expect, test } from "bun:test";
import { write } from "bun";
import { readAddresses } from "#host/address-file.ts";
import { AddressKeeper, type Claim } from "#host/address-keeper.ts";
import type { Owner } from "#host/address-book.ts";
import { hostLimits } from "#host/limits.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const owner = (name: string): Owner => ({ base: "127.1.27.1", cluster: "dev", namespace: "shop", name });
const none: ReadonlySet<string> = new Set();

async function open(path: string, listeners: ReadonlySet<string> = none) {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const keeper = await AddressKeeper.open({ path, clock, listeners: () => listeners, onUnwritable: (error) => errors.push(error) });
  const claim = (holder: string, ...names: string[]): (string | undefined)[] =>
    keeper.claimAll(holder, none, (give: Claim) => names.map((name) => give(owner(name))));
  return { keeper, clock, errors, claim };
}

test("two profiles have the same address for the same service, and it is given up when neither claims it", async () => {
  await using folder = await tempDir();
  const { keeper, clock, claim } = await open(`${folder.path}/addresses.json`);
  expect(claim("a", "svc/x", "svc/y")).toEqual(["127.1.27.1", "127.1.27.2"]);
  expect(claim("b", "svc/y")).toEqual(["127.1.27.2"]);
  clock.advance(1000);
  claim("a", "svc/x");
  keeper.drop("b");
  await keeper.close();
  const seen = new Map((await readAddresses(`${folder.path}/addresses.json`)).map(({ name, seenMs }) => [name, seenMs]));
  expect([...seen.keys()]).toEqual(["svc/x", "svc/y"]);
});

test("a restarted hub gives the same addresses, in whatever order they are claimed", async () => {
  await using folder = await tempDir();
  const first = await open(`${folder.path}/addresses.json`);
  first.claim("a", "svc/x", "svc/y", "svc/z");
  await first.keeper.close();
  const second = await open(`${folder.path}/addresses.json`);
  expect(second.claim("a", "svc/z", "svc/new", "svc/x")).toEqual(["127.1.27.3", "127.1.27.4", "127.1.27.1"]);
});

test("addresses that another program listens at, and those that are reserved, are not given away", async () => {
  await using folder = await tempDir();
  const { keeper, claim } = await open(`${folder.path}/addresses.json`, new Set(["127.1.27.1"]));
  keeper.claimAll("b", new Set(["127.1.27.2"]), () => {});
  expect(claim("a", "svc/x")).toEqual(["127.1.27.3"]);
  expect(keeper.claimAll("a", new Set(["127.1.27.3"]), (give) => give(owner("svc/x")))).toBe("127.1.27.4");
});

test("the file is written a moment after a change, and not where nothing changed", async () => {
  await using folder = await tempDir();
  const path = `${folder.path}/addresses.json`;
  const { keeper, clock, claim } = await open(path);
  claim("a", "svc/x");
  clock.advance(hostLimits.addressWriteMs);
  await keeper.close();
  expect(await readAddresses(path)).toHaveLength(1);
  await write(path, "[]");
  claim("a", "svc/x");
  clock.advance(hostLimits.addressWriteMs);
  await keeper.close();
  expect(await readAddresses(path)).toEqual([]);
});

test("a file that cannot be written is reported, and addresses are given all the same", async () => {
  const { keeper, errors, claim } = await open("/dev/null/addresses.json");
  expect(claim("a", "svc/x")).toEqual(["127.1.27.1"]);
  await keeper.close();
  expect(errors).toHaveLength(1);
});
