/** The operator's side in a real cluster: keys, ConfigMap, pods, statuses, events and deletion, with a host that only remembers what it was asked. */

import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from "bun:test";
import { systemClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { edgeCrds } from "#expose/resources/crds.ts";
import { parseUplinkDocument } from "#expose/host/uplink-document.ts";
import { Api } from "#kube/api/api.ts";
import { ContextSource } from "#kube/api/context-source.ts";
import { Operator } from "#operator/operator.ts";
import { publicKeyOf } from "#operator/desired/uplink-keys.ts";
import { adminKubeconfig, apply, kubectl, ownCluster, ownNamespace } from "#test/support/cluster.ts";
import { binding, edgeNode, type Manifest, portBinding } from "#test/support/edge-manifests.ts";
import { FakeEdge } from "#test/support/fake-edge.ts";
import { eventually } from "#test/support/wait.ts";

// The kinds are the whole cluster's: on one that is not the tests' own they may be in use.
const cases = describe.skipIf(!ownCluster);
const why = ownCluster ? "" : " (not run: the kinds are the whole cluster's)";

interface Raw {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly generation: number;
    readonly labels: Record<string, string>;
    readonly annotations?: Record<string, string>;
    readonly finalizers?: readonly string[];
  };
  readonly spec: Record<string, unknown>;
  readonly data: Record<string, string>;
  readonly status?: {
    readonly conditions?: readonly { type: string; status: string; reason: string; message: string; observedGeneration: number }[];
    readonly [field: string]: unknown;
  };
}

let space: Awaited<ReturnType<typeof ownNamespace>>;
let api: Api;
let operator: Operator;
let edge: FakeEdge;

function startOperator(): Operator {
  const source = new ContextSource(
    { kubeconfig: [adminKubeconfig], context: undefined, environment: {}, clock: systemClock, log: silentLog },
    () => {},
  );
  api = new Api({ connection: () => source.connection(), clock: systemClock, onReachable() {} });
  return new Operator({
    api,
    namespace: space.name,
    // No such image is there: pods get an address all the same, and the edge that answers is a fake one.
    image: { name: "kt.test/app:1", pullPolicy: "IfNotPresent", pullSecrets: [] },
    openHost: (ssh) => edge.open(ssh),
    askUplink: () => edge.ask(),
    clock: systemClock,
    log: silentLog,
  });
}

const inSpace = ({ metadata, ...rest }: Manifest): object => ({ ...rest, metadata: { ...metadata, namespace: space.name } });
const node = (name: string, spec: object = {}): object =>
  inSpace(edgeNode(name, { uplink: { namespace: space.name, affinity: {} }, tunnel: { transport: "tls" }, ...spec }));
const ports = (name: string, bindings: readonly object[], of = "vps"): object => inSpace(portBinding(name, bindings, { name: of }));

async function get(kind: string, name: string): Promise<Raw> {
  return JSON.parse(await kubectl("-n", space.name, "get", kind, name, "-o", "json")) as Raw;
}

async function condition(kind: string, name: string, type: string): Promise<string> {
  const { status, metadata } = await get(kind, name);
  const found = status?.conditions?.find((each) => each.type === type);
  return found === undefined ? "" : `${found.status}/${found.reason}${found.observedGeneration === metadata.generation ? "" : " (older)"}`;
}

async function becomes(kind: string, name: string, type: string, wanted: string, withinMs = 15_000): Promise<void> {
  await eventually(
    `${kind} ${name} to be ${type} ${wanted}`,
    async () => {
      const is = await condition(kind, name, type);
      if (is === wanted) return true;
      throw new Error(is);
    },
    withinMs,
    100,
  );
}

async function events(): Promise<string[]> {
  const list = JSON.parse(await kubectl("-n", space.name, "get", "events", "-o", "json")) as {
    items: { reason: string; source?: { component?: string }; involvedObject: { name: string } }[];
  };
  return list.items.flatMap(({ reason, source, involvedObject }) =>
    source?.component === "kt-operator" ? [`${involvedObject.name} ${reason}`] : [],
  );
}

async function removeAll(): Promise<void> {
  const all = ["-n", space.name, "--all", "--ignore-not-found", "--timeout=60s"];
  await kubectl("delete", "portbindings", ...all);
  await kubectl("annotate", "edgenodes", "-n", space.name, "--all", "--overwrite", "tunnel.achetronic.com/skip-deprovision=true");
  await kubectl("delete", "edgenodes", ...all);
}

beforeAll(async () => {
  if (!ownCluster) return;
  space = await ownNamespace(`operator-${process.pid}`);
  await apply(...edgeCrds());
  await kubectl(
    "wait",
    "--for=condition=Established",
    "--timeout=60s",
    "crd",
    "edgenodes.tunnel.achetronic.com",
    "portbindings.tunnel.achetronic.com",
  );
  const secret = {
    password: "secret",
    knownHosts: "203.0.113.10 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB7fM3CnTDmHHKQ1nO2YkNbtLxB9zU5P5oM3vI0yXb1D",
  };
  await apply({ apiVersion: "v1", kind: "Secret", metadata: { namespace: space.name, name: "vps-ssh-secret" }, stringData: secret });
}, 120_000);
afterAll(async () => {
  if (ownCluster) await space.remove();
}, 60_000);
beforeEach(async () => {
  if (!ownCluster) return;
  edge = new FakeEdge();
  operator = startOperator();
  await operator.start();
});
afterEach(async () => {
  if (!ownCluster) return;
  await removeAll();
  operator.stop();
  api.close();
}, 120_000);

cases(`kt operator${why}`, () => {
  test("makes keys, a ConfigMap, a Service and a StatefulSet after the host, and says that all is ready", async () => {
    await apply(node("vps"), ports("web", [binding()]));
    await becomes("edgenode", "vps", "Ready", "True/AllHealthy");
    await becomes("portbinding", "web", "Ready", "True/Applied");
    const keys = await get("secret", "vps-uplink-keys");
    expect(Object.keys(keys.data)).toEqual(["0"]);
    const publicKey = publicKeyOf(Buffer.from(keys.data["0"] ?? "", "base64").toString());
    expect(edge.document?.uplinks).toEqual([{ ordinal: 0, address: "10.200.0.2", publicKey }]);
    const { data, metadata } = await get("configmap", "vps-uplink");
    expect(metadata.labels["tunnel.achetronic.com/owner-namespace"]).toBe(space.name);
    const document = parseUplinkDocument(data["uplink.json"] ?? "");
    expect(document.edge).toEqual({ host: "203.0.113.10", port: 51_821, publicKey: edge.publicKey, address: "10.200.0.1" });
    expect(document.targets.map(({ address, port }) => `${address}:${port}`)).toEqual(["10.96.0.10:80"]);
    expect((await get("statefulset", "vps-uplink")).spec["replicas"]).toBe(1);
    expect((await get("service", "vps-uplink")).spec["clusterIP"]).toBe("None");
    const { status, metadata: its } = await get("edgenode", "vps");
    expect(its.finalizers).toEqual(["tunnel.achetronic.com/finalizer"]);
    expect(status).toMatchObject({
      publicKey: edge.publicKey,
      appliedBindings: [`${space.name}/web`],
      appliedConfigHash: edge.document?.hash,
    });
    expect(status?.["uplink"]).toEqual([{ ordinal: 0, tunnelIP: "10.200.0.2", publicKey, lastHandshake: "2026-01-02T03:04:05Z" }]);
    expect(await events()).toContain("vps Provisioned");
    expect(edge.calls.filter((call) => call === "connect")).toHaveLength(1);
  }, 60_000);
});
