/** Tests that every service has an address of its own, the same one after restarts, and none that another program has. */

import { describe, expect, test } from "bun:test";
import { write } from "bun";
import fc from "fast-check";
import { parseIpv4 } from "#base/ipv4.ts";
import { AddressBook, type Owner, type Remembered } from "#host/address-book.ts";
import { readAddresses, writeAddresses } from "#host/address-file.ts";
import { hostLimits } from "#host/limits.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const base = "127.1.27.1";
const free = (): boolean => false;
const owner = (name: string, namespace = "shop", cluster = "dev"): Owner => ({ base, cluster, namespace, name });

describe("addresses", () => {
  test("count up within a namespace, namespaces within a cluster, and clusters", () => {
    const book = new AddressBook();
    const claim = (...args: Parameters<typeof owner>): string | undefined => book.claim(owner(...args), free);
    expect([claim("svc/a"), claim("svc/b"), claim("svc/a")]).toEqual(["127.1.27.1", "127.1.27.2", "127.1.27.1"]);
    expect([claim("svc/a", "team"), claim("svc/a", "shop", "prod"), claim("svc/a", "team", "prod")]).toEqual([
      "127.1.28.1",
      "127.2.27.1",
      "127.2.28.1",
    ]);
  });

  test("begin where the profile says", () => {
    const book = new AddressBook();
    expect(book.claim({ ...owner("svc/a"), base: "127.40.9.100" }, free)).toBe("127.40.9.100");
    expect(book.claim({ ...owner("svc/b"), base: "127.40.9.100" }, free)).toBe("127.40.9.101");
  });

  test("go on in another block after 254 of a namespace", () => {
    const book = new AddressBook();
    const given = Array.from({ length: 1000 }, (_, at) => book.claim(owner(`svc/s${at}`), free));
    expect(new Set(given).size).toBe(1000);
    expect([given[253], given[254], given[999]]).toEqual(["127.1.27.254", "127.1.28.1", "127.1.30.238"]);
    expect(book.claim(owner("svc/a", "team"), free)).toBe("127.1.31.1");
  });

  test("that another program listens on are passed over, and left when it came first", () => {
    const taken = new Set(["127.1.27.1", "127.1.27.3"]);
    const isTaken = (address: string, isLive: boolean): boolean => !isLive && taken.has(address);
    const book = new AddressBook([{ ...owner("svc/b"), address: "127.1.27.3", seenMs: 0 }]);
    expect(book.claim(owner("svc/a"), isTaken)).toBe("127.1.27.2");
    expect(book.claim(owner("svc/b"), isTaken)).toBe("127.1.27.4");
    taken.add("127.1.27.4");
    expect(book.claim(owner("svc/b"), isTaken)).toBe("127.1.27.4");
  });

  test("of those that went the longest ago are given away first, and only when a block is full", () => {
    const book = new AddressBook();
    for (let at = 0; at < 254; at++) book.claim(owner(`svc/s${at}`), free);
    book.release(owner("svc/s7"), 200);
    book.release(owner("svc/s9"), 100);
    expect(book.claim(owner("svc/new"), free)).toBe("127.1.27.10");
    expect(book.claim(owner("svc/s7"), free)).toBe("127.1.27.8");
    expect(book.claim(owner("svc/s9"), free)).toBe("127.1.28.1");
  });

  test("are forgotten when the service was not seen for long", () => {
    const remembered: Remembered[] = [
      { ...owner("svc/old"), address: "127.1.27.1", seenMs: 0 },
      { ...owner("svc/new"), address: "127.1.27.2", seenMs: hostLimits.addressMemoryMs },
    ];
    const book = new AddressBook(remembered, hostLimits.addressMemoryMs + 1);
    expect(book.remembered(0).map(({ name }) => name)).toEqual(["svc/new"]);
  });

  test("that a file says wrongly are left out", () => {
    const wrong = ["10.0.0.1", "127.1.27", "127.1.27.999", "localhost"].map((address, at) => ({
      ...owner(`svc/w${at}`),
      address,
      seenMs: 0,
    }));
    const twice = ["svc/a", "svc/b"].map((name) => ({ ...owner(name), address: "127.1.27.9", seenMs: 0 }));
    const foreign = { ...owner("svc/c", "team"), address: "127.1.27.10", seenMs: 0 };
    const book = new AddressBook([...wrong, ...twice, foreign]);
    expect(book.remembered(0).map(({ name, address }) => `${name} ${address}`)).toEqual(["svc/a 127.1.27.9"]);
  });
});

const step = fc.record({
  act: fc.constantFrom("claim", "claim", "claim", "release", "restart"),
  name: fc.integer({ min: 0, max: 600 }),
  namespace: fc.constantFrom("shop", "team", "kube-system"),
  cluster: fc.constantFrom("dev", "prod"),
});

test("whatever comes and goes: no two live owners share an address, each keeps its own, and namespaces share no block", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), fc.integer({ min: 0, max: 254 }), (steps, takenNumber) => {
      const isTaken = (address: string, isLive: boolean): boolean => !isLive && address.endsWith(`.${takenNumber}`);
      let book = new AddressBook();
      const live = new Map<string, string>();
      for (const [at, { act, name, namespace, cluster }] of steps.entries()) {
        const who = owner(`svc/s${name}`, namespace, cluster);
        const key = `${cluster}/${namespace}/${name}`;
        if (act === "release") {
          book.release(who, at);
          live.delete(key);
        } else if (act === "restart") book = new AddressBook(book.remembered(at), at);
        else {
          const address = book.claim(who, isTaken) ?? "";
          expect(parseIpv4(address)).toBeGreaterThan(0x7f000000);
          expect(address.endsWith(`.${takenNumber}`)).toBe(false);
          expect(live.get(key) ?? address).toBe(address);
          live.set(key, address);
        }
      }
      expect(new Set(live.values()).size).toBe(live.size);
      const blocks = Map.groupBy(book.remembered(0), ({ address }) => address.slice(0, address.lastIndexOf(".")));
      for (const entries of blocks.values()) expect(new Set(entries.map((each) => `${each.cluster}/${each.namespace}`)).size).toBe(1);
    }),
  );
});

test("the file is read as it was written, and one that is broken or not there gives nothing", async () => {
  await using folder = await tempDir();
  const path = `${folder.path}/state/addresses.json`;
  expect(await readAddresses(path)).toEqual([]);
  const book = new AddressBook();
  book.claim(owner("svc/a"), free);
  await writeAddresses(path, book.remembered(5));
  expect(await readAddresses(path)).toEqual([{ ...owner("svc/a"), address: "127.1.27.1", seenMs: 5 }]);
  await write(path, '{"version":1,"addresses":[{"name":"svc/a"},');
  expect(await readAddresses(path)).toEqual([]);
  await write(path, '{"version":1,"addresses":[{"name":"svc/a"},7,null]}');
  expect(await readAddresses(path)).toEqual([]);
});
