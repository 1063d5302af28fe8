/** The public edges of a cluster in the terminal: true states, what is wrong said once, and what to do next, at the widths that people have. */

import { describe, expect, test } from "bun:test";
import { stringWidth } from "bun";
import { wrapped } from "#base/wrap.ts";
import { namedNode, nodeName } from "#cli/edge/named-node.ts";
import { edgeStatusLines } from "#cli/edge/edge-status-lines.ts";
import { Options } from "#cli/command.ts";
import type { KubeObject } from "#operator/cluster/kinds.ts";
import { seenBinding, seenNode } from "#operator/cluster/seen.ts";
import { type EdgeReport, edgeReport, operatorReport } from "#operator/status/edge-report.ts";

const nowMs = Date.parse("2026-03-01T12:00:00Z");
const ago = (seconds: number): string => new Date(nowMs - seconds * 1000).toISOString();

interface Shape {
  readonly generation?: number;
  readonly deletionTimestamp?: string;
}

function objectOf(name: string, spec: object, status: object | undefined, shape: Shape = {}): KubeObject {
  return { metadata: { namespace: "infra", name, generation: 1, ...shape }, spec, ...(status && { status }) };
}

const ready = (status: string, reason: string, message = ""): object => ({
  observedGeneration: 1,
  conditions: [{ type: "Ready", status, reason, message, lastTransitionTime: ago(60) }],
});

function node(name: string, status?: object, spec: object = {}, shape: Shape = {}): KubeObject {
  return objectOf(name, { address: "203.0.113.10", ssh: { secretRef: { name: "ssh" } }, ...spec }, status, shape);
}

const http = { name: "http", protocol: "TCP", listenPort: 80, target: { service: { name: "web", namespace: "shop", port: 8080 } } };
const dns = { name: "dns", protocol: "UDP", listenPort: 53, target: { address: "10.96.0.10", port: 53 } };
const tls = {
  name: "https",
  protocol: "TCP",
  listenPort: 443,
  target: { service: { name: "storefront-gateway", namespace: "shop", port: 8443 } },
};

function ports(name: string, of: string, bindings: readonly object[], status?: object, shape: Shape = {}): KubeObject {
  return objectOf(name, { edgeNodeRef: { name: of }, bindings }, status, shape);
}

function report(nodes: readonly KubeObject[], portBindings: readonly KubeObject[] = []): EdgeReport {
  return edgeReport(nodes.map(seenNode), portBindings.map(seenBinding), nowMs);
}

function shown(columns: number, seen: EdgeReport): string {
  const rows = edgeStatusLines(seen, columns).flatMap((line) => wrapped(line, columns));
  const lines = rows.map((row) =>
    row
      .map(({ text }) => text)
      .join("")
      .trimEnd(),
  );
  for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
  return `\n${lines.join("\n")}\n`;
}

const uplink = [
  { ordinal: 0, tunnelIP: "10.200.0.2", publicKey: "k0", lastHandshake: ago(42) },
  { ordinal: 1, tunnelIP: "10.200.0.3", publicKey: "k1", lastHandshake: ago(400) },
  { ordinal: 2, tunnelIP: "10.200.0.4", publicKey: "k2" },
];
const degraded = { ...ready("False", "UplinksDegraded", "1 of 3 uplinks are healthy; uplink 1: no answer within 2 s"), uplink };
const listenFailed = {
  ...ready("False", "ListenFailed"),
  bindings: [
    { name: "http", state: "Ready", message: "" },
    { name: "https", state: "ListenFailed", message: '0.0.0.0:443 is taken: "nginx" has it' },
    { name: "dns", state: "Ready", message: "" },
  ],
};
const mixed = report(
  [node("fra", degraded), node("ams", ready("False", "SSHConnectionFailed", "203.0.113.11:22 does not answer: no route to host"))],
  [
    ports("public-web", "fra", [http, tls, dns], listenFailed),
    ports("lost", "gone", [dns], ready("False", "EdgeNodeNotFound", 'there is no EdgeNode "infra/gone"')),
  ],
);

describe("kt edge status", () => {
  test("at 80 columns", () => {
    expect(shown(80, mixed)).toMatchInlineSnapshot(`
      "
      EdgeNode infra/ams
        ✗ failed    host  203.0.113.10  wireguard on 51821/UDP
            SSHConnectionFailed: 203.0.113.11:22 does not answer: no route to host
            kt edge doctor ams -n infra

      EdgeNode infra/fra
        ✗ failed    host      203.0.113.10                      wireguard on 51821/UDP
            UplinksDegraded: 1 of 3 uplinks are healthy; uplink 1: no answer within 2
            s
            kt edge logs fra -n infra
        ● up        uplink 0  10.200.0.2                        handshake 42 s ago
        ✗ silent    uplink 1  10.200.0.3                        handshake 6 min ago
        ○ absent    uplink 2  10.200.0.4                        no handshake yet
        ● ready     80/TCP    shop/svc/web:8080                 public-web/http
        ✗ failed    443/TCP   shop/svc/storefront-gateway:8443  public-web/https
            ListenFailed: 0.0.0.0:443 is taken: "nginx" has it
            kt edge doctor fra -n infra
        ● ready     53/UDP    10.96.0.10:53                     public-web/dns

      without an EdgeNode
        ✗ failed    53/UDP  10.96.0.10:53  infra/lost/dns
            EdgeNodeNotFound: there is no EdgeNode "infra/gone"
            kubectl get edgenodes -A
      "
    `);
  });
  test("at 60 columns", () => {
    expect(shown(60, mixed)).toMatchInlineSnapshot(`
      "
      EdgeNode infra/ams
        ✗ failed    host  203.0.113.10  wireguard on 51821/UDP
            SSHConnectionFailed: 203.0.113.11:22 does not answer:
            no route to host
            kt edge doctor ams -n infra

      EdgeNode infra/fra
        ✗ failed    host      203.0.113.10
                    wireguard on 51821/UDP
            UplinksDegraded: 1 of 3 uplinks are healthy; uplink 1:
            no answer within 2 s
            kt edge logs fra -n infra
        ● up        uplink 0  10.200.0.2
                    handshake 42 s ago
        ✗ silent    uplink 1  10.200.0.3
                    handshake 6 min ago
        ○ absent    uplink 2  10.200.0.4
                    no handshake yet
        ● ready     80/TCP    shop/svc/web:8080
                    public-web/http
        ✗ failed    443/TCP   shop/svc/storefront-gateway:8443
                    public-web/https
            ListenFailed: 0.0.0.0:443 is taken: "nginx" has it
            kt edge doctor fra -n infra
        ● ready     53/UDP    10.96.0.10:53
                    public-web/dns

      without an EdgeNode
        ✗ failed    53/UDP  10.96.0.10:53  infra/lost/dns
            EdgeNodeNotFound: there is no EdgeNode "infra/gone"
            kubectl get edgenodes -A
      "
    `);
  });

  test("says what is not looked at yet, or no longer true", () => {
    const { nodes } = report(
      [
        node("deleted", ready("True", "AllHealthy"), {}, { deletionTimestamp: ago(5) }),
        node("edited", ready("True", "AllHealthy"), {}, { generation: 2 }),
        node("new"),
        node("unreadable", ready("Unknown", "VPSDegraded", "the edge does not say how it does: timeout")),
        node("working", ready("False", "Provisioning", "the host is being set up")),
      ],
      [
        ports(
          "web",
          "edited",
          [http, dns],
          { ...ready("True", "Applied"), bindings: [{ name: "http", state: "Ready" }] },
          { generation: 2 },
        ),
      ],
    );
    expect(nodes.map(({ name, state }) => `${name} ${state}`)).toEqual([
      "deleted deleting",
      "edited pending",
      "new pending",
      "unreadable unknown",
      "working pending",
    ]);
    expect(nodes[1]?.portBindings[0]?.bindings.map(({ state }) => state)).toEqual(["pending", "pending"]);
  });

  test("knows by the leases whether an operator still writes it", () => {
    const lease = (seconds: number, holderIdentity = "pod_1"): KubeObject => ({
      metadata: { name: "lease" },
      spec: { holderIdentity, renewTime: ago(seconds) },
    });
    expect(operatorReport([], nowMs)).toBeUndefined();
    expect(operatorReport([lease(3), lease(900)], nowMs)).toEqual({ isLeading: true, renewedSecondsAgo: 3 });
    expect(operatorReport([lease(900)], nowMs)).toEqual({ isLeading: false, renewedSecondsAgo: 900 });
    // It has been given back, as an operator does that ends.
    expect(operatorReport([lease(2, "")], nowMs)?.isLeading).toBe(false);
    expect(operatorReport([{ metadata: { name: "lease" }, spec: { renewTime: "soon" } }], nowMs)).toBeUndefined();
  });

  test("a handshake says nothing of now where the edge does not answer, and with TLS it is when the uplink connected", () => {
    const silent = { ...ready("Unknown", "VPSDegraded", "the edge does not say how it does"), uplink: uplink.slice(0, 1) };
    expect(shown(80, report([node("fra", silent)]))).toContain("? unknown   uplink 0  10.200.0.2    handshake 42 s ago");
    const connected = { ...ready("True", "AllHealthy"), uplink: uplink.slice(1) };
    const text = shown(80, report([node("fra", connected, { tunnel: { transport: "tls" } })]));
    expect(text).toContain("● up        uplink 1  10.200.0.3    connected 6 min ago");
    expect(text).toContain("○ absent    uplink 2  10.200.0.4    no connection yet");
  });

  test("what two rows have in common is said once, and hostile words do not act", () => {
    const message = "its EdgeNode is not planned yet\u001b[2J";
    const bindings = ["http", "dns"].map((name) => ({ name, state: "Pending", message }));
    const text = shown(
      80,
      report(
        [node("fra", ready("True", "AllHealthy"))],
        [ports("web", "fra", [http, dns], { ...ready("False", "NotYetApplied"), bindings })],
      ),
    );
    expect(text.match(/not planned/g)).toHaveLength(1);
    expect(text).toContain("as 80/TCP");
    expect(text).not.toContain("\u001b");
  });
});

describe("an EdgeNode by its name", () => {
  const nodes = [
    { namespace: "infra", name: "fra" },
    { namespace: "shop", name: "fra" },
    { namespace: "shop", name: "ams" },
  ];
  const found = (given: string, options: Record<string, unknown> = {}): string => {
    const { namespace, name } = namedNode(nodes, nodeName(given, new Options(options)));
    return `${namespace}/${name}`;
  };

  test("needs its namespace only where another one has the same", () => {
    expect(found("ams")).toBe("shop/ams");
    expect(found("fra", { namespace: "shop" })).toBe("shop/fra");
    expect(found("infra/fra")).toBe("infra/fra");
    expect(() => found("fra")).toThrow('2 EdgeNodes have the name "fra": infra/fra, shop/fra');
    expect(() => found("anms")).toThrow('there is no EdgeNode "anms" in the cluster');
    expect(() => found("infra/fra", { namespace: "shop" })).toThrow('"infra/fra" is not the name of an EdgeNode');
  });
});
