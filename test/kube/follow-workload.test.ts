/** Tests following workloads, and the pods behind a service as such, against a scripted API server. */

import { describe, expect, test } from "bun:test";
import { pickWorkload, type WorkloadKind } from "#kube/objects/workload.ts";
import { type Asked, Harness, list, ScriptedApi, shown, status, webService, webSlice } from "./scripted-api.ts";

const podsPath = "/api/v1/namespaces/shop/pods";
const deploymentsPath = "/apis/apps/v1/namespaces/shop/deployments";
const isList = (asked: Asked, path: string): boolean => asked.path === path && asked.query.get("watch") !== "1";
const isNamed = (asked: Asked): boolean => asked.query.get("fieldSelector") === "metadata.name=web";

const workload = (fields: { readonly spec?: object; readonly status?: object } = {}): object => ({
  metadata: { name: "web", namespace: "shop", resourceVersion: "7" },
  spec: { selector: { matchLabels: { app: "web" } }, replicas: 1, ...fields.spec },
  ...(fields.status ? { status: fields.status } : {}),
});

const rawPod = (name: string, ready = true, state: object = { running: {} }): object => ({
  metadata: { name, resourceVersion: "3" },
  spec: { containers: [{ name: "main", ports: [{ name: "http", containerPort: 8080 }] }] },
  status: {
    phase: "Running",
    conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
    containerStatuses: [{ name: "main", state }],
  },
});

const deployment = { kind: "deployment", name: "web" } as const;

/** Answers for one workload at `path` with these pods. */
function serving(path: string, object: object, pods: readonly object[]): (asked: Asked) => Response | undefined {
  return (asked) => {
    if (isList(asked, path)) return list(isNamed(asked) ? [object] : [{ metadata: { name: "web" } }], "5");
    return isList(asked, podsPath) ? list(pods, "3") : undefined;
  };
}

describe("a workload", () => {
  test.each([
    ["deployment", "apps", "deployments"],
    ["statefulset", "apps", "statefulsets"],
    ["replicaset", "apps", "replicasets"],
    ["daemonset", "apps", "daemonsets"],
    ["job", "batch", "jobs"],
  ] as const)("%s: its ready pods are found by its selector, by number and by name", async (kind, group, resource) => {
    await using api = new ScriptedApi(
      serving(`/apis/${group}/v1/namespaces/shop/${resource}`, workload(), [rawPod("a"), rawPod("b", false), rawPod("c")]),
    );
    await using harness = await Harness.open(api);
    expect(shown(await harness.follow({ kind, port: 9090 }).changes.next())).toBe("ready a:9090 c:9090");
    expect(shown(await harness.follow({ kind, port: "http" }).changes.next())).toBe("ready a:8080 c:8080");
    expect(shown(await harness.follow({ kind, port: undefined }).changes.next())).toBe("ready a:0 c:0");
    expect(shown(await harness.follow({ kind, port: "grpc" }).changes.next())).toBe(
      `none port-not-found: no ready pod of ${kind} "shop/web" has a container port named "grpc"`,
    );
    const asked = api.requests(/pods$/)[0];
    expect(asked?.query.get("labelSelector")).toBe("app=web");
  });

  test("follows its pods as they come and go", async () => {
    await using api = new ScriptedApi(serving(deploymentsPath, workload(), [rawPod("a")]));
    await using harness = await Harness.open(api);
    const { changes, following } = harness.follow(deployment);
    expect(shown(await changes.next())).toBe("ready a:80");
    const { script } = await api.watches.nextWhere(({ asked }) => asked.path === podsPath);
    script.send("ADDED", rawPod("b"));
    expect(shown(await changes.next())).toBe("ready a:80 b:80");
    script.send("DELETED", rawPod("a"));
    expect(shown(await changes.next())).toBe("ready b:80");
    script.send("DELETED", rawPod("b"));
    expect(shown(await changes.next())).toBe(
      'coming no-ready-pod: no pod of deployment "shop/web" is ready: its first pod has yet to be made',
    );
    following.close();
    await script.cancelled;
  });

  test("that is scaled to zero says so and how to scale it, and is coming once it is not", async () => {
    await using api = new ScriptedApi(serving(deploymentsPath, workload({ spec: { replicas: 0 } }), []));
    await using harness = await Harness.open(api);
    const { changes } = harness.follow(deployment);
    const none = await changes.next();
    expect(shown(none)).toBe('none no-ready-pod: no pod of deployment "shop/web" is ready: it is scaled to zero');
    expect(none.kind === "none" && none.problem.hints).toEqual(["kubectl scale deployment web --replicas=1 -n shop --context test"]);
    const { script } = await api.watches.nextWhere(({ asked }) => asked.path === deploymentsPath);
    script.send("MODIFIED", workload());
    expect((await changes.next()).kind).toBe("coming");
  });

  test("whose pods crash says what they say", async () => {
    const crashing = rawPod("a", false, { waiting: { reason: "CrashLoopBackOff", message: "back-off 10s" } });
    await using api = new ScriptedApi(serving(deploymentsPath, workload(), [crashing]));
    await using harness = await Harness.open(api);
    expect(shown(await harness.follow(deployment).changes.next())).toBe(
      'none no-ready-pod: no pod of deployment "shop/web" is ready: pod "a" is in CrashLoopBackOff (back-off 10s)',
    );
  });

  test("that does not exist names the nearest, and is found once it is there", async () => {
    await using api = new ScriptedApi((asked) => {
      if (isList(asked, deploymentsPath)) return list(isNamed(asked) ? [] : [{ metadata: { name: "wep" } }], "5");
      return isList(asked, podsPath) ? list([rawPod("a")]) : undefined;
    });
    await using harness = await Harness.open(api);
    const { changes } = harness.follow(deployment);
    const missing = await changes.next();
    expect(shown(missing)).toBe('none workload-not-found: there is no deployment "web" in namespace "shop"');
    expect(missing.kind === "none" && missing.problem.hints).toEqual([
      'did you mean "wep"?',
      "kubectl get deployments -n shop --context test",
    ]);
    const { script } = await api.watches.next();
    script.send("ADDED", workload());
    expect(shown(await changes.next())).toBe("ready a:80");
    script.send("DELETED", workload());
    expect(shown(await changes.next())).toStartWith("none workload-not-found");
  });

  test("made again with another selector has other pods", async () => {
    await using api = new ScriptedApi((asked) => {
      if (isList(asked, podsPath)) return list([rawPod(asked.query.get("labelSelector") === "app=web" ? "old" : "new")]);
      return serving(deploymentsPath, workload(), [])(asked);
    });
    await using harness = await Harness.open(api);
    const { changes } = harness.follow(deployment);
    expect(shown(await changes.next())).toBe("ready old:80");
    const { script } = await api.watches.nextWhere(({ asked }) => asked.path === deploymentsPath);
    script.send("MODIFIED", workload({ spec: { selector: { matchLabels: { app: "other" } } } }));
    expect(shown(await changes.next())).toBe("ready new:80");
  });

  test("without a selector has no pods, rather than everybody's", async () => {
    await using api = new ScriptedApi(serving(deploymentsPath, workload({ spec: { selector: {} } }), [rawPod("a")]));
    await using harness = await Harness.open(api);
    expect(shown(await harness.follow(deployment).changes.next())).toBe(
      'none no-ready-pod: deployment "shop/web" has no selector: nothing says which pods are its own',
    );
    expect(api.requests(/pods$/)).toEqual([]);
  });

  test("that may not be listed is asked for by name", async () => {
    await using api = new ScriptedApi((asked) => {
      if (asked.path === deploymentsPath) return status(403, "deployments is forbidden", "Forbidden");
      if (asked.path === `${deploymentsPath}/web`) return Response.json(workload());
      return isList(asked, podsPath) ? list([rawPod("a")]) : undefined;
    });
    await using harness = await Harness.open(api);
    expect(shown(await harness.follow(deployment).changes.next())).toBe("ready a:80");
    expect(shown(await harness.follow({ ...deployment, name: "other" }).changes.next())).toStartWith("none workload-not-found");
  });

  test("that may not be read at all names verb and resource, and so do its pods", async () => {
    await using api = new ScriptedApi((asked) => {
      const forbidden = status(403, "you may not", "Forbidden");
      if (asked.path.startsWith("/apis/batch")) return forbidden;
      return asked.path === podsPath ? forbidden : serving(deploymentsPath, workload(), [])(asked);
    });
    await using harness = await Harness.open(api);
    const job = await harness.follow({ kind: "job", name: "web" }).changes.next();
    expect(shown(job)).toBe('failed forbidden: not allowed to get jobs in namespace "shop": you may not');
    expect(job.kind === "failed" && job.problem.hints).toEqual(["kubectl auth can-i get jobs.batch -n shop --context test"]);
    expect(shown(await harness.follow(deployment).changes.next())).toBe(
      'failed forbidden: not allowed to list pods in namespace "shop": you may not',
    );
  });
});

test("a replication controller's selector is labels as such", async () => {
  const rc = workload({ spec: { selector: { app: "web", tier: "front" } } });
  await using api = new ScriptedApi(serving("/api/v1/namespaces/shop/replicationcontrollers", rc, [rawPod("a")]));
  await using harness = await Harness.open(api);
  const { changes } = harness.follow({ kind: "replicationcontroller", name: "web", port: "http" });
  expect(shown(await changes.next())).toBe("ready a:8080");
  expect(api.requests(/pods$/)[0]?.query.get("labelSelector")).toBe("app=web,tier=front");
});

describe("what a workload says of itself", () => {
  test("its selector, as the API writes it", () => {
    const picked = pickWorkload("deployment", {
      spec: {
        selector: {
          matchLabels: { app: "web", tier: "front" },
          matchExpressions: [
            { key: "track", operator: "In", values: ["stable", "canary"] },
            { key: "zone", operator: "NotIn", values: ["b"] },
            { key: "release", operator: "Exists" },
            { key: "old", operator: "DoesNotExist", values: null },
          ],
        },
      },
    });
    expect(picked.selector).toBe("app=web,tier=front,track in (stable,canary),zone notin (b),release,!old");
  });

  const cases: [WorkloadKind, Parameters<typeof pickWorkload>[1], string | undefined][] = [
    ["deployment", { spec: { replicas: 2 } }, undefined],
    ["statefulset", { spec: { replicas: 0 } }, "it is scaled to zero"],
    [
      "replicaset",
      { spec: { replicas: 1 }, status: { conditions: [{ type: "ReplicaFailure", status: "True", message: "exceeded quota" }] } },
      "its pods cannot be made (exceeded quota)",
    ],
    ["daemonset", { status: { desiredNumberScheduled: 0 } }, undefined],
    ["daemonset", { status: { observedGeneration: 1, desiredNumberScheduled: 0 } }, "no node fits it"],
    ["daemonset", { status: { observedGeneration: 1, desiredNumberScheduled: 3 } }, undefined],
    ["job", { spec: { suspend: true } }, "it is suspended"],
    ["job", { status: { conditions: [{ type: "Complete", status: "True" }] } }, "it has completed"],
    ["job", { status: { conditions: [{ type: "Complete", status: "False" }] } }, undefined],
    [
      "job",
      { status: { conditions: [{ type: "Failed", status: "True", reason: "BackoffLimitExceeded" }] } },
      "it has failed (BackoffLimitExceeded)",
    ],
  ];
  test.each(cases)("%s %j", (kind, raw, resting) => {
    expect(pickWorkload(kind, raw).resting).toBe(resting);
  });
});

describe("the pods behind a service as such", () => {
  const servicePath = "/api/v1/namespaces/shop/services/web";
  const slicesPath = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices";
  const wanted = { port: undefined } as const;

  test("are those of its slices, whatever its ports, with and without a selector", async () => {
    for (const spec of [webService.spec, { ports: [] }, { clusterIP: "None", selector: { app: "web" } }]) {
      await using api = new ScriptedApi((asked) => {
        if (asked.path === servicePath) return Response.json({ ...webService, spec });
        return isList(asked, slicesPath) ? list([webSlice(["b", "a"])], "5") : undefined;
      });
      await using harness = await Harness.open(api);
      expect(shown(await harness.follow(wanted).changes.next())).toBe("ready a:0 b:0");
    }
  });

  test("are those that its selector matches where slices may not be listed", async () => {
    await using api = new ScriptedApi((asked) => {
      if (asked.path === servicePath) return Response.json(webService);
      if (asked.path === slicesPath) return status(403, "no", "Forbidden");
      return isList(asked, podsPath) ? list([rawPod("a"), rawPod("b", false)]) : undefined;
    });
    await using harness = await Harness.open(api);
    expect(shown(await harness.follow(wanted).changes.next())).toBe("ready a:0");
  });

  test("are none of an ExternalName", async () => {
    await using api = new ScriptedApi((asked) =>
      asked.path === servicePath
        ? Response.json({ ...webService, spec: { type: "ExternalName", externalName: "db.example" } })
        : isList(asked, slicesPath)
          ? list([])
          : undefined,
    );
    await using harness = await Harness.open(api);
    expect(shown(await harness.follow(wanted).changes.next())).toStartWith(
      'none service-external: service "shop/web" is an alias of db.example',
    );
  });
});
