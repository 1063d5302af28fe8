/** Tests following services and pods against a scripted API server: resuming, relisting, falling back, regrouping. */

import { describe, expect, test } from "bun:test";
import { kubeLimits } from "#kube/limits.ts";
import { write } from "bun";
import { ManualClock } from "#test/support/manual-clock.ts";
import {
  type Asked,
  Harness,
  list,
  ScriptedApi,
  shown,
  status,
  WatchScript,
  webService,
  webSlice,
  writeKubeconfig,
} from "./scripted-api.ts";

const servicePath = "/api/v1/namespaces/shop/services/web";
const slicesPath = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices";
const podsPath = "/api/v1/namespaces/shop/pods";

const isList = (asked: Asked, path: string): boolean => asked.path === path && asked.query.get("watch") !== "1";

/** Answers for service "web" with one ready pod; watches are left to the test. */
function simple(asked: Asked): Response | undefined {
  if (asked.path === servicePath) return Response.json(webService);
  if (isList(asked, slicesPath)) return list([webSlice(["a"])], "5");
  return undefined;
}

const rawPod = (name: string, ready: boolean, state: object = { running: {} }): object => ({
  metadata: { name, resourceVersion: "3" },
  spec: { containers: [{ name: "main" }] },
  status: {
    phase: "Running",
    conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
    containerStatuses: [{ name: "main", state }],
  },
});

/** Service `name` and its slice, as the API lists them. */
function listed(name: string): { readonly service: object; readonly slice: object } {
  const slice = webSlice([`${name}-pod`]) as { metadata: object };
  return {
    service: { ...webService, metadata: { ...webService.metadata, name } },
    slice: { ...slice, metadata: { ...slice.metadata, name: `${name}-1`, labels: { "kubernetes.io/service-name": name } } },
  };
}

test("hundreds of services that are followed at once are listed, and one that came since is asked for by itself", async () => {
  const names = Array.from({ length: 300 }, (_, at) => `s${at}`);
  const all = names.map(listed);
  await using api = new ScriptedApi((asked) => {
    if (asked.query.get("watch") === "1") return undefined;
    const [, name = ""] = /services\/(.+)$/.exec(asked.path) ?? /service-name=(.+)$/.exec(asked.query.get("labelSelector") ?? "") ?? [];
    if (asked.path.endsWith("/services")) return list(all.map(({ service }) => service));
    if (asked.path.includes("/services/")) return Response.json(listed(name).service);
    return list(name === "" ? all.map(({ slice }) => slice) : [listed(name).slice]);
  });
  await using harness = await Harness.open(api);
  const followed = [...names, "new"].map((name) => harness.follow({ name }));
  const resolved = await Promise.all(followed.map(({ changes }) => changes.next()));
  expect(resolved.map(shown)).toEqual([...names, "new"].map((name) => `ready ${name}-pod:8080`));
  expect(api.requests(/services\/new/).length).toBe(1);
  expect(api.asked.filter(({ query }) => query.get("watch") !== "1").length).toBeLessThan(60);
});

describe("a service", () => {
  test("is resolved by one request for each of service and slices, then watched from there", async () => {
    await using api = new ScriptedApi(simple);
    await using harness = await Harness.open(api);
    const { following, changes } = harness.follow();
    expect(following.current()).toBeUndefined();
    expect(shown(await changes.next())).toBe("ready a:8080");
    expect(api.requests(/watch/)).toEqual([]);
    const { asked, script } = await api.watches.next();
    expect(Object.fromEntries(asked.query)).toMatchObject({
      labelSelector: "kubernetes.io/service-name in (web)",
      resourceVersion: "5",
      allowWatchBookmarks: "true",
      timeoutSeconds: "240",
    });
    script.send("MODIFIED", webSlice(["a", "b"], "6"));
    expect(shown(await changes.next())).toBe("ready a:8080 b:8080");
    expect(shown(following.current())).toBe("ready a:8080 b:8080");
    script.sendRaw(JSON.stringify({ type: "MODIFIED", object: webSlice(["c"], "7") }).slice(0, 40));
    script.sendRaw(`${JSON.stringify({ type: "MODIFIED", object: webSlice(["c"], "7") }).slice(40)}\n`);
    expect(shown(await changes.next())).toBe("ready c:8080");
    expect(await harness.reached.next()).toEqual({ reachable: true, problem: undefined });
  });

  test("a watch goes on from the last version it heard of, bookmarks too", async () => {
    await using api = new ScriptedApi(simple);
    await using harness = await Harness.open(api);
    const { changes } = harness.follow();
    await changes.next();
    const first = await api.watches.next();
    first.script.send("BOOKMARK", { metadata: { resourceVersion: "900" } });
    first.script.end();
    const second = await api.watches.next();
    expect(second.asked.query.get("resourceVersion")).toBe("900");
    expect(api.requests(/endpointslices$/).filter((asked) => asked.query.get("watch") !== "1").length).toBe(2);
    second.script.send("MODIFIED", webSlice(["b"], "901"));
    expect(shown(await changes.next())).toBe("ready b:8080");
  });

  test("a version that is too old means listing again, said by an event or by a status", async () => {
    let version = 5;
    await using api = new ScriptedApi((asked) => {
      if (isList(asked, slicesPath)) return list([webSlice([`pod-${version}`])], String(version));
      if (asked.query.get("resourceVersion") === "7") return status(410, "too old resource version", "Expired");
      return simple(asked);
    });
    await using harness = await Harness.open(api);
    const { changes } = harness.follow();
    expect(shown(await changes.next())).toBe("ready pod-5:8080");
    const first = await api.watches.next();
    version = 7;
    first.script.send("ERROR", { kind: "Status", code: 410, message: "too old resource version" });
    expect(shown(await changes.next())).toBe("ready pod-7:8080");
    version = 9;
    expect(shown(await changes.next())).toBe("ready pod-9:8080");
    expect((await api.watches.next()).asked.query.get("resourceVersion")).toBe("9");
  });

  test("polls where watching is forbidden and listing is not", async () => {
    const clock = new ManualClock();
    let pods = ["a"];
    await using api = new ScriptedApi((asked) => {
      if (isList(asked, slicesPath)) return list([webSlice(pods)]);
      return asked.query.get("watch") === "1" ? status(403, "you may not watch", "Forbidden") : simple(asked);
    });
    await using harness = await Harness.open(api, { clock });
    const { changes } = harness.follow();
    expect(shown(await changes.next())).toBe("ready a:8080");
    while (!harness.logged.some((line) => line.startsWith("watch-forbidden"))) await clock.advance(50);
    pods = ["b"];
    const change = changes.next();
    let waiting = true;
    void change.then(() => {
      waiting = false;
    });
    while (waiting) await clock.advance(100);
    expect(shown(await change)).toBe("ready b:8080");
  });

  const withoutSlices: readonly (readonly [string, string, () => Response])[] = [
    ["without permission for slices", "slices-forbidden", () => status(403, "endpointslices is forbidden", "Forbidden")],
    [
      "where the API server has no slices",
      "slices-missing",
      () => status(404, "the server could not find the requested resource", "NotFound"),
    ],
    ["where something on the way knows no slices", "slices-missing", () => new Response("404 page not found\n", { status: 404 })],
  ];

  test.each(withoutSlices)("%s its pods are read by its selector, and watched", async (_where, event, refusal) => {
    await using api = new ScriptedApi((asked) => {
      if (asked.path === slicesPath) return refusal();
      if (isList(asked, podsPath)) return list([rawPod("a", true), rawPod("b", false)], "3");
      return simple(asked);
    });
    await using harness = await Harness.open(api);
    const { changes } = harness.follow();
    expect(shown(await changes.next())).toBe("ready a:8080");
    const { asked, script } = await api.watches.next();
    expect([asked.path, asked.query.get("labelSelector")]).toEqual([podsPath, "app=web"]);
    script.send("MODIFIED", rawPod("b", true));
    expect(shown(await changes.next())).toBe("ready a:8080 b:8080");
    script.send("DELETED", rawPod("a", true));
    expect(shown(await changes.next())).toBe("ready b:8080");
    expect(harness.logged.some((line) => line.startsWith(event))).toBe(true);
  });

  test("without slices and without permission for pods, only what would help is named", async () => {
    await using api = new ScriptedApi((asked) => {
      if (asked.path === slicesPath) return status(404, "the server could not find the requested resource", "NotFound");
      return asked.path === servicePath ? simple(asked) : status(403, 'User "u" cannot list pods', "Forbidden");
    });
    await using harness = await Harness.open(api);
    expect(shown(await harness.follow().changes.next())).toStartWith('failed forbidden: not allowed to list pods in namespace "shop": ');
  });

  test("without slices and without a selector says that nothing names its pods", async () => {
    await using api = new ScriptedApi((asked) => {
      if (asked.path === slicesPath) return status(404, "the server could not find the requested resource", "NotFound");
      return asked.path === servicePath ? Response.json({ ...webService, spec: { ports: webService.spec.ports } }) : simple(asked);
    });
    await using harness = await Harness.open(api);
    expect(shown(await harness.follow().changes.next())).toBe(
      'failed cluster-error: the API server has no EndpointSlices: service "web" has no selector, so its pods cannot be found without them',
    );
  });

  test("without permission for pods either, both verbs are named", async () => {
    await using api = new ScriptedApi((asked) =>
      asked.path === servicePath ? simple(asked) : status(403, `User "u" cannot list ${asked.path.split("/").at(-1)}`, "Forbidden"),
    );
    await using harness = await Harness.open(api);
    const resolution = await harness.follow().changes.next();
    expect(shown(resolution)).toStartWith('failed forbidden: not allowed to list endpointslices or list pods in namespace "shop": ');
    expect(shown(resolution)).toEndWith('user "u" cannot list pods');
    expect(resolution.kind === "failed" && resolution.problem.hints).toEqual([
      "kubectl auth can-i list endpointslices.discovery.k8s.io -n shop --context test",
      "kubectl auth can-i list pods -n shop --context test",
    ]);
  });

  test("that may not be read says which verb is missing", async () => {
    await using api = new ScriptedApi((asked) =>
      asked.path === servicePath ? status(403, 'services "web" is forbidden', "Forbidden") : simple(asked),
    );
    await using harness = await Harness.open(api);
    const resolution = await harness.follow().changes.next();
    expect(shown(resolution)).toBe('failed forbidden: not allowed to get services in namespace "shop": services "web" is forbidden');
  });

  test("that does not exist names the nearest, and is found once it is there", async () => {
    let exists = false;
    await using api = new ScriptedApi((asked) => {
      if (asked.path === servicePath) return exists ? simple(asked) : status(404, 'services "web" not found', "NotFound");
      if (isList(asked, "/api/v1/namespaces/shop/services")) return list([{ metadata: { name: "wep" } }, { metadata: { name: "other" } }]);
      if (isList(asked, slicesPath)) return list(exists ? [webSlice(["a"])] : [], "5");
      return undefined;
    });
    await using harness = await Harness.open(api);
    const { changes } = harness.follow();
    const missing = await changes.next();
    expect(shown(missing)).toBe('none service-not-found: there is no service "web" in namespace "shop"');
    expect(missing.kind === "none" && missing.problem.hints).toEqual([
      'did you mean "wep"?',
      "kubectl get services -n shop --context test",
    ]);
    const { script } = await api.watches.next();
    exists = true;
    script.send("ADDED", webSlice(["a"], "6"));
    expect(shown(await changes.next())).toBe("ready a:8080");
  });

  test("that was renamed is suggested as soon as it is asked for again", async () => {
    let names: readonly string[] = ["other"];
    await using api = new ScriptedApi((asked) => {
      if (asked.path === servicePath) return status(404, 'services "web" not found', "NotFound");
      if (isList(asked, "/api/v1/namespaces/shop/services")) return list(names.map((name) => ({ metadata: { name } })));
      return isList(asked, slicesPath) ? list([], "5") : undefined;
    });
    await using harness = await Harness.open(api);
    const { following, changes } = harness.follow();
    const hints = async (): Promise<unknown> => {
      const resolution = await changes.next();
      return resolution.kind === "none" && resolution.problem.hints;
    };
    expect(await hints()).toEqual(["kubectl get services -n shop --context test"]);
    names = ["web-v2"];
    following.refresh();
    expect(await hints()).toEqual(['did you mean "web-v2"?', "kubectl get services -n shop --context test"]);
  });

  test("of which no pod is ready says what its pods are doing as they do it, until one is", async () => {
    const starting = rawPod("a", false, { waiting: { reason: "ContainerCreating" } });
    await using api = new ScriptedApi((asked) => {
      if (isList(asked, podsPath)) return list([starting]);
      if (isList(asked, slicesPath)) return list([webSlice([])], "5");
      return simple(asked);
    });
    await using harness = await Harness.open(api);
    const { changes } = harness.follow();
    expect(shown(await changes.next())).toBe(
      'coming no-ready-pod: no pod of service "shop/web" is ready: pod "a" is starting: ContainerCreating',
    );
    const pods = await api.watches.nextWhere(({ asked }) => asked.path === podsPath);
    expect(pods.asked.query.get("labelSelector")).toBe("app=web");
    const crashed = rawPod("a", false, { waiting: { reason: "CrashLoopBackOff", message: "back-off 10s" } });
    pods.script.send("MODIFIED", crashed);
    expect(shown(await changes.next())).toBe(
      'none no-ready-pod: no pod of service "shop/web" is ready: pod "a" is in CrashLoopBackOff (back-off 10s)',
    );
    pods.script.send("DELETED", crashed);
    expect(shown(await changes.next())).toBe(
      'none no-ready-pod: no pod of service "shop/web" is ready: there is no pod with app=web (scaled to zero?)',
    );
    pods.script.send("ADDED", starting);
    expect(shown(await changes.next())).toStartWith("coming no-ready-pod");
    expect(api.requests(/\/pods$/).length).toBe(2);
    const { script } = await api.watches.nextWhere(({ asked }) => asked.path === slicesPath);
    script.send("MODIFIED", webSlice(["b"], "6"));
    expect(shown(await changes.next())).toBe("ready b:8080");
    await pods.script.cancelled;
  });

  test("whose last pod goes away is coming at once, before its pods are read", async () => {
    const looked = Promise.withResolvers<Response>();
    await using api = new ScriptedApi((asked) => (isList(asked, podsPath) ? looked.promise : simple(asked)));
    await using harness = await Harness.open(api);
    const { changes } = harness.follow();
    await changes.next();
    const { script } = await api.watches.next();
    script.send("MODIFIED", webSlice([], "6"));
    expect(shown(await changes.next())).toBe(
      'coming no-ready-pod: no pod of service "shop/web" is ready: its pods are there but not ready',
    );
    looked.resolve(list([]));
    expect(shown(await changes.next())).toStartWith("none no-ready-pod");
  });

  test("whose ports change is read again", async () => {
    let service: object = webService;
    await using api = new ScriptedApi((asked) =>
      asked.path === servicePath ? Response.json(service) : isList(asked, slicesPath) ? list([webSlice(["a"])], "5") : undefined,
    );
    await using harness = await Harness.open(api);
    const { following, changes } = harness.follow();
    await changes.next();
    service = { ...webService, spec: { ...webService.spec, ports: [{ name: "http", port: 81 }] } };
    following.refresh();
    expect(shown(await changes.next())).toBe('none port-not-found: service "shop/web" has no port 80');
  });

  test("refresh asks directly, without waiting for the watch", async () => {
    let pods = ["a"];
    await using api = new ScriptedApi((asked) => (isList(asked, slicesPath) ? list([webSlice(pods)], "5") : simple(asked)));
    await using harness = await Harness.open(api);
    const { following, changes } = harness.follow();
    await changes.next();
    await api.watches.next();
    pods = ["b"];
    following.refresh();
    expect(shown(await changes.next())).toBe("ready b:8080");
  });

  test("refresh before the first answer asks for nothing a second time", async () => {
    const clock = new ManualClock();
    await using api = new ScriptedApi(simple);
    await using harness = await Harness.open(api, { clock });
    const { following, changes } = harness.follow();
    following.refresh();
    expect(shown(await changes.next())).toBe("ready a:8080");
    await clock.advance(kubeLimits.serviceCheckMs);
    await api.watches.next();
    expect(api.requests(/services\/web/).length).toBe(1);
  });
});

describe("endpoints that name no pod", () => {
  const addresses = (list: readonly string[], version = "5"): object => {
    const { endpoints, ...slice } = webSlice(["x"], version) as { endpoints: readonly object[] };
    return { ...slice, endpoints: list.map((address) => ({ addresses: [address], conditions: {} })) };
  };
  const pod = (name: string, ip: string, more: object = {}): object => ({
    metadata: { name, namespace: "shop", resourceVersion: "3", ...more },
    status: { phase: "Running", podIP: ip },
  });
  const selectorless = { ...webService, spec: { ports: webService.spec.ports } };
  const pods: Readonly<Record<string, readonly object[]>> = {
    "10.0.0.1": [pod("db-0", "10.0.0.1")],
    "10.0.0.2": [pod("b", "10.0.0.2"), pod("a", "10.0.0.2")],
    "10.0.0.3": [pod("leaving", "10.0.0.3", { deletionTimestamp: "2026-01-01T00:00:00Z" })],
  };
  const serving =
    (slices: readonly object[]) =>
    (asked: Asked): Response | undefined => {
      if (asked.query.get("watch") === "1") return undefined;
      if (asked.path.endsWith("/services/web")) return Response.json(selectorless);
      if (asked.path.endsWith("/endpointslices")) return list(slices, "5");
      const ip = asked.query.get("fieldSelector")?.replace("status.podIP=", "") ?? "";
      return asked.path.endsWith("/pods") ? list(pods[ip] ?? []) : undefined;
    };

  test.each([
    [["10.0.0.1"], "ready db-0:8080"],
    [["10.0.0.2", "10.0.0.1"], "ready a:8080 db-0:8080"],
    [["192.0.2.7", "10.0.0.1"], "ready db-0:8080"],
    [
      ["10.0.0.3"],
      'none service-external: service "shop/web" has an endpoint that is not a pod (10.0.0.3): it leads to no pod, so it cannot be port-forwarded',
    ],
    [
      ["192.0.2.7"],
      'none service-external: service "shop/web" has an endpoint that is not a pod (192.0.2.7): it leads to no pod, so it cannot be port-forwarded',
    ],
  ])("%p are the pods that have these addresses", async (ips, want) => {
    await using api = new ScriptedApi(serving([addresses(ips)]));
    await using harness = await Harness.open(api);
    expect(shown(await harness.follow().changes.next())).toBe(want);
  });

  test("follow these pods, and the slices", async () => {
    await using api = new ScriptedApi(serving([addresses(["10.0.0.1"])]));
    await using harness = await Harness.open(api);
    const { changes, following } = harness.follow();
    expect(shown(await changes.next())).toBe("ready db-0:8080");
    const ofPod = await api.watches.nextWhere(({ asked }) => asked.path.endsWith("/pods"));
    ofPod.script.send("DELETED", pod("db-0", "10.0.0.1"));
    expect(shown(await changes.next())).toStartWith("none service-external");
    ofPod.script.send("ADDED", pod("db-1", "10.0.0.1"));
    expect(shown(await changes.next())).toBe("ready db-1:8080");
    following.close();
    await ofPod.script.cancelled;
  });

  test("are not looked for without the permission, and that is said", async () => {
    await using api = new ScriptedApi((asked) =>
      asked.path.endsWith("/pods") ? status(403, "pods is forbidden: no", "Forbidden") : serving([addresses(["10.0.0.1"])])(asked),
    );
    await using harness = await Harness.open(api);
    expect(shown(await harness.follow().changes.next())).toStartWith('failed forbidden: not allowed to list pods in namespace "shop"');
  });

  test("cost a bounded number of watches", async () => {
    const many = Array.from({ length: 100 }, (_, at) => `192.0.2.${at}`);
    await using api = new ScriptedApi(serving([addresses(many)]));
    await using harness = await Harness.open(api);
    expect(shown(await harness.follow().changes.next())).toStartWith("none service-external");
    const lists = api.requests(/\/pods$/).filter((asked) => asked.query.get("watch") !== "1");
    expect(lists.length).toBe(kubeLimits.endpointAddresses);
  });
});

describe("a guess", () => {
  const kinds = [
    ["service", servicePath, "service-not-found"],
    ["pod", podsPath, "pod-not-found"],
    ["deployment", "/apis/apps/v1/namespaces/shop/deployments", "workload-not-found"],
  ] as const;

  test.each(kinds)("of a %s that is not there costs one request and no watch", async (kind, path, code) => {
    const clock = new ManualClock();
    await using api = new ScriptedApi((asked) => {
      if (asked.path === servicePath) return status(404, 'services "web" not found', "NotFound");
      return asked.query.has("fieldSelector") ? list([]) : undefined;
    });
    await using harness = await Harness.open(api, { clock });
    // The one that may be helped with a hint.
    const first = harness.follow({ kind, isGuess: true });
    expect(shown(await first.changes.next())).toContain(code);
    first.following.close();
    const before = api.asked.length;
    const { following, changes } = harness.follow({ kind, isGuess: true });
    expect(shown(await changes.next())).toContain(code);
    for (let round = 0; round < 10; round++) await clock.advance(50);
    expect(api.asked.slice(before).map((asked) => asked.path)).toEqual([path]);
    following.close();
  });

  test("of a pod is not met by one of another name, whatever a server answers", async () => {
    await using api = new ScriptedApi((asked) => (isList(asked, podsPath) ? list([rawPod("other", true)]) : undefined));
    await using harness = await Harness.open(api);
    const { changes } = harness.follow({ kind: "pod", name: "web", isGuess: true });
    expect(shown(await changes.next())).toStartWith("none pod-not-found");
  });

  test("that is there is watched like any other", async () => {
    await using api = new ScriptedApi(simple);
    await using harness = await Harness.open(api);
    const { changes } = harness.follow({ isGuess: true });
    expect(shown(await changes.next())).toBe("ready a:8080");
    const { script } = await api.watches.next();
    script.send("MODIFIED", webSlice(["b"], "6"));
    expect(shown(await changes.next())).toBe("ready b:8080");
  });
});

describe("the end of a service that has no pods", () => {
  test("shows when its slices are taken away", async () => {
    const clock = new ManualClock();
    let exists = true;
    await using api = new ScriptedApi((asked) => {
      if (asked.path === servicePath && !exists) return status(404, 'services "web" not found', "NotFound");
      if (isList(asked, slicesPath)) return list([emptySlice], "5");
      return isList(asked, podsPath) ? list([]) : simple(asked);
    });
    await using harness = await Harness.open(api, { clock });
    const { changes } = harness.follow();
    expect(shown(await changes.next())).toStartWith("none no-ready-pod");
    await clock.advance(300);
    const watch = await watchOf(api, clock);
    exists = false;
    watch.send("DELETED", emptySlice);
    expect(shown(await advanceUntil(clock, changes.next()))).toStartWith("none service-not-found");
    exists = true;
    watch.send("ADDED", emptySlice);
    expect(shown(await advanceUntil(clock, changes.next()))).toStartWith("none no-ready-pod");
  });

  test("is asked for now and then where it has no slices that could tell", async () => {
    const clock = new ManualClock();
    let exists = true;
    await using api = new ScriptedApi((asked) => {
      if (asked.path === servicePath && !exists) return status(404, 'services "web" not found', "NotFound");
      if (isList(asked, slicesPath)) return list([], "5");
      return isList(asked, podsPath) ? list([]) : simple(asked);
    });
    await using harness = await Harness.open(api, { clock });
    const { changes } = harness.follow();
    expect(shown(await changes.next())).toStartWith("none no-ready-pod");
    exists = false;
    expect(shown(await advanceUntil(clock, changes.next()))).toStartWith("none service-not-found");
  });
});

/** As the controller leaves it for a service without pods. */
const emptySlice = { ...webSlice([]), ports: null, endpoints: null };

/** The answer, however much time has to pass for it. */
async function advanceUntil<T>(clock: ManualClock, answer: Promise<T>): Promise<T> {
  let waiting = true;
  void answer.then(() => (waiting = false));
  while (waiting) await clock.advance(100);
  return await answer;
}

async function watchOf(api: ScriptedApi, clock: ManualClock): Promise<WatchScript> {
  const ofSlices = api.watches.nextWhere(({ asked }) => asked.path === slicesPath);
  return (await advanceUntil(clock, ofSlices)).script;
}

describe("many services of a namespace", () => {
  const name = (asked: Asked): string => asked.path.split("/").at(-1) ?? "";
  const sliceOf = (service: string, pods: readonly string[]): object => ({
    ...webSlice(pods),
    metadata: { name: `${service}-1`, resourceVersion: "9", labels: { "kubernetes.io/service-name": service } },
  });
  const many = (asked: Asked): Response | undefined => {
    if (asked.path.startsWith("/api/v1/namespaces/shop/services/"))
      return Response.json({ ...webService, metadata: { name: name(asked), namespace: "shop" } });
    if (!isList(asked, slicesPath)) return undefined;
    const selector = asked.query.get("labelSelector") ?? "";
    const names = /in \((.*)\)$/.exec(selector)?.[1]?.split(",") ?? [/=(.*)$/.exec(selector)?.[1] ?? "x"];
    return list(
      names.map((service) => sliceOf(service, [`${service}-pod`])),
      "8",
    );
  };

  test("share one watch, and the old one stays until the new one has listed", async () => {
    await using api = new ScriptedApi(many);
    await using harness = await Harness.open(api);
    const one = harness.follow({ name: "one" });
    await one.changes.next();
    const first = await api.watches.next();
    const two = harness.follow({ name: "two" });
    const three = harness.follow({ name: "three" });
    expect(shown(await two.changes.next())).toBe("ready two-pod:8080");
    expect(shown(await three.changes.next())).toBe("ready three-pod:8080");
    first.script.send("MODIFIED", sliceOf("one", ["fresh"]));
    expect(shown(await one.changes.next())).toBe("ready fresh:8080");
    const second = await api.watches.next();
    expect(second.asked.query.get("labelSelector")).toBe("kubernetes.io/service-name in (one,three,two)");
    await first.script.cancelled;
    second.script.send("MODIFIED", sliceOf("two", ["newer"]));
    expect(shown(await two.changes.next())).toBe("ready newer:8080");
    // Fewer need no other watch.
    two.following.close();
    second.script.send("MODIFIED", sliceOf("three", ["last"]));
    expect(shown(await three.changes.next())).toBe("ready last:8080");
    one.following.close();
    three.following.close();
    await second.script.cancelled;
  });

  test("are watched without a list of names when there are too many", async () => {
    await using api = new ScriptedApi(many);
    await using harness = await Harness.open(api);
    const followed = Array.from({ length: 120 }, (_, at) => harness.follow({ name: `service-with-a-long-name-${at}` }));
    await Promise.all(followed.map(({ changes }) => changes.next()));
    const { asked, script } = await api.watches.nextWhere(
      ({ asked: { query } }) => query.get("labelSelector") === "kubernetes.io/service-name",
    );
    expect(asked.query.get("watch")).toBe("1");
    script.send("MODIFIED", sliceOf("service-with-a-long-name-7", ["x"]));
    expect(shown(await followed[7]?.changes.nextWhere((resolution) => resolution.kind === "ready"))).toBe("ready x:8080");
  });
});

describe("a pod", () => {
  test("is listed and watched by name", async () => {
    await using api = new ScriptedApi((asked) => (isList(asked, podsPath) ? list([rawPod("a", true)], "3") : undefined));
    await using harness = await Harness.open(api);
    const { changes } = harness.follow({ kind: "pod", name: "a", port: 9090 });
    expect(shown(await changes.next())).toBe("ready a:9090");
    const { asked, script } = await api.watches.next();
    expect(asked.query.get("fieldSelector")).toBe("metadata.name=a");
    script.send("DELETED", rawPod("a", true));
    expect(shown(await changes.next())).toBe('none pod-not-found: there is no pod "a" in namespace "shop"');
  });

  test("is asked for by name where listing is forbidden", async () => {
    await using api = new ScriptedApi((asked) => {
      if (asked.path === podsPath) return status(403, "pods is forbidden", "Forbidden");
      return asked.path === `${podsPath}/a` ? Response.json(rawPod("a", true)) : undefined;
    });
    await using harness = await Harness.open(api);
    expect(shown(await harness.follow({ kind: "pod", name: "a", port: 9090 }).changes.next())).toBe("ready a:9090");
    expect(shown(await harness.follow({ kind: "pod", name: "b", port: 9090 }).changes.next())).toStartWith("none pod-not-found");
  });
});

describe("when the server cannot be reached", () => {
  test("what was ready stays, it is reported once, and everything goes on when it is back", async () => {
    const api = new ScriptedApi(simple);
    const { port } = api;
    await using harness = await Harness.open(api);
    const { following, changes } = harness.follow();
    await changes.next();
    await api.watches.next();
    expect((await harness.reached.next()).reachable).toBe(true);
    await api[Symbol.asyncDispose]();
    following.refresh();
    const gone = await harness.reached.next();
    expect([gone.reachable, gone.problem?.code]).toEqual([false, "cluster-unreachable"]);
    expect(shown(following.current())).toBe("ready a:8080");
    await using back = new ScriptedApi(
      (asked) => (isList(asked, slicesPath) ? list([webSlice(["b"])], "5") : simple(asked)),
      undefined,
      port,
    );
    expect((await harness.reached.next()).reachable).toBe(true);
    expect(shown(await changes.next())).toBe("ready b:8080");
    expect(back.asked.length).toBeGreaterThan(0);
  });

  test("the first answer is the reason", async () => {
    await using harness = await Harness.open(undefined, { server: "http://127.0.0.1:1" });
    const { changes } = harness.follow();
    expect(shown(await changes.next())).toBe("failed cluster-unreachable: connect to http://127.0.0.1:1: connection refused");
  });

  test("a silent watch is begun again", async () => {
    const clock = new ManualClock();
    await using api = new ScriptedApi(simple);
    await using harness = await Harness.open(api, { clock });
    const { changes } = harness.follow();
    await changes.next();
    await clock.advance(250);
    const first = await api.watches.next();
    first.script.send("MODIFIED", webSlice(["b"], "6"));
    await changes.next();
    await clock.advance(91_000);
    await first.script.cancelled;
    await clock.advance(200);
    expect((await api.watches.next()).asked.query.get("resourceVersion")).toBe("6");
  });

  test("a server that takes the connection and says nothing is given up on", async () => {
    const clock = new ManualClock();
    await using api = new ScriptedApi(() => new Promise<Response>(() => {}));
    await using harness = await Harness.open(api, { clock });
    const { changes } = harness.follow();
    while (api.asked.length < 2) await clock.advance(0);
    await clock.advance(15_000);
    expect(shown(await changes.next())).toBe(`failed cluster-unreachable: ${api.url} did not answer within 15 s`);
  });

  test("an answer that is not JSON says what may be in between", async () => {
    await using api = new ScriptedApi(() => new Response("<html>Please log in</html>"));
    await using harness = await Harness.open(api);
    expect(shown(await harness.follow().changes.next())).toStartWith("failed cluster-error: the API server's answer is not JSON");
  });
});

describe("when kubeconfig changes", () => {
  test("following moves to the other server", async () => {
    await using one = new ScriptedApi(simple);
    await using two = new ScriptedApi((asked) => (isList(asked, slicesPath) ? list([webSlice(["other"])], "5") : simple(asked)));
    const clock = new ManualClock();
    await using harness = await Harness.open(one, { clock });
    const { following, changes } = harness.follow();
    expect(shown(await changes.next())).toBe("ready a:8080");
    const { place } = harness.cluster;
    await writeKubeconfig(`${harness.folder}/config`, one.url, { user: { token: "another" } });
    await clock.advance(2000);
    expect(harness.cluster.place).toBe(place);
    await writeKubeconfig(`${harness.folder}/config`, two.url);
    await clock.advance(2000);
    expect(harness.cluster.server).toBe(two.url);
    expect(harness.cluster.place).not.toBe(place);
    expect(shown(await changes.next())).toBe("ready other:8080");
    expect(shown(following.current())).toBe("ready other:8080");
  });

  test("a broken one leaves things as they are", async () => {
    await using api = new ScriptedApi(simple);
    await using harness = await Harness.open(api);
    await write(`${harness.folder}/config`, "contexts: [");
    expect(harness.cluster.server).toBe(api.url);
    expect(harness.logged.some((line) => line.startsWith("kubeconfig-kept"))).toBe(true);
    await write(`${harness.folder}/config`, "");
    expect(harness.cluster.context).toBe("test");
  });
});

describe("closing", () => {
  test("ends the watches", async () => {
    await using api = new ScriptedApi(simple);
    await using harness = await Harness.open(api);
    const { following, changes } = harness.follow();
    await changes.next();
    const { script } = await api.watches.next();
    following.close();
    await script.cancelled;
    expect(script).toBeInstanceOf(WatchScript);
  });
});
