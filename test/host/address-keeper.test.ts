/** Tests that profiles share addresses, give up what they do not claim again, and that the file is written when something changed. */

import { expect, test } from "bun:test";
import { readAddresses } from "#host/address-file.ts";
import { AddressKeeper } from "#host/address-keeper.ts";
import type { Owner } from "#host/address-book.ts";
import { hostLimits } from "#host/limits.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const owner = (name: string): Owner => ({ base: "127.1.27.1", cluster: "dev", namespace: "shop", name });
const none: ReadonlySet<string> = new Set();

async function open(path: string, listeners: ReadonlySet<string> = none, own?: ReadonlySet<string>) {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const looks = { count: 0 };
  const look = (): ReadonlySet<string> => {
    looks.count += 1;
    return new Set(listeners);
  };
  const keeper = await AddressKeeper.open({ path, clock, listeners: look, own: () => own, onUnwritable: (error) => errors.push(error) });
  const claimer = (reserved = none) => {
    const lease = keeper.lease(reserved);
    return { ...lease, claimAll: (...names: string[]) => names.map((name) => lease.claim(owner(name))) };
  };
  return { keeper, clock, errors, looks, claimer };
}

test("two profiles have the same address for the same service, and it is given up when neither claims it", async () => {
  await using folder = await tempDir();
  const { keeper, clock, claimer } = await open(`${folder.path}/addresses.json`);
  const [a, b] = [claimer(), claimer()];
  expect(a.claimAll("svc/x", "svc/y")).toEqual(["127.1.27.1", "127.1.27.2"]);
  expect(b.claimAll("svc/y", "svc/y")).toEqual(["127.1.27.2", "127.1.27.2"]);
  await clock.advance(1000);
  a.release(owner("svc/y"));
  await clock.advance(1000);
  b.close();
  await clock.advance(1000);
  await keeper.close();
  const seen = new Map((await readAddresses(`${folder.path}/addresses.json`)).map(({ name, seenMs }) => [name, seenMs - clock.wallMs()]));
  expect([...seen]).toEqual([
    // When the file was written, and when neither claimed it any more.
    ["svc/x", -800],
    ["svc/y", -1000],
  ]);
});

test("a restarted hub gives the same addresses, in whatever order they are claimed", async () => {
  await using folder = await tempDir();
  const first = await open(`${folder.path}/addresses.json`);
  first.claimer().claimAll("svc/x", "svc/y", "svc/z");
  await first.keeper.close();
  const second = await open(`${folder.path}/addresses.json`);
  expect(second.claimer().claimAll("svc/z", "svc/new", "svc/x")).toEqual(["127.1.27.3", "127.1.27.4", "127.1.27.1"]);
});

test("an owner that comes back at once has its address again, though it was seen listening there itself", async () => {
  await using folder = await tempDir();
  const listening = new Set<string>();
  const { claimer, clock } = await open(`${folder.path}/addresses.json`, listening);
  const lease = claimer();
  const [address = ""] = lease.claimAll("pod/db-1");
  listening.add(address);
  await clock.advance(hostLimits.listenersFreshMs);
  lease.claimAll("svc/x");
  lease.release(owner("pod/db-1"));
  listening.delete(address);
  expect(lease.claimAll("pod/db-1")).toEqual([address]);
});

test("addresses that another program listens at, and those that are reserved, are not given away", async () => {
  await using folder = await tempDir();
  const { claimer } = await open(`${folder.path}/addresses.json`, new Set(["127.1.27.1"]));
  const reserving = claimer(new Set(["127.1.27.2"]));
  expect(claimer().claimAll("svc/x")).toEqual(["127.1.27.3"]);
  expect(claimer(new Set(["127.1.27.3"])).claimAll("svc/x")).toEqual(["127.1.27.4"]);
  reserving.close();
  expect(claimer().claimAll("svc/y")).toEqual(["127.1.27.2"]);
});

test("where the machine has few addresses, only those are given away, in whichever block they are", async () => {
  await using folder = await tempDir();
  const own = new Set(["127.0.0.1", "127.1.27.2", "127.1.29.7"]);
  const { claimer } = await open(`${folder.path}/addresses.json`, none, own);
  expect(claimer().claimAll("svc/x", "svc/y", "svc/z")).toEqual(["127.1.27.2", "127.1.29.7", undefined]);
});

test("what programs listen at is looked up once for a thousand services, and again later", async () => {
  await using folder = await tempDir();
  const { clock, looks, claimer } = await open(`${folder.path}/addresses.json`);
  const lease = claimer();
  lease.claimAll(...Array.from({ length: 1000 }, (_, at) => `svc/${at}`));
  expect(looks.count).toBe(1);
  await clock.advance(hostLimits.listenersFreshMs);
  lease.claimAll("svc/later");
  expect(looks.count).toBe(2);
});

test("the file is written a moment after a change", async () => {
  await using folder = await tempDir();
  const path = `${folder.path}/addresses.json`;
  const { keeper, clock, claimer } = await open(path);
  claimer().claimAll("svc/x");
  await clock.advance(hostLimits.addressWriteMs);
  await keeper.close();
  expect(await readAddresses(path)).toHaveLength(1);
});

test("a file that cannot be written is reported, and addresses are given all the same", async () => {
  const { keeper, errors, claimer } = await open("/dev/null/addresses.json");
  expect(claimer().claimAll("svc/x")).toEqual(["127.1.27.1"]);
  await keeper.close();
  expect(errors).toHaveLength(1);
});
