/** Tests keeping whole collections against a scripted API server: one list and one watch, polling where watching is forbidden. */

import { describe, expect, test } from "bun:test";
import type { KtError } from "#base/errors.ts";
import type { Service, Slice } from "#kube/objects/objects.ts";
import type { CollectionListener, Polling } from "#kube/objects/types.ts";
import { fastClock } from "#test/support/fast-clock.ts";
import { type Asked, Harness, list, Queue, ScriptedApi, status } from "./scripted-api.ts";

const servicesPath = "/api/v1/namespaces/shop/services";
const isWatch = ({ query }: Asked): boolean => query.get("watch") === "1";
const service = (name: string, spec: object = {}): object => ({
  metadata: { name, namespace: "shop", resourceVersion: "2" },
  spec: { selector: { app: name }, ports: [{ port: 80 }], ...spec },
});

interface Heard<Item> {
  readonly listener: CollectionListener<Item>;
  readonly items: Queue<readonly Item[]>;
  readonly problems: Queue<KtError>;
  readonly polled: Queue<Polling | undefined>;
}

function hear<Item>(): Heard<Item> {
  const [items, problems, polled] = [new Queue<readonly Item[]>(), new Queue<KtError>(), new Queue<Polling | undefined>()];
  const listener = {
    onItems: (all: readonly Item[]) => items.push(all),
    onProblem: (problem: KtError) => problems.push(problem),
    onPolled: (polling: Polling | undefined) => polled.push(polling),
  };
  return { listener, items, problems, polled };
}

const names = (items: readonly { readonly name: string }[]): string => items.map(({ name }) => name).join(" ");

test("services of a namespace are known by one list and one watch, and an end takes one away", async () => {
  await using api = new ScriptedApi((asked) => (isWatch(asked) ? undefined : list([service("api"), service("db", { clusterIP: "None" })])));
  await using harness = await Harness.open(api);
  const { listener, items } = hear<Service>();
  const close = harness.cluster.collect({ kind: "services", namespace: "shop", selector: "tier=backend", listener });
  const first = await items.next();
  expect(first.map(({ name, headless }) => `${name} ${headless}`)).toEqual(["api false", "db true"]);
  const { asked, script } = await api.watches.next();
  expect(asked.path).toBe(servicesPath);
  expect(asked.query.get("labelSelector")).toBe("tier=backend");
  script.send("ADDED", service("web"));
  expect(names(await items.next())).toBe("api db web");
  script.send("DELETED", service("api"));
  expect(names(await items.next())).toBe("db web");
  expect(api.asked.length).toBe(2);
  close();
  await script.cancelled;
});

test("only slices of headless services are asked for", async () => {
  const slice = { metadata: { name: "db-1", labels: { "kubernetes.io/service-name": "db" } }, ports: [], endpoints: [] };
  await using api = new ScriptedApi((asked) => (isWatch(asked) ? undefined : list([slice])));
  await using harness = await Harness.open(api);
  const { listener, items } = hear<Slice>();
  harness.cluster.collect({ kind: "headless-slices", namespace: "shop", listener });
  expect(names(await items.next())).toBe("db-1");
  expect(api.asked[0]?.path).toBe("/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices");
  expect(api.asked[0]?.query.get("labelSelector")).toBe("service.kubernetes.io/headless");
});

test("where watching is forbidden that is reported, once, and the list is what is known", async () => {
  await using api = new ScriptedApi((asked) => (isWatch(asked) ? status(403, "no watch", "Forbidden") : list([service("api")])));
  await using harness = await Harness.open(api);
  const { listener, items, polled } = hear<Service>();
  harness.cluster.collect({ kind: "services", namespace: "shop", selector: undefined, listener });
  expect(names(await items.next())).toBe("api");
  expect(await polled.next()).toEqual({ everyMs: 3_000, refused: [], left: [] });
});

test("a watch that was forbidden is tried again, and takes over once it is allowed", async () => {
  let isAllowed = false;
  await using api = new ScriptedApi((asked) => {
    if (!isWatch(asked)) return list([service("api")]);
    return isAllowed ? undefined : status(403, "no watch", "Forbidden");
  });
  await using harness = await Harness.open(api, { clock: fastClock(1_000) });
  const { listener, polled } = hear<Service>();
  harness.cluster.collect({ kind: "services", namespace: "shop", selector: undefined, listener });
  await polled.next();
  isAllowed = true;
  const { script } = await api.watches.next();
  script.send("BOOKMARK", { metadata: { resourceVersion: "3" } });
  expect(await polled.next()).toBeUndefined();
});

describe("where listing is forbidden as well", () => {
  const refuse = (): Response => status(403, "services is forbidden", "Forbidden");
  const known = (asked: Asked): Response | undefined => {
    const name = asked.path.slice(servicesPath.length + 1);
    if (name === "") return refuse();
    if (name === "secret") return status(403, `services "${name}" is forbidden`, "Forbidden");
    return name === "gone" ? undefined : Response.json(service(name));
  };
  const request = { kind: "services", namespace: "shop" } as const;

  test("services whose names are known are asked for by name, and those that may not be read are said", async () => {
    await using api = new ScriptedApi(known);
    await using harness = await Harness.open(api);
    const { listener, items, polled } = hear<Service>();
    harness.cluster.collect({ ...request, selector: undefined, names: ["api", "gone", "secret"], listener });
    expect(await polled.next()).toEqual({ everyMs: 3_000, names: ["api", "gone"], refused: ["secret"], left: [] });
    expect(names(await items.next())).toBe("api");
    expect(api.asked.filter(isWatch)).toHaveLength(0);
  });

  test("they are bounded in number, and many are asked for less often", async () => {
    await using api = new ScriptedApi(known);
    await using harness = await Harness.open(api);
    const { listener, items, polled } = hear<Service>();
    const many = Array.from({ length: 40 }, (_, at) => `s${at}`);
    harness.cluster.collect({ ...request, selector: undefined, names: many, listener });
    expect(await polled.next()).toMatchObject({ everyMs: 8_000, names: many.slice(0, 32), left: many.slice(32) });
    expect(await items.next()).toHaveLength(32);
    expect(api.asked).toHaveLength(33);
  });

  test("a problem that names the right is what is left where none may be read, or a selector chooses", async () => {
    await using api = new ScriptedApi(known);
    await using harness = await Harness.open(api);
    for (const more of [
      { selector: undefined, names: ["secret"] },
      { selector: "tier=backend", names: ["api"] },
    ]) {
      const { listener, problems } = hear<Service>();
      harness.cluster.collect({ ...request, ...more, listener });
      expect((await problems.next()).code).toBe("forbidden");
    }
  });

  test("a list that is allowed again takes over", async () => {
    let isAllowed = false;
    await using api = new ScriptedApi((asked) => {
      if (isWatch(asked)) return undefined;
      return isAllowed && asked.path === servicesPath ? list([service("api"), service("web")]) : known(asked);
    });
    await using harness = await Harness.open(api, { clock: fastClock(100) });
    const { listener, items, polled } = hear<Service>();
    harness.cluster.collect({ ...request, selector: undefined, names: ["api"], listener });
    expect(await polled.next()).toMatchObject({ names: ["api"] });
    isAllowed = true;
    expect(await polled.next()).toBeUndefined();
    while (names(await items.next()) !== "api web");
    await api.watches.next();
  });
});

test("a problem is over as soon as the watch goes on, though nothing has changed", async () => {
  let watches = 0;
  await using api = new ScriptedApi((asked) => {
    if (!isWatch(asked)) return list([service("api")]);
    watches += 1;
    return watches === 2 ? status(500, "away for a moment") : undefined;
  });
  await using harness = await Harness.open(api);
  const { listener, items, problems } = hear<Service>();
  harness.cluster.collect({ kind: "services", namespace: "shop", selector: undefined, listener });
  expect(names(await items.next())).toBe("api");
  const { script } = await api.watches.next();
  script.end();
  expect((await problems.next()).message).toContain("away for a moment");
  const next = await api.watches.next();
  // What has no content yet has no head either, as Bun serves it.
  next.script.send("BOOKMARK", { metadata: { resourceVersion: "3" } });
  expect(names(await items.next())).toBe("api");
  expect(api.asked.filter((asked) => !isWatch(asked))).toHaveLength(1);
});

test("namespaces that may not be listed are a problem that names the right", async () => {
  await using api = new ScriptedApi(() => status(403, "namespaces is forbidden", "Forbidden"));
  await using harness = await Harness.open(api);
  const { listener, problems } = hear<{ readonly name: string }>();
  harness.cluster.collect({ kind: "namespaces", listener });
  const { code, hints } = await problems.next();
  expect(code).toBe("forbidden");
  expect(hints.join()).toContain("list namespaces");
});

test("a namespace is there, is not, or may not be asked for", async () => {
  await using api = new ScriptedApi(({ path }) => {
    if (path.endsWith("/shop")) return Response.json({ metadata: { name: "shop" } });
    return path.endsWith("/secret") ? status(403, "no", "Forbidden") : undefined;
  });
  await using harness = await Harness.open(api);
  const { signal } = new AbortController();
  const answers = await Promise.all(["shop", "nowhere", "secret"].map((name) => harness.cluster.hasNamespace(name, signal)));
  expect(answers).toEqual([true, false, undefined]);
});
