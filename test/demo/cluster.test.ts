/** What the embedded cluster's endpoint slices say as pods come, change and go, and what its store remembers. */

import { beforeEach, describe, expect, test } from "bun:test";
import { DemoCluster, type PodSpec } from "#demo/cluster.ts";
import type { Change, StoredObject } from "#demo/store.ts";

const namespace = "shop";
let cluster: DemoCluster;
let changes: Change[];

beforeEach(() => {
  cluster = new DemoCluster();
  cluster.setService({ namespace, name: "web", selector: { app: "web" }, ports: [{ name: "http", port: 80, targetPort: "http" }] });
  changes = [];
  cluster.store.follow((change) => changes.push(change));
});

function pod(name: string, more: Partial<PodSpec> = {}): void {
  const containerPorts = [{ name: "http", containerPort: 8080 }];
  cluster.setPod({ namespace, name, labels: { app: "web" }, containerPorts, backends: new Map(), ...more });
}

interface Slice extends StoredObject {
  readonly endpoints: readonly { readonly targetRef: { readonly name: string }; readonly conditions: Readonly<Record<string, boolean>> }[];
  readonly ports: readonly { readonly port: number }[];
}

const slices = (): Slice[] => cluster.store.list("endpointslices", namespace) as Slice[];
const conditions = (): unknown => slices().flatMap(({ endpoints }) => endpoints.map((one) => [one.targetRef.name, one.conditions]));
const told = (): string[] => changes.map(({ type, collection, object }) => `${type} ${collection} ${object.metadata.name}`);

describe("slices", () => {
  test("have no endpoints while there is no pod", () => {
    expect(slices().map(({ endpoints }) => endpoints)).toEqual([[]]);
  });

  test("follow readiness and the two steps of a deletion", () => {
    pod("a");
    expect(conditions()).toEqual([["a", { ready: true, serving: true, terminating: false }]]);
    cluster.setReady(namespace, "a", false);
    expect(conditions()).toEqual([["a", { ready: false, serving: false, terminating: false }]]);
    cluster.setReady(namespace, "a", true);
    cluster.terminatePod(namespace, "a");
    expect(conditions()).toEqual([["a", { ready: false, serving: true, terminating: true }]]);
    cluster.deletePod(namespace, "a");
    expect(conditions()).toEqual([]);
  });

  test("are one for each set of port numbers that a named port leads to", () => {
    pod("a");
    pod("b", { containerPorts: [{ name: "http", containerPort: 9090 }] });
    expect(slices().map(({ ports }) => ports.map(({ port }) => port))).toEqual([[8080], [9090]]);
    cluster.deletePod(namespace, "b");
    expect(slices().map(({ ports }) => ports.map(({ port }) => port))).toEqual([[8080]]);
  });

  test("leave out pods that have ended and other labels", () => {
    pod("ended", { phase: "Succeeded" });
    pod("other", { labels: { app: "other" } });
    expect(conditions()).toEqual([]);
  });

  test("go with their service", () => {
    cluster.deleteService(namespace, "web");
    expect(slices()).toEqual([]);
  });
});

describe("the store", () => {
  test("tells each change once, and nothing when nothing changed", () => {
    pod("a");
    pod("a");
    expect(told().filter((line) => line.includes("pods"))).toEqual(["ADDED pods a"]);
    expect(told().filter((line) => line.includes("slices"))).toEqual(["MODIFIED endpointslices web-0"]);
  });

  test("gives every change a version of its own, and what came after one", () => {
    pod("a");
    const { version } = cluster.store;
    cluster.deletePod(namespace, "a");
    const since = cluster.store.since(version);
    expect(since).not.toBe("expired");
    const versions = changes.map((change) => change.version);
    expect(new Set(versions).size).toBe(versions.length);
    expect(since).toEqual(changes.filter((change) => change.version > version));
  });

  test("forgets what was compacted", () => {
    const { version } = cluster.store;
    pod("a");
    cluster.store.compact();
    expect(cluster.store.since(version)).toBe("expired");
    expect(cluster.store.since(cluster.store.version)).toEqual([]);
  });
});
