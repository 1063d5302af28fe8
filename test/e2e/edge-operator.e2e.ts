/** The operator's side in a real cluster: keys, ConfigMap, pods, statuses, events and deletion, with a host that only remembers what it was asked. */

import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from "bun:test";
import { file } from "bun";
import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { edgeCrds } from "#expose/resources/crds.ts";
import { parseUplinkDocument } from "#expose/host/uplink-document.ts";
import { Api } from "#kube/api/api.ts";
import { ContextSource } from "#kube/api/context-source.ts";
import { Leader } from "#operator/lead/leader.ts";
import { operatorLimits } from "#operator/limits.ts";
import { Operator } from "#operator/operator.ts";
import { pinOfKey } from "#tls/identity.ts";
import { selfSigned } from "#tls/self-signed.ts";
import { operatorManifests } from "#cli/manifests/operator-manifests.ts";
import { apply, kubectl, ownCluster, ownNamespace, writeKubeconfig } from "#test/support/cluster.ts";
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

/** Of the operator's own service account, with the rights that its manifests give it. */
let kubeconfig = "";
const account = "kt-e2e-operator";
const refusals: string[] = [];
let space: Awaited<ReturnType<typeof ownNamespace>>;
let api: Api;
let operator: Operator;
let edge: FakeEdge;

function startOperator(): Operator {
  const source = new ContextSource(
    { kubeconfig: [kubeconfig], context: undefined, environment: {}, clock: systemClock, log: silentLog },
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
    log: (level, event, fields) => {
      if (/forbidden|not allowed/.test(JSON.stringify(fields))) refusals.push(`${level} ${event} ${JSON.stringify(fields)}`);
    },
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
  await kubectl("delete", "pods", ...all, "--force");
}

beforeAll(async () => {
  if (!ownCluster) return;
  space = await ownNamespace(`operator-${process.pid}`);
  // The pods of uplinks whose transport is TLS fit it.
  await kubectl("label", "namespace", space.name, "pod-security.kubernetes.io/enforce=restricted");
  await apply(...edgeCrds());
  await kubectl(
    "wait",
    "--for=condition=Established",
    "--timeout=60s",
    "crd",
    "edgenodes.tunnel.achetronic.com",
    "portbindings.tunnel.achetronic.com",
  );
  const rights = operatorManifests({ name: account, namespace: space.name, image: "kt.test/app:1", replicas: 1 });
  await apply(...rights.filter(({ kind }) => kind !== "Deployment"));
  const token = (await kubectl("-n", space.name, "create", "token", account, "--duration=1h")).trim();
  kubeconfig = await writeKubeconfig({ operator: { user: { token } } });
  const secret = {
    password: "secret",
    knownHosts: "203.0.113.10 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB7fM3CnTDmHHKQ1nO2YkNbtLxB9zU5P5oM3vI0yXb1D",
  };
  await apply({ apiVersion: "v1", kind: "Secret", metadata: { namespace: space.name, name: "vps-ssh-secret" }, stringData: secret });
}, 120_000);
afterAll(async () => {
  if (!ownCluster) return;
  await kubectl("delete", "clusterrole,clusterrolebinding", account, "--ignore-not-found");
  await space.remove();
  expect(refusals).toEqual([]);
}, 60_000);
beforeEach(async () => {
  if (!ownCluster) return;
  edge = new FakeEdge();
  operator = startOperator();
  await operator.start();
});
afterEach(async () => {
  if (!ownCluster) return;
  edge.delay = Promise.resolve();
  try {
    await removeAll();
  } finally {
    operator.stop();
    api.close();
  }
}, 120_000);

cases(`kt operator${why}`, () => {
  test("makes keys, a ConfigMap, a Service and a StatefulSet after the host, and says that all is ready", async () => {
    await apply(node("vps"), ports("web", [binding()]));
    await becomes("edgenode", "vps", "Ready", "True/AllHealthy");
    await becomes("portbinding", "web", "Ready", "True/Applied");
    const keys = await get("secret", "vps-uplink-keys");
    expect(Object.keys(keys.data)).toEqual(["tls-0"]);
    const publicKey = pinOfKey(Buffer.from(keys.data["tls-0"] ?? "", "base64").toString()) ?? "";
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

  test("waits for the host before anything is made for an uplink, and a host that hangs delays no other", async () => {
    const held = Promise.withResolvers<void>();
    edge.delay = held.promise;
    await apply(node("vps"));
    await eventually("the host to be asked", () => edge.calls.includes("reconcile"));
    edge.delay = Promise.resolve();
    await apply(node("other"));
    await becomes("edgenode", "other", "Ready", "True/AllHealthy");
    expect(await kubectl("-n", space.name, "get", "statefulset,configmap", "-o", "name")).not.toContain("vps-uplink");
    expect(await condition("edgenode", "vps", "Ready")).toBe("False/Provisioning");
    held.resolve();
    await becomes("edgenode", "vps", "Ready", "True/AllHealthy");
  }, 60_000);

  test("follows a Service that is made, moved and removed within 2 s, and no other binding is touched", async () => {
    const target = { service: { name: "moved", namespace: space.name, port: 80 } };
    await apply(node("vps"), ports("web", [binding({ target }), binding({ name: "steady", listenPort: 81 })]));
    await becomes("portbinding", "web", "Ready", "False/ServiceNotFound");
    await becomes("edgenode", "vps", "Ready", "True/AllHealthy");
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { namespace: space.name, name: "moved" },
      spec: { ports: [{ port: 80 }] },
    };
    const steady = edge.document?.bindings.find(({ id }) => id.endsWith("/steady"));
    const hashes = new Set<string>();
    for (let round = 0; round < 2; round++) {
      await apply(service);
      const { spec } = await get("service", "moved");
      await eventually(
        "its address to be a target",
        async () => {
          const { data } = await get("configmap", "vps-uplink");
          return data["uplink.json"]?.includes(String(spec["clusterIP"])) === true;
        },
        2000,
      );
      hashes.add(edge.document?.bindings.find(({ id }) => id.endsWith("/http"))?.hash ?? "");
      await kubectl("-n", space.name, "delete", "service", "moved");
      await eventually("the binding to go", () => edge.document?.bindings.length === 1, 2000);
    }
    expect(hashes.size).toBe(2);
    expect(edge.document?.bindings).toEqual(steady === undefined ? [] : [steady]);
  }, 60_000);

  test("scales, keeps each key, and the host goes on with an uplink that is not wanted until its pod is gone", async () => {
    await apply(node("vps"));
    await becomes("edgenode", "vps", "Ready", "True/AllHealthy");
    const before = (await get("secret", "vps-uplink-keys")).data;
    await apply(node("vps", { uplink: { namespace: space.name, affinity: {}, replicas: 3 } }));
    await eventually("three uplinks", () => edge.document?.uplinks.length === 3, 5000);
    await eventually("three pods", async () => {
      return (await kubectl("-n", space.name, "get", "pods", "-o", "name")).trim().split("\n").length === 3;
    });
    await apply(node("vps"));
    await eventually("one uplink in the cluster", async () => (await get("statefulset", "vps-uplink")).spec["replicas"] === 1, 5000);
    expect(edge.document?.uplinks).toHaveLength(3);
    await eventually("one uplink at the host", () => edge.document?.uplinks.length === 1, 90_000);
    const after = (await get("secret", "vps-uplink-keys")).data;
    expect(after["tls-0"]).toBe(before["tls-0"] ?? "");
    expect(Object.keys(after)).toEqual(["tls-0", "tls-1", "tls-2"]);
    const { uplinks } = parseUplinkDocument((await get("configmap", "vps-uplink")).data["uplink.json"] ?? "");
    expect(uplinks).toEqual([{ ordinal: 0, address: "10.200.0.2" }]);
  }, 150_000);

  test("writes a changed label into the pod that runs, and replaces it for what it must know itself", async () => {
    await apply(node("vps"));
    await becomes("edgenode", "vps", "Ready", "True/AllHealthy");
    const pod = await eventually("the pod", async () => await get("pod", "vps-uplink-0"));
    const uplink = { namespace: space.name, affinity: {}, labels: { environment: "production" } };
    await apply(node("vps", { uplink }));
    await eventually("the label", async () => (await get("pod", "vps-uplink-0")).metadata.labels["environment"] === "production", 5000);
    expect((await get("pod", "vps-uplink-0")).metadata.uid).toBe(pod.metadata.uid);
    await apply(node("vps", { uplink: { namespace: space.name, affinity: {} } }));
    await eventually("no label", async () => (await get("pod", "vps-uplink-0")).metadata.labels["environment"] === undefined, 5000);
    await apply(node("vps", { uplink: { ...uplink, resources: { requests: { cpu: "11m" } } } }));
    await eventually("another pod", async () => (await get("pod", "vps-uplink-0")).metadata.uid !== pod.metadata.uid, 60_000, 250);
  }, 120_000);

  test("has the kubelet read a changed document at once", async () => {
    await apply(node("vps"), ports("web", [binding()]));
    await becomes("edgenode", "vps", "Ready", "True/AllHealthy");
    const pod = await eventually("the pod", async () => await get("pod", "vps-uplink-0"));
    const folder = `${process.env["KT_CLUSTER_DIR"]}/kubelet/pods/${pod.metadata.uid}/volumes/kubernetes.io~configmap/document`;
    const read = async (): Promise<string> => await file(`${folder}/uplink.json`).text();
    await eventually("the volume", read, 30_000);
    await apply(ports("web", [binding({ target: { address: "10.96.0.99", port: 99 } })]));
    await eventually("the ConfigMap", async () => (await get("configmap", "vps-uplink")).data["uplink.json"]?.includes("10.96.0.99"));
    await eventually("the volume to follow", async () => (await read()).includes("10.96.0.99"), 5000);
  }, 60_000);

  test("says what keeps it from the host, counts that, and goes on when it is back", async () => {
    edge.failure = new KtError("ssh-unreachable", "203.0.113.10 cannot be reached over SSH: connection refused");
    await apply(node("vps"), ports("web", [binding()]));
    await becomes("edgenode", "vps", "Ready", "False/SSHConnectionFailed");
    await becomes("edgenode", "vps", "Enrolled", "False/SSHConnectionFailed");
    await becomes("portbinding", "web", "Ready", "Unknown/EdgeNodeUnreadable");
    await eventually("another try", () => edge.calls.length > 2);
    expect((await events()).filter((event) => event === "vps SSHConnectionFailed")).toHaveLength(1);
    edge.failure = undefined;
    await becomes("portbinding", "web", "Ready", "True/Applied");
  }, 60_000);

  test("is never ready for an older generation, and says so before the host has the new one", async () => {
    await apply(node("vps"), ports("web", [binding()]));
    await becomes("portbinding", "web", "Ready", "True/Applied");
    const held = Promise.withResolvers<void>();
    edge.delay = held.promise;
    // One that has begun for the former generation.
    const { length } = edge.calls;
    await kubectl("-n", space.name, "annotate", "edgenode", "vps", "note=changed");
    await eventually("the host to be asked", () => edge.calls.length > length);
    await apply(ports("web", [binding({ tcp: { idleTimeout: "2h" } })]));
    await becomes("portbinding", "web", "Ready", "False/NotYetApplied", 3000);
    held.resolve();
    await becomes("portbinding", "web", "Ready", "True/Applied");
    edge.says = (status) => ({
      ...status,
      bindings: status.bindings.map((each) => ({ ...each, state: "ListenFailed", message: "nginx has it" })),
    });
    await becomes("portbinding", "web", "Ready", "False/ListenFailed");
  }, 60_000);

  test("tells of drift that it repaired, and of private keys on the host, once", async () => {
    edge.repairs = [{ kind: "certificate", text: "a key was written" }];
    await apply(node("vps"));
    await becomes("edgenode", "vps", "Ready", "True/AllHealthy");
    edge.repairs = [{ kind: "plan", text: "the plan was written: it was missing" }];
    await kubectl("-n", space.name, "annotate", "edgenode", "vps", "tunnel.achetronic.com/restart-envoy=true");
    await eventually(
      "the annotation to be consumed",
      async () => (await get("edgenode", "vps")).metadata.annotations?.["tunnel.achetronic.com/restart-envoy"] === undefined,
    );
    await eventually("the event", async () => (await events()).includes("vps DriftRepaired"));
    expect(edge.calls.filter((call) => call === "restart")).toHaveLength(1);
    expect(await events()).toEqual(expect.arrayContaining(["vps Provisioned", "vps PrivateKeyOnEdge", "vps EnvoyRestarted"]));
  }, 60_000);

  test("leaves the host as it was and nothing in the cluster, and waits for a host that is away until it may be skipped", async () => {
    await apply(node("vps"));
    await becomes("edgenode", "vps", "Ready", "True/AllHealthy");
    edge.failure = new KtError("ssh-unreachable", "203.0.113.10 cannot be reached over SSH: no answer");
    await kubectl("-n", space.name, "delete", "edgenode", "vps", "--wait=false");
    await becomes("edgenode", "vps", "Ready", "False/SSHConnectionFailed");
    edge.failure = undefined;
    await kubectl("-n", space.name, "wait", "--for=delete", "edgenode/vps", "--timeout=30s");
    expect(edge.calls).toContain("remove");
    expect(await kubectl("-n", space.name, "get", "secret,configmap,statefulset,service", "-o", "name")).not.toContain("vps-uplink");
    expect(await events()).toContain("vps TornDown");
    edge.calls.length = 0;
    await apply(node("vps"));
    await becomes("edgenode", "vps", "Ready", "True/AllHealthy");
    await kubectl("-n", space.name, "annotate", "edgenode", "vps", "tunnel.achetronic.com/skip-deprovision=true");
    await kubectl("-n", space.name, "delete", "edgenode", "vps", "--timeout=30s");
    expect(edge.calls).not.toContain("remove");
  }, 90_000);

  test("says that the uplinks' namespace is not there, and goes on once it is", async () => {
    const missing = `${space.name}-b`;
    await apply(node("vps", { uplink: { namespace: missing, affinity: {} } }));
    await becomes("edgenode", "vps", "Ready", "False/KeyGenerationFailed");
    const { status } = await get("edgenode", "vps");
    expect(status?.conditions?.find(({ type }) => type === "Ready")?.message).toBe(`there is no namespace "${missing}"`);
    await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: missing } });
    await becomes("edgenode", "vps", "Ready", "True/AllHealthy", 30_000);
    await kubectl("-n", space.name, "delete", "edgenode", "vps", "--timeout=30s");
    await kubectl("delete", "namespace", missing, "--wait=false");
  }, 90_000);

  test("touches neither host nor objects for an EdgeNode whose name another one has in that namespace", async () => {
    const keys = { namespace: space.name, name: "vps-uplink-keys", labels: { "tunnel.achetronic.com/owner-namespace": "elsewhere" } };
    await apply({ apiVersion: "v1", kind: "Secret", metadata: keys });
    await apply(node("vps"));
    await becomes("edgenode", "vps", "Ready", "False/UplinkNamespaceCollision");
    expect(edge.calls).toEqual([]);
    await kubectl("-n", space.name, "delete", "edgenode", "vps", "--timeout=30s");
    expect((await get("secret", "vps-uplink-keys")).metadata.labels["tunnel.achetronic.com/owner-namespace"]).toBe("elsewhere");
    await kubectl("-n", space.name, "delete", "secret", "vps-uplink-keys");
  }, 60_000);

  test("refuses one binding with a Secret that does not work, and serves it once it does", async () => {
    const tls = { mode: "offload", secretRef: { name: "web-tls" } };
    const secret = (stringData: object): object => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace: space.name, name: "web-tls" },
      stringData,
    });
    const [one, other] = [selfSigned("web.example.com", Date.now()), selfSigned("web.example.com", Date.now())];
    await apply(secret({ "tls.crt": one.cert, "tls.key": other.key }), node("vps"));
    await apply(ports("web", [binding({ tls })]), ports("steady", [binding({ listenPort: 81 })]));
    await becomes("portbinding", "web", "Ready", "False/TLSSecretInvalid");
    await becomes("portbinding", "steady", "Ready", "True/Applied");
    await apply(secret({ "tls.crt": one.cert, "tls.key": one.key }));
    await becomes("portbinding", "web", "Ready", "True/Applied");
    expect(edge.requests.at(-1)?.certificates).toHaveLength(1);
    await kubectl("-n", space.name, "delete", "secret", "web-tls");
    await becomes("portbinding", "web", "Ready", "False/SecretNotFound");
  }, 60_000);

  test("leads by a Lease that another one gets as soon as it is given back, and stops when it is another's", async () => {
    const lease = { namespace: space.name, name: "6f1468a9.achetronic.com" };
    const leaders = ["one", "two"].map((identity) => new Leader({ api, lease, identity, clock: systemClock, log: silentLog }));
    const [one, two] = leaders;
    if (one === undefined || two === undefined) throw new Error("there are two");
    const ending = new AbortController();
    await one.acquire(ending.signal);
    const kept = one.keep(ending.signal);
    const second = two.acquire(new AbortController().signal).then(() => performance.now());
    await eventually("the other one to wait", async () => (await get("lease", lease.name)).spec["holderIdentity"] === "one");
    ending.abort();
    expect(await kept).toBeUndefined();
    const releasedMs = performance.now();
    await one.release();
    expect((await second) - releasedMs).toBeLessThan(operatorLimits.leaseRenewMs + 1500);
    // It is written over: it is another's from then on.
    const taken = { spec: { holderIdentity: "three", leaseDurationSeconds: 15 } };
    const lost = two.keep(new AbortController().signal);
    await kubectl("-n", space.name, "patch", "lease", lease.name, "--type=merge", "-p", JSON.stringify(taken));
    expect(await lost).toBe("another one has taken it");
  }, 60_000);
});
