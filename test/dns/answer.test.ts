/** What is answered for kt's own names: services, pods, ports, addresses, and names that are not there. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { answer, type OwnNames } from "#dns/answer.ts";
import { type DnsEntry, DnsNames } from "#dns/names.ts";
import { dnsCodes, formatDnsReply, parseDnsQuery } from "#wire/dns-message.ts";
import { query, readAnswer, type Answer, type TypeName, types } from "#test/support/dns-client.ts";

const namesOf = (short: string): string[] => [
  short,
  `${short}.shop`,
  `${short}.shop.svc`,
  `${short}.shop.svc.cluster.local`,
  `${short}.shop.dev.test`,
];
const entry = (short: string, address: string, more: Partial<DnsEntry> = {}): DnsEntry => ({
  names: namesOf(short),
  fullName: `${short}.shop.svc.cluster.local`,
  address,
  addresses: [address],
  ports: [],
  ...more,
});

const pods = ["127.1.27.3", "127.1.27.4"];
const sql = [{ name: "sql", localPort: 5432 }];
const services = [
  entry("api", "127.1.27.1", {
    ports: [
      { name: "http", localPort: 8080 },
      { name: "Metrics", localPort: 9090 },
    ],
  }),
  entry("db", "127.1.27.2", { addresses: pods, ports: sql }),
  entry("db-0.db", "127.1.27.3", { ports: sql }),
  entry("db-1.db", "127.1.27.4", { ports: sql }),
  entry("resolver", "127.1.27.6", {
    ports: [
      { name: "dns", localPort: 5353, transport: "udp" },
      { name: "dns-tcp", localPort: 5354 },
    ],
  }),
  entry("plain", "127.1.27.5", { ports: [{ name: "", localPort: 8081 }] }),
];
const routes = new Map([
  ["grafana.localhost", ["127.0.0.1", "::1"]],
  ["web-80.svc.shop.ns.dev.cx.k8s.test", ["127.0.0.1"]],
]);

const own: OwnNames = {
  names: new DnsNames(services, ["cluster.local", "shop.svc", "dev.test", "k8s.test"]),
  served: (name) => routes.get(name) ?? [],
};

/** Undefined where others are asked. */
function ask(name: string, type: TypeName = "A", names = own): Answer | undefined {
  const parsed = parseDnsQuery(query(name, type));
  if (parsed.kind !== "query") throw new Error(parsed.kind);
  const reply = answer(parsed.query.question, names);
  return reply && readAnswer(formatDnsReply(parsed.query, reply, 65_535));
}

const soa = (zone: string): string[] => [`${zone} 1 SOA ns.${zone} kt.${zone} 1`];

describe("a service", () => {
  test.each(namesOf("api"))("has its address by the name %s, in any case", (name) => {
    for (const each of [name, name.toUpperCase()])
      expect(ask(each)).toMatchObject({
        code: dnsCodes.noError,
        isAuthoritative: true,
        answers: [`${each} 5 A 127.1.27.1`],
        authorities: [],
      });
  });

  test("has no IPv6 address and no other records, and others are not asked for them", () => {
    for (const type of ["AAAA", "TXT", "SRV", "PTR"] as const)
      expect(ask("api.shop.svc.cluster.local", type)).toMatchObject({
        code: dnsCodes.noError,
        answers: [],
        authorities: soa("cluster.local"),
      });
    expect(ask("api.shop", "AAAA")).toMatchObject({ code: dnsCodes.noError, answers: [], authorities: soa("api.shop") });
    expect(ask("api", "ANY")?.answers).toEqual(["api 5 A 127.1.27.1"]);
  });

  test("has a record for each named port, with the port that is listened on", () => {
    expect(ask("_http._tcp.api.shop.svc.cluster.local", "SRV")).toMatchObject({
      answers: ["_http._tcp.api.shop.svc.cluster.local 5 SRV 8080 api.shop.svc.cluster.local"],
      additionals: ["api.shop.svc.cluster.local 5 A 127.1.27.1"],
    });
    expect(ask("_metrics._tcp.api.shop.dev.test", "SRV")?.answers).toEqual([
      "_metrics._tcp.api.shop.dev.test 5 SRV 9090 api.shop.dev.test",
    ]);
    expect(ask("_http._tcp.api", "SRV")?.answers).toEqual(["_http._tcp.api 5 SRV 8080 api"]);
  });

  test.each([
    ["_grpc._tcp.api.shop.svc.cluster.local", dnsCodes.noSuchName],
    ["_http._udp.api.shop.svc.cluster.local", dnsCodes.noSuchName],
    ["_tcp.plain.shop.svc.cluster.local", dnsCodes.noSuchName],
    ["_http._tcp.gone.shop.svc.cluster.local", dnsCodes.noSuchName],
    ["_tcp.api.shop.svc.cluster.local", dnsCodes.noError],
  ])("has no port %s", (name, code) => {
    expect(ask(name, "SRV")).toMatchObject({ code, answers: [], authorities: soa("cluster.local") });
  });

  test("has its ports of UDP and of TCP by themselves", () => {
    const portOf = (name: string): readonly string[] | undefined => ask(`${name}.resolver.shop`, "SRV")?.answers;
    expect(portOf("_dns._udp")).toEqual(["_dns._udp.resolver.shop 5 SRV 5353 resolver.shop"]);
    expect(portOf("_dns-tcp._tcp")).toEqual(["_dns-tcp._tcp.resolver.shop 5 SRV 5354 resolver.shop"]);
    expect([portOf("_dns._tcp"), portOf("_dns-tcp._udp")]).toEqual([[], []]);
  });

  test("has its whole name by its address", () => {
    expect(ask("1.27.1.127.in-addr.arpa", "PTR")?.answers).toEqual(["1.27.1.127.in-addr.arpa 5 PTR api.shop.svc.cluster.local"]);
    expect(ask("1.27.1.127.in-addr.arpa", "A")).toMatchObject({ code: dnsCodes.noError, answers: [] });
    expect(ask("1.0.0.127.in-addr.arpa", "PTR")).toBeUndefined();
  });
});

describe("a headless service", () => {
  test("has all of its pods, and each pod its own name", () => {
    expect(ask("db.shop")?.answers).toEqual(pods.map((address) => `db.shop 5 A ${address}`));
    expect(ask("db-1.db.shop.svc.cluster.local")?.answers).toEqual(["db-1.db.shop.svc.cluster.local 5 A 127.1.27.4"]);
  });

  test("has a port record for each pod, under names that end as the one that was asked for", () => {
    expect(ask("_sql._tcp.db.shop.dev.test", "SRV")).toMatchObject({
      answers: ["db-0.db.shop.dev.test", "db-1.db.shop.dev.test"].map((pod) => `_sql._tcp.db.shop.dev.test 5 SRV 5432 ${pod}`),
      additionals: ["db-0.db.shop.dev.test 5 A 127.1.27.3", "db-1.db.shop.dev.test 5 A 127.1.27.4"],
    });
  });
});

describe("a name that is not there", () => {
  test.each([
    ["gone.shop.svc.cluster.local", "cluster.local"],
    ["www.example.org.cluster.local", "cluster.local"],
    ["gone.shop.svc", "shop.svc"],
    ["gone.dev.test", "dev.test"],
    ["no-such.k8s.test", "k8s.test"],
  ])("in a zone of kt's is said not to be: %s", (name, zone) => {
    for (const type of ["A", "AAAA", "SRV"] as const)
      expect(ask(name, type)).toMatchObject({ code: dnsCodes.noSuchName, authorities: soa(zone) });
  });

  test.each(["cluster.local", "svc.cluster.local", "shop.svc.cluster.local", "shop.dev.test"])(
    "but that others end with is there: %s",
    (name) => {
      expect(ask(name)).toMatchObject({ code: dnsCodes.noError, answers: [] });
    },
  );

  test.each(["example.org", "local", "notcluster.local", "gone", "gone.shop", "", "svc", "other.svc"])(
    "elsewhere is left to others: %s",
    (name) => {
      expect(ask(name)).toBeUndefined();
    },
  );

  test("has the record of its zone", () => {
    expect(ask("cluster.local", "SOA")?.answers).toEqual(soa("cluster.local"));
  });
});

describe("a route", () => {
  test("has the addresses of the front door", () => {
    expect(ask("grafana.localhost")?.answers).toEqual(["grafana.localhost 5 A 127.0.0.1"]);
    expect(ask("grafana.localhost", "AAAA")?.answers).toEqual(["grafana.localhost 5 AAAA 0:0:0:0:0:0:0:1"]);
    expect(ask("web-80.svc.shop.ns.dev.cx.k8s.test", "AAAA")).toMatchObject({
      code: dnsCodes.noError,
      answers: [],
      authorities: soa("k8s.test"),
    });
  });

  test("that is none yet leads to this machine too, under .localhost", () => {
    expect(ask("new.localhost")?.answers).toEqual(["new.localhost 5 A 127.0.0.1"]);
    expect(ask("localhost", "AAAA")?.answers).toHaveLength(1);
    expect(ask("notlocalhost")).toBeUndefined();
  });
});

test("another class than the Internet's is refused", () => {
  expect(answer({ name: "version.bind", type: 16, class: 3 }, own)?.code).toBe(dnsCodes.refused);
});

test("of two that have a name or an address the first keeps it", () => {
  const names = new DnsNames([entry("api", "127.1.27.1"), entry("api", "127.1.27.9"), entry("other", "127.1.27.1")], []);
  expect([names.find("api")?.address, names.at("127.1.27.1")?.fullName, names.size]).toEqual([
    "127.1.27.1",
    "api.shop.svc.cluster.local",
    10,
  ]);
});

test("whatever is asked in a zone is answered, has no address that no entry has, and never both records and a denial", () => {
  const label = fc.oneof(fc.constantFrom("api", "db", "db-0", "shop", "svc", "_http", "_tcp"), fc.stringMatching(/^[a-z0-9_-]{1,12}$/));
  const name = fc.array(label, { maxLength: 5 }).map((labels) => [...labels, "cluster", "local"].join("."));
  const type = fc.constantFrom(...(Object.keys(types) as TypeName[]));
  const known = new Set(services.flatMap(({ addresses }) => addresses));
  fc.assert(
    fc.property(name, type, (asked, typeName) => {
      const reply = ask(asked, typeName);
      expect(reply?.isAuthoritative).toBe(true);
      expect(reply?.code === 0 || reply?.code === 3).toBe(true);
      expect(reply?.authorities).toHaveLength(reply?.answers.length === 0 ? 1 : 0);
      for (const record of reply?.answers ?? []) {
        const [, , kind, data = ""] = record.split(" ");
        if (kind === "A") expect(known.has(data)).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});
