/** Plans to listeners: who gets what, and which steps lead from one state to the next. */

import { describe, expect, test } from "bun:test";
import type { Plan } from "#profile/values/plan.ts";
import { type DiscoveredPort, nothingWanted, tableAt, type Wanted } from "#daemon/listening/wanted.ts";
import { stepsBetween, wantedBy } from "#daemon/listening/reconcile.ts";
import { planOf } from "./plans.ts";

const http = '[http]\nlisten = ["127.0.0.1:8989"]\n';

async function shop(rest = '[routes]\n"a.localhost" = "svc/a:80"\n[tcp]\n"127.0.0.1:5432" = "svc/db:5432"\n'): Promise<Plan> {
  return await planOf("/shop/tunnels.toml", http + rest);
}

async function bill(rest: string): Promise<Plan> {
  return await planOf("/bill/tunnels.toml", rest);
}

function steps(from: Wanted, to: Wanted): string[] {
  return stepsBetween(from, to).map((step) => `${step.do} ${step.address}`);
}

test("where this machine's resolver asks is answered once, while anything is attached, also where a profile says so", async () => {
  const dns = [{ host: "127.0.0.1", port: 8953 }];
  const found = { ports: [], dns };
  const dnsOf = (plans: readonly Plan[]) => {
    const { listeners, clashes } = wantedBy(plans, nothingWanted, found);
    return { clashes, at: [...listeners].flatMap(([address, { kind }]) => (kind === "dns" ? [address] : [])) };
  };
  expect(dnsOf([])).toEqual({ clashes: [], at: [] });
  expect(dnsOf([await shop(), await bill(http)])).toEqual({ clashes: [], at: ["127.0.0.1:8953"] });
  const said = await bill('[http]\nlisten = ["127.0.0.1:8990"]\n[dns]\nlisten = ["127.0.0.1:8953", "127.0.0.1:5300"]\n');
  expect(dnsOf([await shop(), said])).toEqual({ clashes: [], at: ["127.0.0.1:8953", "127.0.0.1:5300"] });
});

test("two profiles that forward one service share its listener, and one that another cluster has is a clash", async () => {
  const plans = [await shop("[tcp]\n"), await bill(http)];
  const found = (profile: string, cluster: string): DiscoveredPort => {
    const target = { kind: "service", cluster: { profile, context: undefined }, namespace: "shop", name: "db", port: 5432 } as const;
    const forwarded = { cluster, namespace: "shop", service: "db" };
    const listen = [{ host: "127.1.27.1", port: 5432 }];
    return { profile, port: { kind: "port", door: "tcp", name: "db.shop:5432", listen, target, forwarded } };
  };
  const shared = wantedBy(plans, nothingWanted, {
    ports: [found("/shop/tunnels.toml", "dev"), found("/bill/tunnels.toml", "dev")],
    dns: [],
  });
  expect(shared.clashes).toEqual([]);
  expect(shared.listeners.get("127.1.27.1:5432")?.leadsTo).toMatchObject({ profile: "/shop/tunnels.toml" });
  const other = wantedBy(plans, nothingWanted, {
    ports: [found("/shop/tunnels.toml", "dev"), found("/bill/tunnels.toml", "prod")],
    dns: [],
  });
  expect(other.clashes).toEqual([{ kind: "port", profile: "/bill/tunnels.toml", route: "db.shop:5432", holder: "/shop/tunnels.toml" }]);
  const alone = wantedBy(plans.slice(1), shared, { ports: [found("/bill/tunnels.toml", "dev")], dns: [] });
  expect(steps(shared, alone)).toContain("swap 127.1.27.1:5432");
});

describe("steps", () => {
  test("from nothing, and back", async () => {
    const wanted = wantedBy([await shop()]);
    expect(steps(nothingWanted, wanted)).toEqual(["open 127.0.0.1:8989", "open 127.0.0.1:5432"]);
    expect(steps(wanted, nothingWanted)).toEqual(["close 127.0.0.1:8989", "close 127.0.0.1:5432"]);
  });

  test("none when the plans are the same", async () => {
    const plan = await shop();
    const before = wantedBy([plan]);
    expect(steps(before, wantedBy([plan], before))).toEqual([]);
  });

  test("a changed route swaps the table and touches no port", async () => {
    const before = wantedBy([await shop()]);
    const after = wantedBy([await shop('[routes]\n"b.localhost" = "svc/b:80"\n[tcp]\n"127.0.0.1:5432" = "svc/db:5432"\n')], before);
    expect(steps(before, after)).toEqual(["swap 127.0.0.1:8989"]);
    expect(tableAt(after, "127.0.0.1:8989")?.lookup("b.localhost").kind).toBe("found");
  });

  test("a TCP route with another target is swapped, one on another port is closed and opened", async () => {
    const before = wantedBy([await shop("[tcp]\n'127.0.0.1:5432' = 'svc/db:5432'\n'127.0.0.1:6000' = 'svc/x:1'\n")]);
    const after = wantedBy([await shop("[tcp]\n'127.0.0.1:5432' = 'svc/other:5432'\n'127.0.0.1:6001' = 'svc/x:1'\n")], before);
    expect(steps(before, after)).toEqual(["close 127.0.0.1:6000", "swap 127.0.0.1:8989", "swap 127.0.0.1:5432", "open 127.0.0.1:6001"]);
  });

  test("an address that changes from TCP to HTTP is closed first", async () => {
    const before = wantedBy([await shop("[tcp]\n'127.0.0.1:9000' = 'svc/db:5432'\n")]);
    const after = wantedBy([await planOf("/shop/tunnels.toml", '[http]\nlisten = ["127.0.0.1:9000"]\n')], before);
    expect(steps(before, after)).toEqual(["close 127.0.0.1:8989", "close 127.0.0.1:9000", "open 127.0.0.1:9000"]);
  });

  test("a route whose address is asked for has it, and nothing else leads there", async () => {
    const plan = await shop(
      '[routes]\n"a.localhost" = "svc/a:80"\n"b.localhost" = "svc/b:80"\n[env]\nA = "${routes.a.localhost.address}"\n',
    );
    const wanted = wantedBy([plan]);
    const [, own = ""] = wanted.listeners.keys();
    const table = tableAt(wanted, own);
    const found = [own, "localhost", `a.localhost:8989`].map((host) => table?.lookup(host));
    expect(found).toMatchObject(Array(3).fill({ kind: "found", route: "a.localhost", sentHost: "a.localhost:8989" }));
    const others = ["b.localhost", "evil.test", "127.0.0.1", "web-80.svc.shop.ns.dev.cx.k8s.localhost"];
    expect(others.map((host) => table?.lookup(host).kind)).toEqual(Array(4).fill("unknown"));
    expect(steps(nothingWanted, wanted)).toEqual(["open 127.0.0.1:8989", `open ${own}`]);
    expect(steps(wanted, wantedBy([plan], wanted))).toEqual([]);
    expect(steps(wanted, wantedBy([await shop('[routes]\n"a.localhost" = "svc/a:80"\n')], wanted))).toEqual([
      `close ${own}`,
      "swap 127.0.0.1:8989",
    ]);
  });

  test("an address that two profiles want is the first one's", async () => {
    const text = '[routes]\n"a.localhost" = "svc/a:80"\n[env]\nA = "${routes.a.localhost.address}"\n';
    const { listeners, clashes } = wantedBy([await shop(text), await bill(text)]);
    const [own = ""] = [...listeners.keys()].filter((address) => !address.startsWith("127.0.0.1") && !address.startsWith("["));
    expect(clashes).toContainEqual({ kind: "listener", profile: "/bill/tunnels.toml", route: own, holder: "/shop/tunnels.toml" });
  });

  test("a second profile on the same port only swaps the table", async () => {
    const first = await shop();
    const before = wantedBy([first]);
    const after = wantedBy([first, await bill(`${http}[routes]\n"b.localhost" = "svc/b:80"\n`)], before);
    expect(steps(before, after)).toEqual(["swap 127.0.0.1:8989"]);
    const table = tableAt(after, "127.0.0.1:8989");
    expect([table?.lookup("a.localhost").kind, table?.lookup("b.localhost").kind]).toEqual(["found", "found"]);
  });
});

describe("clashes", () => {
  test("the first profile keeps a name, the second keeps the rest", async () => {
    const second = await bill(`${http}[routes]\n"A.localhost" = "svc/mine:80"\n"b.localhost" = "svc/b:80"\n`);
    const wanted = wantedBy([await shop(), second]);
    expect(wanted.clashes).toEqual([{ kind: "host", profile: "/bill/tunnels.toml", route: "A.localhost", holder: "/shop/tunnels.toml" }]);
    const found = tableAt(wanted, "127.0.0.1:8989")?.lookup("a.localhost");
    expect(found).toMatchObject({ kind: "found", profile: "/shop/tunnels.toml" });
  });

  test("a name that both want on two addresses clashes once", async () => {
    const both = '[http]\nlisten = ["127.0.0.1:8989", "[::1]:8989"]\n[routes]\n"a.localhost" = "svc/a:80"\n';
    const wanted = wantedBy([await planOf("/shop/tunnels.toml", both), await bill(both)]);
    expect(wanted.clashes).toHaveLength(1);
  });

  test("a TCP port, and after its holder has gone it is free", async () => {
    const first = await shop();
    const second = await bill(`${http}[tcp]\n"127.0.0.1:5432" = "svc/mine:1"\n`);
    const wanted = wantedBy([first, second]);
    expect(wanted.clashes).toEqual([{ kind: "port", profile: second.profile, route: "127.0.0.1:5432", holder: first.profile }]);
    expect(wanted.listeners.get("127.0.0.1:5432")?.leadsTo).toMatchObject({ profile: first.profile });
    const after = wantedBy([second], wanted);
    expect(after.clashes).toEqual([]);
    expect(steps(wanted, after)).toContain("swap 127.0.0.1:5432");
  });

  test("a front door on a port that is another profile's TCP route", async () => {
    const wanted = wantedBy([await shop(), await bill('[http]\nlisten = ["127.0.0.1:5432"]\n')]);
    expect(wanted.clashes).toEqual([
      { kind: "listener", profile: "/bill/tunnels.toml", route: "127.0.0.1:5432", holder: "/shop/tunnels.toml" },
    ]);
    expect(wanted.listeners.get("127.0.0.1:5432")?.kind).toBe("port");
  });
});
