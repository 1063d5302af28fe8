/** Listening addresses: opened, swapped and closed as wanted; a taken one is reported with its holder and tried again. */

import { formatListen } from "#profile/values/listen.ts";
import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { daemonLimits } from "#daemon/limits.ts";
import { type Doors, Listeners } from "#daemon/listening/listeners.ts";

import { Listening } from "#daemon/listening/listening.ts";
import { wantedBy } from "#daemon/listening/reconcile.ts";
import type { DiscoveredPort } from "#daemon/listening/wanted.ts";
import { describeEvent } from "#observe/describe.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { planOf } from "./plans.ts";

class FakeDoors {
  readonly open = new Set<string>();
  /** The error code of addresses that cannot be opened. */
  readonly failing = new Map<string, string>();
  readonly swaps: string[] = [];
  readonly byName: Doors = { http: this.#door(), tcp: this.#door() };

  #door(): Doors[string] {
    return {
      listen: (address) => {
        const key = formatListen(address);
        const code = this.failing.get(key);
        const cause = Object.assign(new Error("no"), { code });
        if (code !== undefined)
          throw new KtError(code === "EADDRINUSE" ? "port-taken" : "listen-failed", `listen on ${key}: no`, { cause });
        this.open.add(key);
        return { port: address.port, leadTo: () => void this.swaps.push(key), close: () => void this.open.delete(key) };
      },
    };
  }
}

function setup() {
  const doors = new FakeDoors();
  const clock = new ManualClock();
  const told: string[] = [];
  const holderOf = async ({ port }: ListenAddress) => ({ who: `"holder-of-${port}" (pid 77)`, fixes: ["kill 77"] });
  const listeners = new Listeners({ doors: doors.byName, clock, report: (event) => told.push(describeEvent(event)), holderOf });
  return { doors, clock, told, listeners };
}

const text = '[http]\nlisten = ["127.0.0.1:8989", "[::1]:8989"]\n[tcp]\n5432 = "svc/db:1"\n6000 = "svc/x:1"\n';

test("opens what is wanted, closes what is not", async () => {
  const { doors, listeners } = setup();
  const plan = await planOf("/shop/tunnels.toml", text);
  listeners.apply(wantedBy([plan]));
  expect(doors.open.size).toBe(6);
  listeners.apply(wantedBy([await planOf("/shop/tunnels.toml", '[http]\nlisten = ["127.0.0.1:8989"]\n')]));
  expect([...doors.open]).toEqual(["127.0.0.1:8989"]);
  expect(doors.swaps).toEqual(["127.0.0.1:8989"]);
  listeners.close();
  expect(doors.open.size).toBe(0);
});

test("a taken port harms itself only, names its holder once, and opens when it becomes free", async () => {
  const { doors, clock, told, listeners } = setup();
  doors.failing.set("127.0.0.1:5432", "EADDRINUSE");
  listeners.apply(wantedBy([await planOf("/shop/tunnels.toml", text)]));
  await listeners.settled();
  expect(doors.open.size).toBe(4);
  expect(listeners.state("127.0.0.1:5432").problem).toMatchObject({
    code: "port-taken",
    hints: [
      "kill 77",
      "choose another port in tunnels.toml",
      '[::1]:5432 is not opened either, since localhost may lead to both; to have it alone, listen on "[::1]:5432"',
    ],
  });
  await clock.advance(daemonLimits.portRetryMs * 3);
  const about = () => told.filter((line) => line.includes("127.0.0.1:5432"));
  expect(about()).toEqual(['cannot listen on 127.0.0.1:5432: 127.0.0.1:5432 is taken by "holder-of-5432" (pid 77)']);
  doors.failing.clear();
  await clock.advance(daemonLimits.portRetryMs);
  expect(listeners.state("127.0.0.1:5432")).toMatchObject({ port: 5432, problem: undefined });
  expect(about()).toHaveLength(2);
});

test("an address that another profile has among all others names that one, and no process to kill", async () => {
  const { doors, listeners } = setup();
  doors.failing.set("127.0.0.1:5432", "EADDRINUSE");
  const wide = await planOf("/wide/tunnels.toml", '[tcp."0.0.0.0:5432"]\ntarget = "svc/db:1"\nexpose = true\n');
  listeners.apply(wantedBy([wide, await planOf("/shop/tunnels.toml", '[tcp]\n"127.0.0.1:5432" = "svc/db:1"\n')]));
  await listeners.settled();
  expect(listeners.state("127.0.0.1:5432").problem).toMatchObject({
    code: "port-taken",
    message: "127.0.0.1:5432 is taken by 0.0.0.0:5432, which kt listens on for another route",
    hints: ["kt status", "choose another port in tunnels.toml"],
  });
});

test("an address that is no longer wanted is not tried again", async () => {
  const { doors, clock, listeners } = setup();
  doors.failing.set("127.0.0.1:5432", "EADDRINUSE");
  listeners.apply(wantedBy([await planOf("/shop/tunnels.toml", text)]));
  listeners.apply(wantedBy([]));
  doors.failing.clear();
  await clock.advance(daemonLimits.portRetryMs * 2);
  expect(doors.open.size).toBe(0);
});

test("a swap while an address is taken counts when it opens", async () => {
  const { doors, clock, listeners } = setup();
  doors.failing.set("127.0.0.1:5432", "EADDRINUSE");
  const before = wantedBy([await planOf("/shop/tunnels.toml", '[tcp]\n"127.0.0.1:5432" = "svc/db:1"\n')]);
  listeners.apply(before);
  listeners.apply(wantedBy([await planOf("/shop/tunnels.toml", '[tcp]\n"127.0.0.1:5432" = "svc/db:2"\n')], before));
  expect(doors.swaps).not.toContain("127.0.0.1:5432");
  doors.failing.clear();
  await clock.advance(daemonLimits.portRetryMs);
  expect(doors.open.has("127.0.0.1:5432")).toBe(true);
});

describe("the two faces of localhost", () => {
  const both = '[http]\nlisten = [8989]\n[tcp]\n5432 = "svc/db:1"\n';

  test.each(["127.0.0.1", "[::1]"])(
    "are not opened while %s is taken, also later, and told without a word about the other",
    async (host) => {
      const { doors, clock, told, listeners } = setup();
      for (const port of [8989, 5432]) doors.failing.set(`${host}:${port}`, "EADDRINUSE");
      listeners.apply(wantedBy([await planOf("/shop/tunnels.toml", both)]));
      await listeners.settled();
      await clock.advance(daemonLimits.portRetryMs * 3);
      expect([...doors.open]).toEqual([]);
      expect(told).toEqual(
        [8989, 5432].map((port) => `cannot listen on ${host}:${port}: ${host}:${port} is taken by "holder-of-${port}" (pid 77)`),
      );
      doors.failing.clear();
      await clock.advance(daemonLimits.portRetryMs);
      expect(doors.open.size).toBe(4);
      expect(told.filter((line) => line.startsWith("listening")).length).toBe(4);
    },
  );

  test("are closed again where the second is taken just when the first becomes free", async () => {
    const { doors, clock, listeners } = setup();
    doors.failing.set("127.0.0.1:5432", "EADDRINUSE");
    listeners.apply(wantedBy([await planOf("/shop/tunnels.toml", '[http]\nlisten = ["127.0.0.1:8989"]\n[tcp]\n5432 = "svc/db:1"\n')]));
    doors.failing.clear();
    doors.failing.set("[::1]:5432", "EADDRINUSE");
    await clock.advance(daemonLimits.portRetryMs);
    expect([...doors.open]).toEqual(["127.0.0.1:8989"]);
  });

  test("are independent where the profile names one alone", async () => {
    const { doors, listeners } = setup();
    doors.failing.set("127.0.0.1:5432", "EADDRINUSE");
    const alone = '[http]\nlisten = ["[::1]:8989"]\n[tcp]\n"[::1]:5432" = "svc/db:1"\n';
    listeners.apply(wantedBy([await planOf("/shop/tunnels.toml", alone)]));
    expect([...doors.open]).toEqual(["[::1]:8989", "[::1]:5432"]);
  });

  test("are both another profile's when it has one of them", async () => {
    const { doors, listeners } = setup();
    const one = await planOf(
      "/one/tunnels.toml",
      '[http]\nlisten = ["127.0.0.1:1"]\n[tcp]\n"127.0.0.1:5432" = "svc/db:1"\n"[::1]:8989" = "svc/x:1"\n',
    );
    const wanted = wantedBy([one, await planOf("/shop/tunnels.toml", both)]);
    listeners.apply(wanted);
    expect([...doors.open].sort()).toEqual(["127.0.0.1:1", "127.0.0.1:5432", "[::1]:8989"]);
    expect(wanted.clashes.map(({ kind, route }) => `${kind} ${route}`)).toEqual(["listener [::1]:8989", "port 5432"]);
  });
});

describe("a machine without IPv6", () => {
  test("does not miss ::1", async () => {
    const { doors, told, listeners } = setup();
    for (const port of [8989, 5432, 6000]) doors.failing.set(`[::1]:${port}`, "EADDRNOTAVAIL");
    listeners.apply(wantedBy([await planOf("/shop/tunnels.toml", text)]));
    await listeners.settled();
    expect(told.filter((line) => line.startsWith("cannot"))).toEqual([]);
    expect(listeners.state("[::1]:8989")).toMatchObject({ isOptional: true });
  });
});

describe("what is discovered", () => {
  /** `count` ports of services, each on an address of its own. */
  const found = (count: number, profile = "/shop/tunnels.toml"): DiscoveredPort[] =>
    Array.from({ length: count }, (_, at) => {
      const target = { kind: "service", cluster: { profile, context: undefined }, namespace: "shop", name: `svc-${at}`, port: 80 } as const;
      const listen = [{ host: `127.8.${at >> 8}.${at & 255}`, port: 80 }];
      return { profile, port: { kind: "port", door: "tcp", name: `svc-${at}:80`, listen, target } };
    });

  function discovering() {
    const { doors, clock, told } = setup();
    const listening = new Listening({
      doors: doors.byName,
      clock,
      report: (event) => told.push(describeEvent(event)),
      holderOf: async () => undefined,
    });
    return { doors, listening };
  }

  const alone = '[http]\nlisten = ["127.0.0.1:8989"]\n[tcp]\n"127.8.0.1:80" = "svc/mine:1"\n';

  test("is listened on beside what the profile names, comes and goes, and never takes an address from a profile", async () => {
    const { doors, listening } = discovering();
    listening.apply([await planOf("/shop/tunnels.toml", alone)]);
    listening.discover(found(3));
    expect([...doors.open]).toEqual(["127.0.0.1:8989", "127.8.0.1:80", "127.8.0.0:80", "127.8.0.2:80"]);
    expect(listening.wanted.clashes).toEqual([
      { kind: "port", profile: "/shop/tunnels.toml", route: "svc-1:80", holder: "/shop/tunnels.toml" },
    ]);
    listening.discover(found(1));
    expect([...doors.open]).toEqual(["127.0.0.1:8989", "127.8.0.1:80", "127.8.0.0:80"]);
    expect(doors.swaps).toEqual([]);
  });

  test("ends with its profile", async () => {
    const { doors, listening } = discovering();
    listening.apply([await planOf("/shop/tunnels.toml", alone)]);
    listening.discover([...found(1), ...found(2, "/gone/tunnels.toml")]);
    expect([...doors.open]).toEqual(["127.0.0.1:8989", "127.8.0.1:80", "127.8.0.0:80"]);
    listening.apply([]);
    expect([...doors.open]).toEqual([]);
  });

  test("a thousand: one more opens one address and touches no other", async () => {
    const { doors, listening } = discovering();
    listening.apply([await planOf("/shop/tunnels.toml", alone)]);
    listening.discover(found(1000));
    const before = new Set(doors.open);
    listening.discover(found(1001));
    expect([...doors.open].filter((address) => !before.has(address))).toEqual(["127.8.3.232:80"]);
    expect([before.size, doors.open.size, doors.swaps]).toEqual([1001, 1002, []]);
  });
});
