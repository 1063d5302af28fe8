/** Tests what services and slices become: listeners, addresses, names, and one sentence for what is not forwarded. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type Claimant,
  type Forwarded,
  type ForwardedAll,
  type ForwardedOptions,
  ForwardedServices,
  type SeenNamespace,
} from "#discovery/forwarded.ts";
import { globMatcher, isGlob } from "#base/glob.ts";
import { localPortsOf } from "#discovery/local-ports.ts";
import type { Service, ServicePort, Slice } from "#kube/objects/objects.ts";

const port = (number: number, name = "", protocol = "TCP"): ServicePort => ({
  name,
  port: number,
  targetPort: number,
  protocol,
  appProtocol: undefined,
});

const service = (name: string, ports: readonly ServicePort[] = [port(80)], more: Partial<Service> = {}): Service => ({
  name,
  namespace: "shop",
  type: "ClusterIP",
  externalName: undefined,
  selector: { app: name },
  publishNotReady: false,
  headless: false,
  ports,
  ...more,
});

const slice = (of: string, pods: readonly string[], ports: Slice["ports"], more: Partial<Slice["endpoints"][number]> = {}): Slice => ({
  name: `${of}-1`,
  service: of,
  ports,
  endpoints: pods.map((pod) => ({ pod, address: "10.0.0.1", ready: true, terminating: false, ...more })),
});

const seen = (services: readonly Service[] | undefined, more: Partial<SeenNamespace> = {}): SeenNamespace => ({
  context: "dev",
  namespace: "shop",
  rules: { include: [], exclude: [], ports: new Map() },
  naming: { isFirst: true, cluster: undefined, clusterDomain: "cluster.local", domain: undefined },
  services,
  slices: [],
  ...more,
});

function forward(namespaces: readonly SeenNamespace[], more: Partial<ForwardedOptions> = {}): ForwardedAll {
  const given: string[] = [];
  const addressOf = (claimant: object): string => {
    const key = JSON.stringify(claimant);
    if (!given.includes(key)) given.push(key);
    return `127.1.27.${given.indexOf(key) + 1}`;
  };
  return new ForwardedServices({ addressOf, onGone() {}, firstFreePort: 0, hasRelay: false, ...more }).update(namespaces);
}

const shown = ({ pod, service: of, address, ports, notes }: Forwarded): string => {
  const listeners = ports.map(({ localPort, targetPort }) => `${localPort}>${targetPort}`).join(",");
  return [pod === undefined ? of : `${pod}.${of}`, address, listeners, ...notes].filter((part) => part !== "").join(" ");
};

describe("services", () => {
  test("are listened on at every TCP port, by name", () => {
    const { forwarded, names } = forward([seen([service("web", [port(80, "http"), port(443, "https")]), service("db", [port(5432)])])]);
    expect(forwarded.map(shown)).toEqual(["db 127.1.27.1 5432>5432", "web 127.1.27.2 80>80,443>443"]);
    expect(names[1]?.names).toEqual(["web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local"]);
    expect(names[1]?.ports).toEqual([
      { name: "http", port: 80, localPort: 80 },
      { name: "https", port: 443, localPort: 443 },
    ]);
  });

  test("are chosen by names and globs", () => {
    const services = ["api", "api-canary", "db-main", "web"].map((name) => service(name));
    const rules = { include: ["api*", "db-?ain"], exclude: ["*-canary"], ports: new Map() };
    expect(forward([seen(services, { rules })]).forwarded.map(({ service: of }) => of)).toEqual(["api", "db-main"]);
  });

  test("that cannot be forwarded, or not wholly, say why", () => {
    const services = [
      service("alias", [port(80)], { type: "ExternalName", externalName: "db.example.com" }),
      service("bare", [], { type: "ExternalName", externalName: "db.example.com" }),
      service("dns", [port(53, "dns", "UDP"), port(53, "dns-tcp"), port(9, "", "SCTP")]),
      service("empty", []),
      service("hand", [port(80)], { selector: undefined }),
    ];
    expect(forward([seen(services)]).forwarded.map(shown)).toEqual([
      "alias an alias of db.example.com: it leads to no pod, which needs the relay: give it an image in [relay]",
      "bare an alias of db.example.com, which declares no ports, so there is nothing to listen on",
      "dns 127.1.27.1 53>53 port 53 (dns) is UDP, which needs the relay: give it an image in [relay] port 9 is SCTP, and only TCP and UDP are forwarded",
      "empty declares no ports, so there is nothing to listen on",
      "hand 127.1.27.2 80>80 has no selector: where its endpoints are not pods, it needs the relay: give it an image in [relay]",
    ]);
    expect(forward([seen(services)], { hasRelay: true }).forwarded.map(shown)).toEqual([
      "alias 127.1.27.1 80>80",
      "bare an alias of db.example.com, which declares no ports, so there is nothing to listen on",
      "dns 127.1.27.2 53>53,53>53 port 9 is SCTP, and only TCP and UDP are forwarded",
      "empty declares no ports, so there is nothing to listen on",
      "hand 127.1.27.3 80>80",
    ]);
  });

  test("have names in their domain, and end with the cluster's short name from the second cluster on", () => {
    const naming = { isFirst: false, cluster: "prod", clusterDomain: "cluster.local", domain: "dev.test" };
    expect(forward([seen([service("web")], { naming })]).names[0]?.names).toEqual([
      "web.shop.prod",
      "web.shop.svc.prod",
      "web.shop.svc.cluster.local.prod",
      "web.shop.dev.test",
    ]);
  });

  test("are not given names that this machine or the web has, nor what programs read as an address", () => {
    const named = (of: string, more: Partial<SeenNamespace> = {}): readonly string[] =>
      forward([seen([service(of)], more)]).names[0]?.names ?? [];
    expect(named("github", { namespace: "com" })).toEqual(["github", "github.com.svc", "github.com.svc.cluster.local"]);
    expect(named("localhost")).toEqual(["localhost.shop", "localhost.shop.svc", "localhost.shop.svc.cluster.local"]);
    expect(named("7", { namespace: "10" })).toEqual(["7.10.svc", "7.10.svc.cluster.local"]);
    const naming = { isFirst: false, cluster: "com", clusterDomain: "cluster.local", domain: "shop.example.com" };
    expect(named("www", { namespace: "google", naming })).toEqual(["www.google.shop.example.com"]);
    expect(named("api", { namespace: "dev" })).toContain("api.dev");
  });

  test("of two namespaces with one name: the bare name leads to the first", () => {
    const { names, clashes } = forward([seen([service("db")]), seen([service("db")], { namespace: "team" })]);
    expect(names.map(({ names: [first] }) => first)).toEqual(["db", "db.team"]);
    expect(clashes).toEqual([{ name: "db", kept: "127.1.27.1", refused: "127.1.27.2" }]);
  });

  test("whose list is not there yet are none", () => {
    expect(forward([seen(undefined)])).toEqual({ forwarded: [], names: [], clashes: [] });
  });
});

describe("headless services", () => {
  const headless = service("db", [port(5432, "pg"), port(9187, "metrics")], { headless: true });
  const ports = [
    { name: "pg", port: 5433, protocol: "TCP", appProtocol: undefined },
    { name: "metrics", port: 9187, protocol: "TCP", appProtocol: undefined },
  ];

  test("have an address for every ready pod, in the order of the ordinals", () => {
    const slices = [
      slice("db", ["db-10", "db-2", "db-0"], ports),
      slice("db", ["db-0"], ports),
      slice("db", ["db-7"], ports, { ready: false }),
      slice("db", ["db-8"], ports, { terminating: true }),
      slice("other", ["other-0"], ports),
    ];
    const { forwarded, names } = forward([seen([headless], { slices })]);
    expect(forwarded.map(shown)).toEqual([
      "db 127.1.27.1 5432>5432,9187>9187",
      "db-0.db 127.1.27.2 5432>5433,9187>9187",
      "db-2.db 127.1.27.3 5432>5433,9187>9187",
      "db-10.db 127.1.27.4 5432>5433,9187>9187",
    ]);
    expect(names[0]?.addresses).toEqual(["127.1.27.2", "127.1.27.3", "127.1.27.4"]);
    expect(names[3]?.names).toEqual(["db-10.db", "db-10.db.shop", "db-10.db.shop.svc", "db-10.db.shop.svc.cluster.local"]);
    expect(names[3]?.addresses).toEqual(["127.1.27.4"]);
  });

  test("without ready pods have one address", () => {
    expect(forward([seen([headless])]).names[0]?.addresses).toEqual(["127.1.27.1"]);
  });

  test("of which a slice has not all ports are listened on at those that it has", () => {
    const slices = [slice("db", ["db-0"], ports.slice(0, 1))];
    expect(forward([seen([headless], { slices })]).forwarded.map(shown)[1]).toBe("db-0.db 127.1.27.2 5432>5433");
  });
});

describe("from one time to the next", () => {
  const [web, db] = [service("web"), service("db", [port(80)], { headless: true })];
  const slices = [slice("db", ["db-0", "db-1"], [{ name: "", port: 80, protocol: "TCP", appProtocol: undefined }])];
  const view = seen([web, db], { slices });

  function following() {
    const [asked, gone]: [Claimant[], Claimant[]] = [[], []];
    const addressOf = (claimant: Claimant): string => `127.1.27.${asked.push(claimant)}`;
    return {
      asked,
      gone,
      services: new ForwardedServices({ addressOf, onGone: (claimant) => gone.push(claimant), firstFreePort: 0, hasRelay: false }),
    };
  }

  test("a service that did not change is the same object, and has no new address", () => {
    const { asked, services } = following();
    const before = services.update([view]).forwarded;
    const after = services.update([{ ...view, services: [web, db, service("new")] }]).forwarded;
    expect(before.map((place) => after.includes(place))).toEqual([true, true, true, true]);
    expect(asked.map(({ service: of, pod }) => pod ?? of)).toEqual(["db", "db-0", "db-1", "web", "new"]);
  });

  test("what has gone is reported, a pod as well as a service", () => {
    const { gone, services } = following();
    services.update([view]);
    services.update([{ ...view, slices: [slice("db", ["db-1"], [{ name: "", port: 80, protocol: "TCP", appProtocol: undefined }])] }]);
    expect(gone.map(({ pod }) => pod)).toEqual(["db-0"]);
    services.update([{ ...view, services: [db] }]);
    expect(gone.map(({ service: of, pod }) => pod ?? of)).toEqual(["db-0", "web"]);
  });

  test("slices of others concern a headless service alone, and other rules all of them", () => {
    const { services } = following();
    const [, , , before] = services.update([view]).forwarded;
    expect(services.update([{ ...view, slices: [] }]).forwarded.at(-1)).toBe(before);
    const rules = { ...view.rules, ports: new Map([[80, 8080]]) };
    expect(services.update([{ ...view, rules }]).forwarded.at(-1)?.ports[0]?.localPort).toBe(8080);
  });
});

describe("local ports", () => {
  const locals = (ports: readonly ServicePort[], mapped: ReadonlyMap<number, number>, firstFree = 1024): string => {
    const { ports: given, notes } = localPortsOf({ ports }, { mapped, firstFree, udp: true });
    return [...given.map(({ port: number, localPort, transport = "" }) => `${transport}${number}=${localPort}`), ...notes].join(" ");
  };

  test("of UDP and of TCP may have one number, and do not stand in each other's way", () => {
    const dns = [port(53, "dns", "UDP"), port(53, "dns-tcp"), port(8053, "other", "UDP"), port(9, "", "SCTP")];
    expect(locals(dns, new Map())).toBe("53=8053 udp53=18053 udp8053=8053 port 9 is SCTP, and only TCP and UDP are forwarded");
    expect(locals(dns.slice(0, 2), new Map([[53, 5353]]))).toBe("53=5353 udp53=5353");
  });

  test("that need a privilege are raised by 8000, and out of the way of others", () => {
    expect(locals([port(80), port(443), port(5432)], new Map())).toBe("80=8080 443=8443 5432=5432");
    expect(locals([port(80), port(8080)], new Map())).toBe("80=18080 8080=8080");
  });

  test("are the profile's where it maps them, and a clash is said", () => {
    expect(locals([port(80), port(443)], new Map([[80, 9000]]))).toBe("80=9000 443=8443");
    expect(locals([port(80), port(8080)], new Map([[80, 8080]]))).toBe(
      "80=8080 port 8080 is not listened on: local port 8080 stands for port 80 already",
    );
  });

  test("are all different, and free, whatever a service declares", () => {
    const some = fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { maxLength: 40 });
    fc.assert(
      fc.property(some, fc.constantFrom(0, 80, 1024), (numbers, firstFree) => {
        const { ports } = localPortsOf({ ports: numbers.map((each) => port(each)) }, { mapped: new Map(), firstFree, udp: false });
        expect(new Set(ports.map(({ localPort }) => localPort)).size).toBe(numbers.length);
        for (const { localPort } of ports) expect(localPort >= firstFree && localPort <= 65_535).toBe(true);
      }),
    );
  });
});

test("globs match whole names, and their other characters are themselves", () => {
  const matches = globMatcher(["db-*", "a.c", "team-?"]);
  expect(["db-", "db-main", "xdb-main", "a.c", "abc", "team-1", "team-12"].map(matches)).toEqual([
    true,
    true,
    false,
    true,
    false,
    true,
    false,
  ]);
  expect(["db", "db-*", "team-?"].map(isGlob)).toEqual([false, true, true]);
  expect(globMatcher([])("db")).toBe(false);
});
