/** What the statuses of an EdgeNode and of a PortBinding say, fact by fact. */

import { describe, expect, test } from "bun:test";
import { edgeDocumentOf } from "#expose/host/edge-document.ts";
import type { EdgeStatus } from "#expose/host/edge-status.ts";
import { edgePlan } from "#expose/plan/edge-plan.ts";
import { noLookups } from "#expose/plan/lookups.ts";
import { readObjects } from "#expose/resources/read-objects.ts";
import { portBindingFindings } from "#operator/status/binding-status.ts";
import type { NodeFacts } from "#operator/status/node-facts.ts";
import { nodeConditions, uplinkStatuses } from "#operator/status/node-status.ts";
import { datedConditions, statusPatch } from "#operator/status/written-status.ts";
import { binding, edgeNode, portBinding } from "#test/support/edge-manifests.ts";

const { nodes, portBindings } = readObjects(
  [
    edgeNode("vps", { uplink: { replicas: 2 } }),
    portBinding("web", [binding(), binding({ name: "held", listenPort: 22 })], { name: "vps" }),
    portBinding("dns", [binding({ name: "dns", protocol: "UDP", listenPort: 53 })], { name: "vps" }),
  ],
  "default",
);
const [node, [web, dns]] = [nodes[0], portBindings];
if (node === undefined || web === undefined || dns === undefined) throw new Error("the manifests are wrong");
const plan = edgePlan(node, portBindings, noLookups);
if (plan === undefined) throw new Error("there is no plan");
const publicKeys = new Map([0, 1].map((ordinal) => [ordinal, `key-${ordinal}`]));
const document = edgeDocumentOf(plan, publicKeys, { of: () => undefined });

const whole: EdgeStatus = {
  hash: document.hash,
  startedAt: "2026-01-01T00:00:00Z",
  bindings: document.bindings.map(({ id, hash }) => ({ id, hash, state: "Listening", message: "" })),
  uplinks: [0, 1].map((ordinal) => ({ ordinal, isHealthy: true, problem: "", lastHandshake: "" })),
};
const facts: NodeFacts = {
  wanted: { plan, document, publicKeys, generations: new Map() },
  failure: undefined,
  isEnrolled: true,
  publicKey: "edge",
  takenPorts: [],
  edge: whole,
  silence: "",
};

const said = (given: NodeFacts): string[] =>
  nodeConditions(given, undefined).map(({ type, status, reason }) => `${type}=${status}/${reason}`);
const ready = (given: NodeFacts): string => said(given).at(-1) ?? "";

describe("an EdgeNode", () => {
  test("is ready when its host, its tunnel and every uplink are as wanted", () => {
    expect(said(facts)).toEqual([
      "Enrolled=True/Enrolled",
      "TunnelEstablished=True/Established",
      "ConfigSynced=True/Synced",
      "Ready=True/AllHealthy",
    ]);
  });

  test("is not ready with an uplink that is down, and says which", () => {
    const [first] = whole.uplinks;
    if (first === undefined) throw new Error("there is no uplink");
    const edge = { ...whole, uplinks: [first, { ordinal: 1, isHealthy: false, problem: "it does not answer", lastHandshake: "" }] };
    const condition = nodeConditions({ ...facts, edge }, undefined).at(-1);
    expect(condition).toMatchObject({ status: "False", reason: "UplinksDegraded" });
    expect(condition?.message).toContain("uplink 1: it does not answer");
    expect(said({ ...facts, edge })[1]).toBe("TunnelEstablished=True/Established");
  });

  test("has no tunnel without any healthy uplink", () => {
    const edge = { ...whole, uplinks: [] };
    expect(said({ ...facts, edge })[1]).toBe("TunnelEstablished=False/NoUplink");
    expect(ready({ ...facts, edge })).toBe("Ready=False/UplinksDegraded");
  });

  test("is not ready while the edge follows another plan", () => {
    expect(ready({ ...facts, edge: { ...whole, hash: "older" } })).toBe("Ready=False/NotYetApplied");
  });

  test("says what failed, and of a host that was set up once that it is enrolled", () => {
    const failure = { reason: "SSHConnectionFailed", message: "no answer" };
    expect(said({ ...facts, failure })).toEqual([
      "Enrolled=True/Enrolled",
      "TunnelEstablished=True/Established",
      "ConfigSynced=False/SSHConnectionFailed",
      "Ready=False/SSHConnectionFailed",
    ]);
    expect(said({ ...facts, failure, isEnrolled: false, edge: undefined })).toEqual([
      "Enrolled=False/SSHConnectionFailed",
      "TunnelEstablished=Unknown/SSHConnectionFailed",
      "ConfigSynced=False/SSHConnectionFailed",
      "Ready=False/SSHConnectionFailed",
    ]);
  });

  test("is unknown while its edge does not answer", () => {
    expect(ready({ ...facts, edge: undefined, silence: "connect: refused" })).toBe("Ready=Unknown/VPSDegraded");
  });

  test("lists its uplinks, with a handshake where there was one", () => {
    const edge = { ...whole, uplinks: [{ ordinal: 0, isHealthy: true, problem: "", lastHandshake: "2026-01-01T00:00:01Z" }] };
    expect(uplinkStatuses({ ...facts, edge })).toEqual([
      { ordinal: 0, tunnelIP: "10.200.0.2", publicKey: "key-0", lastHandshake: "2026-01-01T00:00:01Z" },
      { ordinal: 1, tunnelIP: "10.200.0.3", publicKey: "key-1" },
    ]);
  });
});

describe("a PortBinding", () => {
  const conditionsOf = (object: typeof dns, given: Parameters<typeof portBindingFindings>[1]): string[] =>
    portBindingFindings(object, given).conditions.map(({ type, status, reason }) => `${type}=${status}/${reason}`);

  test("is ready once the edge serves its settings", () => {
    expect(conditionsOf(dns, facts)).toEqual(["Programmed=True/Synced", "Ready=True/Applied"]);
    expect(portBindingFindings(dns, facts).bindings).toEqual([{ name: "dns", state: "Ready", message: "" }]);
  });

  test("says of each binding what became of it, and a bad one harms no other", () => {
    const { bindings } = portBindingFindings(web, facts);
    expect(bindings.map(({ name, state }) => `${name}=${state}`)).toEqual(["http=Ready", "held=PortReserved"]);
    expect(conditionsOf(web, facts)).toEqual(["Programmed=False/PortReserved", "Ready=False/PortReserved"]);
  });

  test("is not ready for settings that no uplink has acknowledged", () => {
    const edge = { ...whole, bindings: whole.bindings.map((each) => ({ ...each, hash: "older" })) };
    expect(conditionsOf(dns, { ...facts, edge })).toEqual(["Programmed=True/Synced", "Ready=False/NotYetApplied"]);
  });

  test("names what keeps the edge from listening", () => {
    const edge = {
      ...whole,
      bindings: whole.bindings.map((each) => ({ ...each, state: "ListenFailed" as const, message: "cannot listen" })),
    };
    expect(conditionsOf(dns, { ...facts, edge })[1]).toBe("Ready=False/ListenFailed");
    const takenPorts = [{ protocol: "udp", port: 53, address: "0.0.0.0", holders: ["dnsmasq"] }] as const;
    expect(portBindingFindings(dns, { ...facts, edge, takenPorts }).bindings[0]?.message).toBe('cannot listen: "dnsmasq" has it');
  });

  test("is unknown while the edge does not answer, and knows of a node that is not there", () => {
    expect(conditionsOf(dns, { ...facts, edge: undefined })[1]).toBe("Ready=Unknown/EdgeNodeUnreadable");
    const failure = { reason: "UplinkNamespaceCollision", message: "" };
    expect(conditionsOf(dns, { ...facts, wanted: undefined, failure })[0]).toBe("Programmed=False/UplinkNamespaceCollision");
    expect(conditionsOf(dns, "no node")).toEqual(["Programmed=False/EdgeNodeNotFound", "Ready=False/EdgeNodeNotFound"]);
  });
});

describe("a written status", () => {
  const condition = { type: "Ready", status: "True", reason: "Applied", message: "" } as const;

  test("keeps the time of a condition whose status is as before, and those of other types", () => {
    const other = { type: "Theirs", status: "True" };
    const before = [other, { ...condition, reason: "Older", lastTransitionTime: "earlier" }];
    expect(datedConditions(before, [condition], 3, "now")).toEqual([
      other,
      { ...condition, lastTransitionTime: "earlier", observedGeneration: 3 },
    ]);
    expect(datedConditions(before, [{ ...condition, status: "False" }], 3, "now")[1]).toMatchObject({ lastTransitionTime: "now" });
  });

  test("has only what differs, and removes what is not there any more", () => {
    expect(statusPatch({ a: 1, b: [2], c: 3 }, { a: 1, b: [4], c: undefined })).toEqual({ b: [4], c: null });
    expect(statusPatch({ a: 1 }, { a: 1, c: undefined })).toBeUndefined();
  });
});
