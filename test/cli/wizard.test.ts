/** The questions of `kt add`, answered without a terminal, and what they propose. */

import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import type { Ask, Choice, FindQuestion, TextQuestion } from "#cli/screen/prompts.ts";
import { isHttpLike, suggestLocal } from "#cli/proposals/suggest.ts";
import { askRoute, type WizardWorld } from "#cli/wizard/wizard.ts";
import type { Catalogue } from "#daemon/catalogue.ts";
import type { NewForward, NewRoute } from "#profile/edit/edit.ts";

/** Answers in turn: the label of a choice, a text, or "" for what is proposed. */
class Answers implements Ask {
  readonly asked: string[] = [];
  readonly refused: string[] = [];
  readonly told: string[] = [];
  readonly #answers: string[];

  constructor(answers: readonly string[]) {
    this.#answers = [...answers];
  }

  get left(): readonly string[] {
    return this.#answers;
  }

  choose<T>(message: string, choices: readonly Choice<T>[]): Promise<T> {
    return this.find(message, choices);
  }

  async find<T>(message: string, choices: readonly Choice<T>[], { initial, typed }: FindQuestion<T> = {}): Promise<T> {
    const labels = choices.map(({ label }) => label);
    this.asked.push(`${message} ${labels.join(" | ")}`);
    const answer = this.#answers.shift();
    const found = answer === "" ? choices.find(({ value }) => value === initial) : choices.find(({ label }) => label === answer);
    const chosen = found ?? typed?.(answer ?? "");
    if (!chosen) throw new Error(`"${answer}" is none of ${labels.join(", ")}`);
    return chosen.value;
  }

  /** Refused answers are followed by others. */
  async text(message: string, { initial = "", check }: TextQuestion): Promise<string> {
    this.asked.push(`${message} ${initial}`.trim());
    for (;;) {
      const answer = this.#answers.shift();
      if (answer === undefined) throw new Error(`no answer to ${message}`);
      const text = answer === "" ? initial : answer;
      const objection = check(text);
      if (objection === undefined) return text;
      this.refused.push(objection);
    }
  }

  wait<T>(_: string, work: Promise<T>): Promise<T> {
    return work;
  }

  several(): never {
    throw new Error("not asked here");
  }

  confirm(): never {
    throw new Error("not asked here");
  }

  tell(text: string, title: string): void {
    this.told.push(`${title}: ${text}`);
  }
}

const cluster: Catalogue = {
  context: "dev",
  namespace: "shop",
  namespaces: async () => ["db", "shop"],
  workloads: async () => [],
  services: async (namespace) =>
    namespace === "shop"
      ? [
          { name: "web", ports: [{ name: "", port: 80 }] },
          {
            name: "api",
            ports: [
              { name: "http", port: 8080 },
              { name: "grpc", port: 9090 },
            ],
          },
        ]
      : [{ name: "postgresql", ports: [{ name: "tcp-postgresql", port: 5432 }] }],
  pods: async () => [
    { name: "bare", ready: true, containers: [{ name: "main", ports: [] }] },
    {
      name: "two",
      ready: false,
      containers: [
        { name: "main", ports: [{ name: "http", port: 8080 }] },
        { name: "side", ports: [{ name: "", port: 15001 }] },
      ],
    },
  ],
};

const forbidden = (): Promise<never> => Promise.reject(new KtError("forbidden", "not allowed"));

async function walkAnywhere(
  answers: readonly string[],
  world: Partial<WizardWorld> = {},
): Promise<{ route: NewRoute | NewForward; ask: Answers }> {
  const ask = new Answers(answers);
  const route = await askRoute(ask, {
    contexts: { current: "dev", names: ["dev"] },
    catalogueOf: (context) => ({ ...cluster, context: context ?? "dev" }),
    context: undefined,
    namespace: undefined,
    given: { local: undefined, context: undefined },
    objection: () => undefined,
    problemOf: async () => undefined,
    ...world,
  });
  expect(ask.left).toEqual([]);
  return { route, ask };
}

async function walk(answers: readonly string[], world: Partial<WizardWorld> = {}): Promise<{ route: NewRoute; ask: Answers }> {
  const { route: found, ask } = await walkAnywhere(answers, world);
  if (found.section === "forward") throw new Error("a namespace and not a route");
  return { route: found, ask };
}

const route = (target: string, name: string, settings: NewRoute["settings"] = {}): NewRoute => ({
  section: /^\d/.test(name) ? "tcp" : "routes",
  name,
  target,
  settings,
});

describe("the questions lead to", () => {
  const cases: [string, answers: string[], NewRoute | NewForward][] = [
    ["a whole namespace", ["shop", "every service of the namespace"], { section: "forward", namespaces: ["shop"], context: undefined }],
    ["a service with one port", ["shop", "svc/web", ""], route("shop/svc/web:80", "web.localhost")],
    ["a named port", ["shop", "svc/api", "grpc 9090", ""], route("shop/svc/api:grpc", "api.localhost")],
    ["a target that is typed", ["shop", "deploy/api:http", ""], route("shop/deploy/api:http", "api.localhost")],
    ["a target of another namespace", ["shop", "db/svc/pg:5432", ""], route("db/svc/pg:5432", "5432")],
    ["a database", ["db", "svc/postgresql", ""], route("db/svc/postgresql:tcp-postgresql", "5432")],
    ["another hostname", ["shop", "svc/web", "shop.localhost"], route("shop/svc/web:80", "shop.localhost")],
    ["a port on one address", ["shop", "svc/web", "127.0.0.1:8080"], route("shop/svc/web:80", "127.0.0.1:8080")],
    ["a pod's port", ["", "pod/two", "15001", ""], route("shop/pod/two:15001", "two.localhost")],
    ["a port that a pod does not name", ["", "pod/bare", "6379", ""], route("shop/pod/bare:6379", "6379")],
    ["a deployment", ["shop", "something else, by name", "deploy/web", "http", ""], route("shop/deploy/web:http", "web.localhost")],
    [
      "an address through a service",
      ["db", "an address through a jump host", "orders.internal:3306", "svc/postgresql", ""],
      route("orders.internal:3306", "3306", { via: "db/svc/postgresql" }),
    ],
    [
      "a number's address",
      ["db", "an address through a jump host", "[fd00::1]:9200", "svc/postgresql", ""],
      route("[fd00::1]:9200", "fd00-1.localhost", { via: "db/svc/postgresql" }),
    ],
    [
      "an address through a container of a pod",
      ["shop", "an address through a jump host", "[fd00::1]:9200", "pod/two", "side", "es.localhost"],
      route("[fd00::1]:9200", "es.localhost", { via: "shop/pod/two", container: "side" }),
    ],
    [
      "an address through a pod that is made",
      ["shop", "an address through a jump host", "db:5432", "a pod that kt makes for this", ""],
      route("db:5432", "5432", { via: { pod: "shop/kt-jump", create: {} } }),
    ],
  ];
  test.each(cases)("%s", async (_, answers, wanted) => expect((await walkAnywhere(answers)).route).toEqual(wanted));

  test("a hostname that is given is not for a whole namespace", async () => {
    const { ask } = await walk(["shop", "svc/web"], { given: { local: "x.localhost", context: undefined } });
    expect(ask.asked[1]).not.toContain("every service of the namespace");
  });
});

test("they offer what the cluster has", async () => {
  const { ask } = await walk(["shop", "svc/api", "http 8080", ""]);
  expect(ask.asked).toEqual([
    "Which namespace? db | shop",
    "What should kt reach? svc/web | svc/api | pod/bare | pod/two | every service of the namespace | an address through a jump host | something else, by name",
    "Which port? http 8080 | grpc 9090",
    "Where do you want to reach it? (a hostname, or a local port) api.localhost",
  ]);
});

describe("the context", () => {
  const contexts = { current: "dev", names: ["dev", "prod"] };
  const answers = ["shop", "svc/web", ""];

  test("is asked for where there are several, and written where it is not the usual one", async () => {
    expect((await walk(["prod", ...answers], { contexts })).route.settings).toEqual({ context: "prod" });
    expect((await walk(["", ...answers], { contexts })).route.settings).toEqual({});
    expect((await walk(["dev", ...answers], { contexts, context: "prod" })).route.settings).toEqual({ context: "dev" });
  });

  test("is not asked for when it was given", async () => {
    const { route: made } = await walk(answers, { contexts, given: { local: undefined, context: "prod" } });
    expect(made.settings).toEqual({ context: "prod" });
  });
});

test("the profile's own namespace is not written", async () => {
  expect((await walk(["", "svc/web", ""], { namespace: "shop" })).route.target).toBe("svc/web:80");
});

test("a given hostname is not asked for", async () => {
  const { route: made } = await walk(["db", "svc/postgresql"], { given: { local: "15432", context: undefined } });
  expect(made).toEqual(route("db/svc/postgresql:tcp-postgresql", "15432"));
});

describe("where lists are not allowed", () => {
  const hidden: Partial<WizardWorld> = {
    catalogueOf: () => ({ ...cluster, namespaces: forbidden, services: forbidden, pods: forbidden }),
  };

  test("it is said, and a whole target is taken as it is typed", async () => {
    const { route: made, ask } = await walk(["shop", "svc/users:http", ""], hidden);
    expect(made).toEqual(route("shop/svc/users:http", "users.localhost"));
    expect(ask.asked).toContainEqual(
      expect.stringContaining("What should kt reach? (services and pods may not be listed here: type svc/NAME:PORT)"),
    );
  });

  test("a target that does not answer is written all the same, with a word about it", async () => {
    const problemOf: WizardWorld["problemOf"] = async ({ namespace, name }, context) => `no "${namespace}/${name}" in ${context}`;
    const { route: made, ask } = await walk(["shop", "svc/users:http", ""], { ...hidden, problemOf });
    expect(made.target).toBe("shop/svc/users:http");
    expect(ask.told).toEqual(['svc/users:http does not answer now: no "shop/users" in dev']);
  });

  test("names are typed", async () => {
    const { route: made, ask } = await walk(
      ["Shop", "shop", "something else, by name", "web", "shop/svc/web", "svc/web", "0", "80", ""],
      hidden,
    );
    expect(made).toEqual(route("shop/svc/web:80", "web.localhost"));
    expect(ask.refused).toEqual([
      expect.stringContaining('"Shop"'),
      expect.stringContaining("does not say what it is"),
      "KIND/NAME: the namespace is chosen already",
      "a number from 1 to 65535, or a name",
    ]);
  });

  test("any other failure ends the questions", async () => {
    const away = (): Promise<never> => Promise.reject(new KtError("cluster-unreachable", "away"));
    const world: Partial<WizardWorld> = { catalogueOf: () => ({ ...cluster, namespaces: away }) };
    await expect(walk([], world)).rejects.toMatchObject({ code: "cluster-unreachable" });
  });
});

test("what is taken is not proposed, and refused", async () => {
  const taken = new Set(["web.localhost", "5432", "15432"]);
  const objection = (local: string): string | undefined => (taken.has(local) ? `${local} is taken` : undefined);
  const web = await walk(["shop", "svc/web", "web.localhost", ""], { objection });
  expect([web.route.name, ...web.ask.refused]).toEqual(["web-shop.localhost", "web.localhost is taken"]);
  expect((await walk(["db", "svc/postgresql", ""], { objection })).route.name).toBe("25432");
});

test.each([
  ["http", 80, true],
  ["", 8080, true],
  ["web", 5432, true],
  ["", 5432, false],
  ["postgres", undefined, false],
  ["tcp-redis", 6379, false],
  ["client", 27_017, false],
  ["", undefined, true],
] as const)("a port %p %p is for HTTP: %p", (name, port, http) => expect(isHttpLike({ name, port })).toBe(http));

test("of a port that is only known by a protocol's name no number is proposed", () => {
  expect(suggestLocal({ name: "tcp", port: undefined }, { name: "x", namespace: "y" }, () => false)).toBe("");
  expect(suggestLocal({ name: "postgres", port: undefined }, { name: "x", namespace: "y" }, () => false)).toBe("5432");
});

test("ports that only root may listen on are not proposed", () => {
  expect(suggestLocal({ name: "ldap", port: 389 }, { name: "x", namespace: "y" }, () => false)).toBe("10389");
});
