/** Tests following the namespaces of [[forward]]s: globs, what is missing or forbidden, and that nothing is asked for twice. */

import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { Discovery, type Discovered, type Forward } from "#discovery/discovery.ts";
import { discoveryLimits } from "#discovery/limits.ts";
import { pickService } from "#kube/objects/objects.ts";
import type { CollectionRequest } from "#kube/objects/types.ts";
import { FakeCluster } from "#test/support/fake-cluster.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";

const forbidden = new KtError("forbidden", "may not list namespaces");
const naming = { isFirst: true, cluster: undefined, clusterDomain: "cluster.local", domain: undefined };
const service = (name: string, clusterIP = "10.0.0.1") => pickService({ metadata: { name }, spec: { clusterIP, ports: [{ port: 80 }] } });

class Rig {
  readonly clock = new ManualClock();
  readonly cluster = new FakeCluster();
  changes = 0;
  readonly discovery: Discovery;

  constructor(...namespaces: (readonly string[] | undefined)[]) {
    const forwards = namespaces.map((names): Forward => {
      return { cluster: this.cluster, namespaces: names, selector: undefined, naming, include: [], exclude: [], ports: new Map() };
    });
    this.discovery = new Discovery({ forwards, clock: this.clock, onChange: () => (this.changes += 1) });
  }

  /** What is kept now: "services shop". */
  kept(): string[] {
    return [...this.cluster.collections].map((each) => (each.kind === "namespaces" ? each.kind : `${each.kind} ${each.namespace}`));
  }

  services(namespace: string, ...names: string[]): void {
    const [found] = [...this.cluster.collections].filter(
      (each): each is Extract<CollectionRequest, { kind: "services" }> => each.kind === "services" && each.namespace === namespace,
    );
    found?.listener.onItems(names.map((name) => service(name, name.startsWith("headless") ? "None" : undefined)));
  }

  namespaceList(): Extract<CollectionRequest, { kind: "namespaces" }>["listener"] {
    for (const each of this.cluster.collections) if (each.kind === "namespaces") return each.listener;
    throw new Error("namespaces are not listed");
  }

  shown(): string[] {
    const text = ({ namespace, services, isMissing, problem }: Discovered["namespaces"][number]): string =>
      [
        namespace,
        services?.map(({ name }) => name).join(",") ?? "?",
        ...(isMissing ? ["missing"] : []),
        ...(problem ? [problem.code] : []),
      ].join(" ");
    return this.discovery.current().namespaces.map(text);
  }
}

describe("namespaces", () => {
  test("by name are watched from the beginning, one watch each, in their order", () => {
    const rig = new Rig(["shop", "infra"], undefined);
    expect(rig.kept()).toEqual(["services shop", "services infra", "services default"]);
    rig.services("infra", "db");
    expect(rig.shown()).toEqual(["shop ?", "infra db", "default ?"]);
    rig.discovery.close();
    expect(rig.kept()).toEqual([]);
  });

  test("that a glob stands for come and go", () => {
    const rig = new Rig(["team-*"]);
    expect(rig.kept()).toEqual(["namespaces"]);
    rig.namespaceList().onItems([{ name: "team-b" }, { name: "team-a" }, { name: "shop" }]);
    expect(rig.kept()).toEqual(["namespaces", "services team-a", "services team-b"]);
    rig.namespaceList().onItems([{ name: "team-b" }]);
    expect(rig.shown()).toEqual(["team-b ?"]);
    expect(rig.kept()).toEqual(["namespaces", "services team-b"]);
  });

  test("that two [[forward]]s have are the first one's", () => {
    const rig = new Rig(["team-*"], ["team-a", "shop"]);
    expect(rig.shown()).toEqual(["team-a ?", "shop ?"]);
    rig.namespaceList().onItems([{ name: "team-a" }]);
    expect(rig.kept()).toEqual(["namespaces", "services shop", "services team-a"]);
    rig.namespaceList().onItems([]);
    expect(rig.shown()).toEqual(["team-a ?", "shop ?"]);
  });

  test("that may not be listed are a problem of the globs, and the others are there", () => {
    const rig = new Rig(["team-*", "shop"]);
    rig.namespaceList().onProblem(forbidden);
    expect(rig.discovery.current().problems).toEqual([{ context: "fake", globs: ["team-*"], problem: forbidden }]);
    expect(rig.shown()).toEqual(["shop ?"]);
    rig.namespaceList().onItems([]);
    expect(rig.discovery.current().problems).toEqual([]);
  });

  test("that are not there are looked for until they are", async () => {
    const rig = new Rig(["shop"]);
    rig.cluster.missing.add("shop");
    rig.services("shop");
    // "No services" is an answer once it is known why there are none.
    expect(rig.shown()).toEqual(["shop ?"]);
    await settle();
    expect(rig.shown()).toEqual(["shop  missing"]);
    rig.cluster.missing.delete("shop");
    await rig.clock.advance(discoveryLimits.missingCheckMs);
    await settle();
    expect(rig.shown()).toEqual(["shop "]);
  });

  test("whose first service came while they were looked for are not missing", async () => {
    const rig = new Rig(["shop"]);
    rig.cluster.missing.add("shop");
    rig.services("shop");
    rig.services("shop", "web");
    await settle();
    expect(rig.shown()).toEqual(["shop web"]);
  });
});

test("slices are watched once a namespace has a headless service, and only once", () => {
  const rig = new Rig(["shop"]);
  rig.services("shop", "web");
  expect(rig.kept()).toEqual(["services shop"]);
  rig.services("shop", "web", "headless-db");
  rig.services("shop", "headless-db");
  expect(rig.kept()).toEqual(["services shop", "headless-slices shop"]);
  rig.discovery.close();
  expect(rig.kept()).toEqual([]);
});

test("all is known once every namespace is listed, or it is known why not", () => {
  const rig = new Rig(["shop", "team-*"]);
  expect(rig.discovery.isComplete).toBe(false);
  rig.services("shop", "web");
  expect(rig.discovery.isComplete).toBe(false);
  rig.namespaceList().onItems([{ name: "team-a" }]);
  expect(rig.discovery.isComplete).toBe(false);
  for (const each of rig.cluster.collections)
    if (each.kind === "services" && each.namespace === "team-a") each.listener.onProblem(forbidden);
  expect(rig.discovery.isComplete).toBe(true);
  expect(rig.shown()).toEqual(["shop web", "team-a ? forbidden"]);
});

test("changes that come together are reported once, and none after the end", async () => {
  const rig = new Rig(["shop", "infra"]);
  rig.services("shop", "web");
  rig.services("infra", "db");
  expect(rig.changes).toBe(0);
  await rig.clock.advance(discoveryLimits.settleMs);
  expect(rig.changes).toBe(1);
  rig.services("shop", "web", "api");
  rig.discovery.close();
  await rig.clock.advance(discoveryLimits.settleMs);
  expect(rig.changes).toBe(1);
});
