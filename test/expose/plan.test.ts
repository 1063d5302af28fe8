/** The plan of a host: for each binding by itself, the same in any order, ports kept by the older, and all else refused in words. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Condition } from "#expose/conditions.ts";
import { type EdgePlan, edgePlan } from "#expose/plan/edge-plan.ts";
import { type Lookups, noLookups } from "#expose/plan/lookups.ts";
import { readObjects } from "#expose/resources/read-objects.ts";
import { edgeOfTexts, plannedEdge } from "#operator/seen-edge.ts";
import { accepted, binding, edgeNode, type Manifest, portBinding, readmeExamples, refusedCases } from "#test/support/edge-manifests.ts";

function planOf(manifests: readonly Manifest[], lookups: Lookups = noLookups): EdgePlan {
  const { nodes, portBindings } = readObjects(manifests, "default");
  const plan = nodes[0] && edgePlan(nodes[0], portBindings, lookups);
  if (!plan) throw new Error(`no plan: ${JSON.stringify(nodes[0]?.problems)}`);
  return plan;
}

function madeAt(createdAt: string, manifest: Manifest): Manifest {
  return { ...manifest, metadata: { ...manifest.metadata, creationTimestamp: createdAt } };
}

const idsOf = (plan: EdgePlan): string[] => plan.bindings.map(({ id }) => id);
const node = edgeNode("edge-node");

describe("objects", () => {
  test("of the README's examples are planned as a whole", () => {
    const plan = planOf(readmeExamples.slice(0, 4));
    expect(plan.refused).toEqual([]);
    expect(plan.bindings.map(({ id, listenPort }) => `${listenPort} ${id}`)).toEqual([
      "53 default/public-edge/dns-udp",
      "80 default/public-web/http",
      "443 default/public-edge/https-web",
      "8443 default/public-tls/sni-passthrough",
      "9443 default/public-tls/https-offload",
      "9444 default/public-tls/grpc-mtls",
    ]);
    expect(plan.bindings[2]?.settings).toEqual({
      protocol: "TCP",
      connectTimeoutMs: 5000,
      idleTimeoutMs: 3_600_000,
      proxyHeader: 1,
      tls: undefined,
    });
    expect(plan.bindings[0]?.settings).toEqual({ protocol: "UDP", sessionTimeoutMs: 60_000, proxyHeader: 0 });
    expect(planOf(readmeExamples.slice(4)).settings.uplinks.at(-1)).toEqual({ ordinal: 2, address: "10.200.0.4" });
  });

  test("have the documented defaults, also for 0 and nothing", () => {
    const empty = accepted.find(([what]) => what.startsWith("0 and nothing"))?.[1] ?? node;
    const { settings } = planOf([node]);
    expect(settings).toEqual({
      address: "203.0.113.10",
      sshPort: 22,
      transport: "wireguard",
      tunnelPort: 51_821,
      network: "10.200.0.0/24",
      edgeAddress: "10.200.0.1",
      mtu: 1420,
      persistentKeepaliveS: 25,
      uplinks: [{ ordinal: 0, address: "10.200.0.2" }],
      health: { intervalMs: 5000, timeoutMs: 2000, healthyThreshold: 2, unhealthyThreshold: 2 },
      maxSocketBufferBytes: 26_214_400,
      disableNicOffloads: false,
    });
    expect(planOf([empty]).settings).toEqual(settings);
  });

  test.each(accepted)("with %s are accepted", (_, manifest) => {
    const { nodes, portBindings } = readObjects([manifest], "default");
    expect([...nodes, ...portBindings].flatMap(({ problems }) => problems)).toEqual([]);
    if (manifest.kind === "PortBinding") expect(planOf([node, manifest]).refused).toEqual([]);
  });
});

describe("refused is", () => {
  test.each(refusedCases.map((each) => [each.what, each] as const))("%s", (_, { manifest, server, ours = server }) => {
    const text = JSON.stringify(manifest.kind === "EdgeNode" ? [manifest] : [node, manifest]).slice(1, -1);
    const { nodes, portBindings } = plannedEdge(edgeOfTexts([{ name: "x", text: `{"kind":"List","items":[${text}]}` }], "default"));
    const words = [nodes[0]?.problem, portBindings[0]?.condition].map((condition?: Condition) => condition?.message ?? "");
    expect(words.join("\n")).toContain(ours);
  });
});

describe("a port", () => {
  const older = madeAt("2026-01-01T00:00:00Z", portBinding("b-older", [binding()]));
  const newer = madeAt("2026-01-02T00:00:00Z", portBinding("a-newer", [binding(), binding({ name: "other", listenPort: 81 })]));

  test("is kept by the older object, and the newer one learns who holds it", () => {
    const plan = planOf([node, newer, older]);
    expect(idsOf(plan)).toEqual(["default/b-older/http", "default/a-newer/other"]);
    expect(plan.refused.map(({ id, state, message }) => [id, state, message])).toEqual([
      [
        "default/a-newer/http",
        "PortConflict",
        'port 80/TCP is held by the binding "http" of PortBinding "default/b-older", which is older',
      ],
    ]);
  });

  test("is free again without the older object", () => expect(idsOf(planOf([node, newer]))).toContain("default/a-newer/http"));

  test.each([
    [51_821, "TCP", "uplinks connect to it (tunnel.listenPort)"],
    [51_821, "UDP", "uplinks connect to it (tunnel.listenPort)"],
    [40_500, "TCP", "an uplink says there whether it is ready"],
    [40_600, "UDP", "the host says there how it does"],
    [22, "TCP", "SSH listens there (ssh.port)"],
  ] as const)("%i/%s is reserved", (listenPort, protocol, why) => {
    const [refused] = planOf([node, portBinding("a", [binding({ listenPort, protocol })])]).refused;
    expect([refused?.state, refused?.message]).toEqual(["PortReserved", `port ${listenPort} cannot be bound: ${why}`]);
  });

  test("22 is free for UDP, and for TCP where SSH listens elsewhere", () => {
    const elsewhere = edgeNode("edge-node", { ssh: { port: 2222, secretRef: { name: "s" } } });
    expect(planOf([node, portBinding("a", [binding({ listenPort: 22, protocol: "UDP" })])]).refused).toEqual([]);
    expect(planOf([elsewhere, portBinding("a", [binding({ listenPort: 22 })])]).refused).toEqual([]);
  });

  const named = (name: string, ...serverNames: string[]): object => binding({ name, tls: { mode: "passthrough", serverNames } });

  test("is shared by server name across objects, whichever their case; a name has one holder", () => {
    const first = madeAt("2026-01-01T00:00:00Z", portBinding("first", [named("a", "A.example.com"), named("rest")]));
    const second = madeAt(
      "2026-01-02T00:00:00Z",
      portBinding("second", [named("b", "b.example.com"), named("c", "a.EXAMPLE.com"), named("d")]),
    );
    const plan = planOf([node, second, first]);
    expect(idsOf(plan)).toEqual(["default/first/a", "default/first/rest", "default/second/b"]);
    expect(plan.refused.map(({ name, message }) => [name, message.split(" is held")[0]])).toEqual([
      ["c", "the server name a.example.com on port 80/TCP"],
      ["d", "port 80/TCP"],
    ]);
  });
});

describe("one binding", () => {
  const lookups: Lookups = {
    service({ name }) {
      if (name === "web") return { address: "10.96.1.2", without: "", ports: [{ port: 80, protocol: "TCP" }] };
      return name === "headless" ? { address: undefined, without: "it is headless", ports: [] } : undefined;
    },
    secretKeys: ({ namespace, name }) =>
      name === "half" ? new Set(["tls.crt"]) : name === "whole" && namespace === "other" ? new Set(["tls.crt", "tls.key"]) : undefined,
  };
  const to = (name: string, service: string, port = 80): object =>
    binding({ name, listenPort: 8000 + name.length, target: { service: { name: service, namespace: "shop", port } } });
  const offload = (name: string, secretRef: object): object =>
    binding({ name, listenPort: 9000 + name.length, tls: { mode: "offload", secretRef } });

  test("that lacks its Service or Secret touches no other", () => {
    const bindings = [
      to("a", "web"),
      to("bb", "gone"),
      to("ccc", "headless"),
      to("dddd", "web", 81),
      offload("e", { name: "half" }),
      offload("ff", { name: "gone" }),
      offload("ggg", { name: "whole", namespace: "other" }),
      binding({ name: "bad", tcp: { idleTimeout: "soon" } }),
    ];
    const plan = planOf([node, portBinding("x", bindings)], lookups);
    expect(plan.bindings.map(({ name, target }) => [name, target.address, target.port])).toEqual([
      ["a", "10.96.1.2", 80],
      ["ggg", "10.96.0.10", 80],
    ]);
    expect(Object.fromEntries(plan.refused.map(({ name, state, message }) => [name, `${state}: ${message}`]))).toEqual({
      bad: "Invalid: spec.bindings[7].tcp.idleTimeout: must be a duration of 0 or more, such as 30s, 500ms or 1h30m",
      bb: 'ServiceNotFound: there is no Service "shop/gone"',
      ccc: 'ServiceUnusable: Service "shop/headless" has no address in the cluster: it is headless',
      dddd: 'ServicePortNotFound: Service "shop/web" has no port 81/TCP: it has 80/TCP',
      e: 'TLSSecretIncomplete: Secret "default/half" has no tls.key, which tls.mode offload needs',
      ff: 'SecretNotFound: there is no Secret "default/gone"',
    });
  });

  test("whose Service is gone keeps its port: another must not get it for as long", () => {
    const older = madeAt("2026-01-01T00:00:00Z", portBinding("older", [to("a", "gone")]));
    const newer = madeAt("2026-01-02T00:00:00Z", portBinding("newer", [to("a", "web")]));
    expect(planOf([node, older, newer], lookups).refused.map(({ state }) => state)).toEqual(["PortConflict", "ServiceNotFound"]);
  });
});

describe("a hash", () => {
  const hashesOf = (change: object): string[] =>
    planOf([node, portBinding("x", [binding(change), binding({ name: "other", listenPort: 81 })])]).bindings.map(({ hash }) => hash);

  test("changes with what is edited, and with nothing else", () => {
    const [before, other] = hashesOf({});
    const edits: object[] = [
      { listenPort: 79 },
      { tcp: { idleTimeout: "2h" } },
      { tls: { mode: "passthrough" } },
      { target: { address: "10.96.0.11", port: 80 } },
    ];
    const after = edits.map((edit) => hashesOf(edit));
    expect(new Set([before, ...after.map(([hash]) => hash)]).size).toBe(edits.length + 1);
    expect(after.map(([, hash]) => hash)).toEqual(edits.map(() => other));
  });

  test("is the same for the same said in other words", () => {
    expect(hashesOf({ tcp: { connectTimeout: "5000ms", idleTimeout: "60m", proxyProtocol: false } })).toEqual(hashesOf({}));
  });
});

describe("whatever the objects", () => {
  const one = fc.record({
    name: fc.constantFrom("a", "b", "c"),
    listenPort: fc.constantFrom(22, 80, 443, 51_821),
    protocol: fc.constantFrom("TCP", "UDP"),
    tls: fc.option(fc.record({ mode: fc.constant("passthrough"), serverNames: fc.subarray(["x.example", "y.example"]) }), {
      nil: undefined,
    }),
  });
  const object = fc.record({
    name: fc.constantFrom("p", "q", "r", "s"),
    createdAt: fc.constantFrom("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
    bindings: fc.uniqueArray(one, { selector: ({ name }) => name, maxLength: 3 }),
  });
  const objects = fc.uniqueArray(object, { selector: ({ name }) => name, maxLength: 4 });
  interface Made {
    readonly name: string;
    readonly createdAt: string;
    readonly bindings: readonly object[];
  }
  const manifestsOf = (all: readonly Made[]): Manifest[] =>
    all.map(({ name, createdAt, bindings }) => madeAt(createdAt, portBinding(name, bindings.map(binding))));

  test("the plan is the same in any order", () => {
    fc.assert(
      fc.property(
        objects.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, shuffled]) => {
          expect(planOf([node, ...manifestsOf(shuffled)])).toEqual(planOf([node, ...manifestsOf(all)]));
        },
      ),
    );
  });

  test("every binding is in it or refused, and what is refused for another is planned without it", () => {
    fc.assert(
      fc.property(objects, (all) => {
        const plan = planOf([node, ...manifestsOf(all)]);
        expect(plan.bindings.length + plan.refused.length).toBe(all.flatMap(({ bindings }) => bindings).length);
        for (const refused of plan.refused.filter(({ state }) => state === "PortConflict")) {
          const alone = all.filter(({ name }) => name === refused.object.name);
          const own = alone.map((each) => ({ ...each, bindings: each.bindings.filter(({ name }) => name === refused.name) }));
          expect(idsOf(planOf([node, ...manifestsOf(own)]))).toEqual([refused.id]);
        }
      }),
    );
  });

  test("of two bindings that want one port either both share it or one has it, whichever is read first", () => {
    fc.assert(
      fc.property(one, one, (left, right) => {
        const pair = [
          { name: "p", createdAt: "2026-01-01T00:00:00Z", bindings: [left] },
          { name: "q", createdAt: "2026-01-02T00:00:00Z", bindings: [right] },
        ];
        const swapped = pair.map((each, at) => ({ ...each, createdAt: pair[1 - at]?.createdAt ?? "" }));
        const [first, second] = [pair, swapped].map((each) => planOf([node, ...manifestsOf(each)]));
        expect(first?.bindings.length).toBe(second?.bindings.length ?? -1);
      }),
    );
  });

  test("what comes from a file never throws", () => {
    fc.assert(
      fc.property(
        fc.object({ key: fc.constantFrom("spec", "bindings", "tls", "target", "name", "address", "metadata", "__proto__"), maxDepth: 4 }),
        (spec) => {
          const raws = [
            { ...node, spec },
            { ...portBinding("x", []), spec },
            { ...portBinding("y", []), spec: { bindings: [spec, spec] } },
          ];
          const objectsRead = readObjects(raws, "default");
          for (const each of objectsRead.nodes) edgePlan(each, objectsRead.portBindings, noLookups);
          expect(objectsRead.portBindings).toHaveLength(2);
        },
      ),
    );
  });
});
