/** A Service of a cluster in memory that leads to this machine: what is made, replaced, refused and given back. */

import { afterEach, describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import type { KnownService } from "#kube/objects/known-service.ts";
import type { RelayStream } from "#mux/relay-stream.ts";
import { type ReverseDefinition, reverseName } from "#tunnel/reverse/manifests.ts";
import { Reverse } from "#tunnel/reverse/reverse.ts";
import { problemOf } from "#tunnel/standing.ts";
import { FakeCluster } from "#test/support/fake-cluster.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { relayPod } from "#test/support/relay-pod.ts";
import { eventually } from "#test/support/wait.ts";

const relay = { image: "kt:1", nodeSelector: {}, tolerations: [], resources: { requests: {}, limits: {} }, labels: {} };
const holder = { id: "hub", user: "ann@box" };
const spec = { selector: { app: "api" }, ports: [{ name: "web", port: 80, targetPort: 8080 }] };
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function rig(given: Partial<ReverseDefinition> = {}, prepare: (cluster: FakeCluster) => void = () => {}, cluster = new FakeCluster()) {
  const definition: ReverseDefinition = { namespace: "shop", service: "api", ports: [80], replace: false, relay, holder, ...given };
  const clock = new ManualClock();
  const { server } = relayPod(cluster, "relay-1", clock);
  cluster.ready("relay-1");
  prepare(cluster);
  const served: { readonly stream: RelayStream; readonly port: number }[] = [];
  const serve = (stream: RelayStream, port: number): void => void served.push({ stream, port });
  const reverse = new Reverse({ cluster, definition, serve, clock, log: silentLog, onChange() {} });
  /** Lets time and sockets go on until it is so. */
  const until = async (what: string, look: () => boolean | undefined): Promise<void> => {
    const goOn = async (): Promise<boolean | undefined> => {
      await clock.advance(100);
      return look();
    };
    await eventually(what, goOn, 20_000, 1);
  };
  const running = (): Promise<void> => until("the service to lead here", () => reverse.standing.state === "running");
  const problem = async (): Promise<string | undefined> => {
    await until("a problem", () => reverse.standing.state === "failed");
    return problemOf(reverse.standing)?.message;
  };
  const end = async (): Promise<void> => {
    let isOver = false;
    void reverse.end().then(() => (isOver = true));
    await until("its end", () => isOver);
  };
  closing.push(end);
  const raw = () => cluster.services.raw("shop", "api") as { spec: object; metadata: { [key: string]: unknown } } | undefined;
  return { cluster, clock, server, served, reverse, end, raw, until, running, problem, name: reverseName(definition) };
}

describe("a service that is not there", () => {
  test("is made once its relay is connected, goes with the relay's Job, and is removed at the end", async () => {
    const { cluster, raw, reverse, running, name, end } = rig({ ports: [80, 443] });
    await running();
    expect(reverse.standing).toMatchObject({ state: "running", pod: "relay-1" });
    expect(raw()).toMatchObject({
      metadata: { ownerReferences: [{ kind: "Job", name, uid: (await cluster.jobs.get("shop", name))?.uid }] },
      spec: {
        selector: { "kt.dev/reverse": name },
        ports: [
          { port: 80, targetPort: 9000 },
          { port: 443, targetPort: 9001 },
        ],
      },
    });
    expect(cluster.grants.made).toEqual([]);
    expect(cluster.jobs.made[0]).toMatchObject({
      spec: { template: { metadata: { labels: { "kt.dev/reverse": name } }, spec: { automountServiceAccountToken: false } } },
    });
    await end();
    expect(raw()).toBeUndefined();
    expect(await cluster.jobs.get("shop", name)).toBeUndefined();
  });

  test("brings a connection of the relay with the port that was called", async () => {
    const { server, served, running, until } = rig();
    await running();
    const stream = server.openToUser(80, "10.0.0.7");
    const heard: number[] = [];
    stream?.start({ onData: (bytes) => void heard.push(...bytes), onEnd() {}, onDrain() {}, onClose() {} });
    stream?.write(new Uint8Array([1, 2, 3]));
    await until("the connection", () => served.length === 1);
    expect(served[0]?.port).toBe(80);
    const mine = served[0]?.stream;
    mine?.start({ onData: (bytes) => void mine.write(bytes.toReversed()), onEnd() {}, onDrain() {}, onClose() {} });
    await until("the answer", () => heard.length === 3);
    expect(heard).toEqual([3, 2, 1]);
  });

  test("is made again under a relay that was made again", async () => {
    const { cluster, raw, reverse, running, until, clock, name } = rig();
    await running();
    const before = raw()?.metadata;
    cluster.removePod("relay-1");
    cluster.resolve({ kind: "coming", problem: new KtError("no-ready-pod", "its first pod has yet to be made") });
    await until("another Job", () => cluster.jobs.made.length === 2);
    relayPod(cluster, "relay-2", clock);
    cluster.ready("relay-2");
    const isNext = (): boolean => reverse.standing.state === "running" && reverse.standing.pod === "relay-2";
    await until("the next relay", isNext);
    expect(raw()?.metadata).toMatchObject({ ownerReferences: [{ uid: (await cluster.jobs.get("shop", name))?.uid }] });
    expect(raw()?.metadata["ownerReferences"]).not.toEqual(before?.["ownerReferences"]);
  });

  test("is made again where the cluster removed it with an earlier relay", async () => {
    const { cluster, raw, running, until, name } = rig();
    await running();
    await cluster.services.remove("shop", (await cluster.services.get("shop", "api")) as KnownService);
    await until("the service to be there again", () => raw() !== undefined);
    expect(raw()?.spec).toMatchObject({ selector: { "kt.dev/reverse": name } });
  });

  test("is found by the next hub of the same user, which removes it at its end", async () => {
    const before = rig();
    await before.running();
    closing.splice(0);
    const { cluster, raw, running, end } = rig({}, undefined, before.cluster);
    await running();
    expect(cluster.jobs.made).toHaveLength(1);
    await end();
    expect(raw()).toBeUndefined();
  });

  test("needs rights that are named together, and leaves nothing behind without them", async () => {
    const { cluster, clock, problem, running } = rig({}, ({ services }) => {
      services.problem = new KtError("forbidden", 'not allowed to create services in namespace "shop"');
    });
    expect(await problem()).toBe(
      'not allowed to create services in namespace "shop"; a [[reverse]] needs the right to get, create and delete services, and to get and create jobs',
    );
    relayPod(cluster, "relay-2", clock);
    cluster.ready("relay-2");
    await running();
    expect(cluster.jobs.removed).toHaveLength(1);
    expect(cluster.jobs.made).toHaveLength(2);
  });
});

describe("a service that is there", () => {
  test("is not touched without replace, and is made where it goes", async () => {
    const { cluster, raw, reverse, problem, running } = rig({}, ({ services }) => services.set("shop", "api", { spec }));
    const before = JSON.stringify(raw());
    expect(await problem()).toBe('the service "shop/api" is there already');
    expect(problemOf(reverse.standing)?.hints).toEqual(["to have it lead here meanwhile, add replace = true"]);
    expect(JSON.stringify(raw())).toBe(before);
    expect(cluster.jobs.made).toEqual([]);
    await cluster.services.remove("shop", (await cluster.services.get("shop", "api")) as KnownService);
    await running();
  });

  test("is replaced by a relay that may change this one service, and is as before at the end", async () => {
    const { cluster, raw, running, name, end } = rig({ replace: true }, ({ services }) => services.set("shop", "api", { spec }));
    await running();
    expect(raw()?.spec).toEqual({ selector: { "kt.dev/reverse": name }, ports: [{ name: "web", port: 80, targetPort: 9000 }] });
    expect(cluster.jobs.made[0]).toMatchObject({ spec: { suspend: true, template: { spec: { serviceAccountName: name } } } });
    expect(cluster.jobs.resumed).toEqual([name]);
    expect(cluster.grants.made[0]?.role).toMatchObject({
      rules: [{ apiGroups: [""], resources: ["services"], resourceNames: ["api"], verbs: ["get", "patch"] }],
    });
    await end();
    expect(raw()?.spec).toEqual(spec);
    expect(cluster.jobs.removed).toEqual([]);
  });

  test.each([
    [{ type: "ExternalName", externalName: "x.test" }, "it is an alias of a name (ExternalName)"],
    [{ ...spec, clusterIP: "None" }, "it is headless, and its name leads to its pods themselves"],
    [{ ports: spec.ports }, "it has no selector, and others write its endpoints"],
    [{ ...spec, ports: [{ port: 81 }, { port: 80, protocol: "UDP" }] }, "it has no TCP port 80, but 81"],
  ])("as %p is not replaced, and the reason is given", async (unfit, why) => {
    const { raw, problem, cluster } = rig({ replace: true }, ({ services }) => services.set("shop", "api", { spec: unfit }));
    expect(await problem()).toBe(`the service "shop/api" cannot be replaced: ${why}`);
    expect(raw()?.spec).toEqual(unfit);
    expect(cluster.jobs.made).toEqual([]);
  });

  test("and leads to another user stays with that one, and is taken with what it had once that relay is gone", async () => {
    const there = rig({ replace: true }, ({ services, jobs }) => {
      jobs.set("shop", "kt-reverse-other", {});
      const annotations = { "kt.dev/replaced": JSON.stringify(spec), "kt.dev/made-by": "bob@desk" };
      services.set("shop", "api", { metadata: { annotations }, spec: { ...spec, selector: { "kt.dev/reverse": "kt-reverse-other" } } });
    });
    expect(await there.problem()).toBe('the service "shop/api" leads to bob@desk already, by kt');
    there.cluster.jobs.set("shop", "kt-reverse-other", { isOver: true });
    await there.running();
    await there.end();
    expect(there.raw()?.spec).toEqual(spec);
  });

  test("and is changed by another meanwhile is left to that one", async () => {
    const { cluster, raw, running, problem, end } = rig({ replace: true }, ({ services }) => services.set("shop", "api", { spec }));
    await running();
    const change = { spec: { selector: { "kt.dev/reverse": null, app: "next" } } };
    await cluster.services.patch("shop", (await cluster.services.get("shop", "api")) as KnownService, change);
    const written = JSON.stringify(raw()?.spec);
    expect(await problem()).toBe('the service "shop/api" was changed by another, and does not lead here any more');
    await end();
    expect(JSON.stringify(raw()?.spec)).toBe(written);
  });
});

test("a context that leads to another cluster begins there anew", async () => {
  const { cluster, clock, running, problem } = rig();
  await running();
  cluster.move();
  expect(await problem()).toBe("the context leads to another cluster now");
  relayPod(cluster, "relay-2", clock);
  cluster.ready("relay-2");
  await running();
});
