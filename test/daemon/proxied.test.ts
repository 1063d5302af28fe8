/** What a proxy leads to: names and addresses of the namespaces that its profiles speak of, and what is refused or dialled besides. */

import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import type { ForwardsState } from "#daemon/plans/opened-forwards.ts";
import { AskedNamesOfHub } from "#daemon/proxied/asked-names.ts";
import { ProxiedDialer } from "#daemon/proxied/proxied-dialer.ts";
import { ServiceAddresses } from "#daemon/proxied/service-addresses.ts";
import type { AttachedProfile } from "#daemon/plans/profiles.ts";
import type { Forwarded } from "#discovery/forwarded.ts";
import { pickService } from "#kube/objects/objects.ts";
import type { Lookup } from "#route/lookup.ts";
import { type Destination, formatTarget, isInCluster } from "#route/target.ts";
import { memoryPair } from "#base/memory-conn.ts";
import { FakeCluster } from "#test/support/fake-cluster.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";
import { noForwards, planOf } from "./plans.ts";

/** Of the kubeconfig's current context "dev", and "prod". */
const clusterFor = ({ context = "dev" }: { context: string | undefined }) => {
  if (context === "broken") throw new KtError("context-unknown", "there is no such context");
  return { context, namespace: "own" };
};

async function attached(file: string, text: string): Promise<AttachedProfile> {
  return {
    plan: await planOf(file, text),
    environment: {},
    pinned: true,
    leases: new Set(),
    problem: undefined,
    warnings: [],
    settings: [],
  };
}

/** With a proxy; a line that says the namespace stands before all tables. */
function withProxy(text: string): string {
  const [top, rest] = text.startsWith("namespace") ? [text.split("\n")[0], text.split("\n").slice(1).join("\n")] : ["", text];
  return `${top}\n[proxy]\nlisten = 8988\n${rest}`;
}

async function namesOf(text: string, state: ForwardsState = noForwards) {
  const profiles = [await attached("/p/tunnels.toml", withProxy(text))];
  return new AskedNamesOfHub({ profiles: () => profiles, forwards: () => state, clusterFor });
}

function shown(lookup: Lookup): string {
  if (lookup.kind !== "found") return lookup.kind === "refused" ? `refused: ${lookup.reason}` : lookup.kind;
  const { target, route, via } = lookup;
  const where = isInCluster(target) ? `${target.cluster.context ?? "current"} ` : "";
  return `${via} ${route} -> ${where}${formatTarget(target)}`;
}

const ask = async (text: string, host: string, state?: ForwardsState): Promise<string> =>
  shown((await namesOf(text, state)).of(["/p/tunnels.toml"]).lookup(host));

const other = 'refused: "';

describe("namespaces", () => {
  const routes = '[routes]\n"a.localhost" = "shop/svc/a:80"\n[tcp]\n5432 = "data/svc/db:5432"\n';
  test.each([
    ["of a route", routes, "web.shop:8080", "dynamic web.shop:8080 -> current shop/svc/web:8080"],
    ["of a port", routes, "DB.data.svc.cluster.local.", "dynamic db.data:80 -> current data/svc/db:80"],
    ["of the profile", 'namespace = "mine"', "web.mine.svc", "dynamic web.mine:80 -> current mine/svc/web:80"],
    ["of the context", "", "web.own", "dynamic web.own:80 -> current own/svc/web:80"],
    [
      "of a [[forward]], by a pattern",
      '[[forward]]\nnamespaces = ["team-*"]',
      "web.team-a",
      "dynamic web.team-a:80 -> current team-a/svc/web:80",
    ],
    [
      "of a pattern",
      '[[patterns]]\nhost = "{service}.x.localhost"\ntarget = "pat/svc/{service}:80"',
      "web.pat",
      "dynamic web.pat:80 -> current pat/svc/web:80",
    ],
    ["of a pod behind a headless service", routes, "db-0.db.data.svc:5432", "dynamic db-0.db.data:5432 -> current data/pod/db-0:5432"],
    [
      "of the cluster domain",
      'namespace = "mine"\n[dns]\ncluster_domain = "k8s.test"',
      "web.mine.svc.k8s.test",
      "dynamic web.mine:80 -> current mine/svc/web:80",
    ],
  ])("%s are reached", async (_, text, host, expected) => {
    expect(await ask(text, host)).toBe(expected);
  });

  test.each([
    "web.other",
    "web.other.svc.cluster.local",
    "web",
    "shop",
    "example.com",
    "a.web.shop",
    "web.shop.svc.k8s.test",
    "[::1",
    "a b",
  ])("%p is not", async (host) => {
    expect(await ask(routes, host)).toStartWith(other);
  });

  test("that are called like a domain of the web are reached by the longer names alone", async () => {
    expect(await ask('namespace = "com"', "example.com")).toStartWith(other);
    expect(await ask('namespace = "com"', "example.com.svc")).toBe("dynamic example.com:80 -> current com/svc/example:80");
  });

  test("of a second cluster have its short name behind", async () => {
    const text = '[contexts]\np = "prod"\n[routes]\n"a.localhost" = { target = "shop/svc/a:80", context = "p" }\n';
    expect(await ask(text, "web.shop.p")).toBe("dynamic web.shop.p:80 -> prod shop/svc/web:80");
    expect(await ask(text, "web.shop.svc.cluster.local.p")).toBe("dynamic web.shop.p:80 -> prod shop/svc/web:80");
    expect(await ask(text, "web.shop")).toStartWith(other);
    expect(await ask(text, "web.own")).toContain("current own/svc/web:80");
  });

  test("do not bring the API server", async () => {
    expect(await ask('namespace = "default"', "kubernetes.default:443")).toContain("leads to the API server itself");
  });

  test("are named where a name is refused", async () => {
    const lookup = (await namesOf(routes)).of(["/p/tunnels.toml"]).lookup("example.com");
    expect(lookup).toMatchObject({ kind: "refused", hint: expect.stringContaining("SERVICE.NAMESPACE in own, shop, data; ") });
  });
});

test.each([
  "localhost:80",
  "kt.localhost",
  "grafana.localhost:8989",
  "127.0.0.1:8988",
  "127.1.2.3",
  "[::1]:80",
  "0.0.0.0",
  "169.254.169.254",
])("%s is this machine, with direct = true as well", async (host) => {
  for (const text of ["", "direct = true"]) expect(await ask(text, host)).toContain("is this machine itself");
});

test("what is outside is refused, or dialled where the profile says so", async () => {
  expect(await ask("", "example.com:443")).toStartWith(other);
  expect(await ask("direct = true", "example.com:443")).toBe("dynamic example.com:443 -> example.com:443");
  expect(await ask("direct = true", "[2001:DB8::1]:443")).toBe("dynamic [2001:db8::1]:443 -> [2001:db8::1]:443");
});

const place: Forwarded = {
  context: "dev",
  name: "db-0.db.shop",
  namespace: "shop",
  service: "db",
  pod: "db-0",
  address: "127.1.27.3",
  hostnames: ["db-0.db", "db-0.db.shop", "db-0.db.shop.svc"],
  fullName: "db-0.db.shop.svc.cluster.local",
  ports: [{ name: "pg", port: 5432, targetPort: 15432, localPort: 5433 }],
  notes: [],
};
const forwarded: ForwardsState = { ...noForwards, all: { forwarded: [place], names: [], clashes: [] } };

test("names that a [[forward]] has found lead to its routes, by the service's own ports", async () => {
  const text = '[[forward]]\nnamespaces = ["shop"]';
  expect(await ask(text, "db-0.db:5432", forwarded)).toBe("static db-0.db.shop:5432 -> current shop/pod/db-0:15432");
  expect(await ask(text, "db-0.db:5433", forwarded)).toBe("dynamic db-0.db.shop:5433 -> current shop/pod/db-0:5433");
});

test("of profiles that share an address the first has a name that both have", async () => {
  const listen = "[proxy]\nlisten = 8988\n";
  const profiles = [
    await attached("/p/tunnels.toml", `namespace = "a"\n${listen}`),
    await attached("/q/tunnels.toml", `namespace = "a"\n${listen}direct = true`),
  ];
  const names = new AskedNamesOfHub({ profiles: () => profiles, forwards: () => noForwards, clusterFor });
  const both = names.of(["/p/tunnels.toml", "/q/tunnels.toml"]);
  expect(both.lookup("web.a")).toMatchObject({ profile: "/p/tunnels.toml" });
  expect(both.lookup("example.com")).toMatchObject({ kind: "found", target: { kind: "proxied", direct: true } });
  expect(names.of(["/p/tunnels.toml"]).lookup("example.com").kind).toBe("refused");
});

describe("an address", () => {
  async function rig(text: string) {
    const [cluster, clock] = [new FakeCluster(), new ManualClock()];
    const names = await namesOf(`${text}\n[routes]\n"a.localhost" = "shop/svc/a:80"\n`);
    const addresses = new ServiceAddresses({ forwards: () => noForwards, clusterFor: () => cluster, clock });
    const dialled: string[] = [];
    const link = { conn: memoryPair()[0], pod: "", usable: () => true, park() {}, unpark() {} };
    const dialer = new ProxiedDialer({
      names,
      addresses,
      dial: async (target) => {
        dialled.push(formatTarget(target));
        return link;
      },
      connect: async ({ host, port }) => {
        dialled.push(`outside ${host}:${port}`);
        return link.conn;
      },
    });
    const dial = async (authority: string): Promise<unknown> => {
      const found = names.of(["/p/tunnels.toml"]).lookup(authority);
      const target: Destination | undefined = found.kind === "found" ? found.target : undefined;
      if (target?.kind !== "proxied") throw new Error(shown(found));
      const dialling = dialer.dial(target, new AbortController().signal);
      await settle();
      for (const { namespace, listener } of [...cluster.collections].flatMap((each) => (each.kind === "services" ? [each] : []))) {
        const items = [
          pickService({
            metadata: { namespace, name: `${namespace}-web` },
            spec: { clusterIP: "10.96.0.7", clusterIPs: ["10.96.0.7", "fd00::7"] },
          }),
          pickService({ metadata: { namespace, name: "headless" }, spec: { clusterIP: "None", clusterIPs: ["None"] } }),
        ];
        listener.onItems(namespace === "shop" ? items : []);
      }
      return await dialling.then(
        () => dialled.at(-1),
        (error: KtError) => `${error.code}: ${error.message}`,
      );
    };
    return { dial, cluster, clock };
  }

  test("of a service leads to it, of either family", async () => {
    const { dial, cluster } = await rig("");
    expect(await dial("10.96.0.7:443")).toBe("shop/svc/shop-web:443");
    expect(await dial("[fd00:0::7]:80")).toBe("shop/svc/shop-web:80");
    expect(cluster.collections.size).toBe(2);
  });

  test("that no service has is refused, or dialled from here", async () => {
    expect(await (await rig("")).dial("10.96.0.8:80")).toContain('name-refused: "10.96.0.8" is not the address of a service');
    expect(await (await rig("direct = true")).dial("10.96.0.8:80")).toBe("outside 10.96.0.8:80");
  });

  test("is not followed for ever", async () => {
    const { dial, cluster, clock } = await rig("");
    await dial("10.96.0.7:443");
    await clock.advance(600_000);
    expect(cluster.collections.size).toBe(0);
  });
});
