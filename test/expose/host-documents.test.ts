/** The documents of an edge and of its uplinks: what a plan makes of them, read again as written, and refused in a sentence. */

import { describe, expect, test } from "bun:test";
import { edgeDocumentOf, parseEdgeDocument } from "#expose/host/edge-document.ts";
import { parseEdgeStatus, parseUplinkNews } from "#expose/host/edge-status.ts";
import { targetKey } from "#expose/host/target-key.ts";
import { parseUplinkDocument, uplinkDocumentOf } from "#expose/host/uplink-document.ts";
import { type EdgePlan, edgePlan } from "#expose/plan/edge-plan.ts";
import type { Lookups } from "#expose/plan/lookups.ts";
import { readObjects } from "#expose/resources/read-objects.ts";
import { readmeExamples } from "#test/support/edge-manifests.ts";

const lookups: Lookups = {
  service: ({ name }) => ({
    address: `10.96.0.${name.length}`,
    without: "",
    ports: [80, 443, 53, 8080, 8443, 50_051].flatMap((port) => [
      { port, protocol: "TCP" },
      { port, protocol: "UDP" },
    ]),
  }),
  secretKeys: () => new Set(["tls.crt", "tls.key", "ca.crt"]),
};

function examplePlan(): EdgePlan {
  const { nodes, portBindings } = readObjects(readmeExamples.slice(0, 4), "default");
  const plan = nodes[0] && edgePlan(nodes[0], portBindings, lookups);
  if (!plan) throw new Error("the examples have no plan");
  return plan;
}

const name = (digit: string): string => `${digit.repeat(64)}.pem`;
const certificates = { of: () => ({ certificate: name("a"), clientCa: name("b") }) };

describe("the edge's document", () => {
  test("comes back as written, with every binding of the plan", () => {
    const plan = examplePlan();
    const document = edgeDocumentOf(plan, new Map([[0, "a2V5"]]), certificates);
    expect(parseEdgeDocument(JSON.stringify(document))).toEqual(document);
    expect(document.bindings.map(({ id }) => id)).toEqual(plan.bindings.map(({ id }) => id));
    expect(document.uplinks).toEqual([{ ordinal: 0, address: "10.200.0.2", publicKey: "a2V5" }]);
  });

  test("has another hash for a renewed certificate, which no binding without TLS sees", () => {
    const [before, after] = [certificates, { of: () => ({ certificate: name("c"), clientCa: undefined }) }].map((files) =>
      edgeDocumentOf(examplePlan(), new Map(), files),
    );
    expect(after?.hash).not.toBe(before?.hash ?? "");
    const changed = before?.bindings.filter((binding, at) => binding.hash !== after?.bindings[at]?.hash).map(({ id }) => id);
    expect(changed).toEqual(["default/public-tls/https-offload", "default/public-tls/grpc-mtls"]);
  });

  test("leaves out a binding whose certificate is not there", () => {
    const { bindings } = edgeDocumentOf(examplePlan(), new Map(), { of: () => undefined });
    expect(bindings.map(({ id }) => id)).toContain("default/public-tls/sni-passthrough");
    expect(bindings.map(({ id }) => id)).not.toContain("default/public-tls/https-offload");
  });

  test.each([
    ["{", "is not JSON"],
    ['{"version": 2}', "is of version 2, and this kt knows version 1"],
    ['{"version": 1}', "is wrong at node"],
  ])("that is %p is refused in a sentence", (text, words) => {
    expect(() => parseEdgeDocument(text)).toThrow(words);
  });
});

describe("the uplink's document", () => {
  test("comes back as written, with each target once", () => {
    const plan = examplePlan();
    const document = uplinkDocumentOf(plan, "ZWRnZQ==");
    expect(parseUplinkDocument(JSON.stringify(document))).toEqual(document);
    const keys = document.targets.map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    const wanted = edgeDocumentOf(plan, new Map(), certificates).bindings.map(({ target }) => target);
    expect(new Set(wanted)).toEqual(new Set(keys));
  });

  test("has keys of what is dialled alone", () => {
    expect(targetKey("TCP", { address: "10.0.0.1", port: 80 })).toMatch(/^[0-9a-f]{16}$/);
    expect(targetKey("TCP", { address: "10.0.0.1", port: 80 })).not.toBe(targetKey("UDP", { address: "10.0.0.1", port: 80 }));
  });
});

test("a status and news are read, and what is none is refused in a sentence", () => {
  const status = { hash: "a", startedAt: "2026-01-31T14:30:00Z", bindings: [], uplinks: [] };
  expect(parseEdgeStatus(JSON.stringify(status))).toEqual(status);
  expect(parseUplinkNews('{"serves":["00000000000000ff"],"isDraining":false}').serves).toEqual(["00000000000000ff"]);
  expect(() => parseEdgeStatus("[]")).toThrow("the edge's status cannot be read");
});
