/** What /metrics says: each metric as it is declared, of every route, whatever the cluster and the profile call things. */

import { describe, expect, test } from "bun:test";
import { metricGroups } from "#scripts/docs/metrics-page.ts";
import { readMetrics, sampleKey } from "#test/support/metrics-reader.ts";
import { ask, factsOf, profileOf, routeOf, siteOf } from "./rig.ts";

async function metricsOf(facts = factsOf(), accept = "application/openmetrics-text") {
  const { status, headers, body } = await ask(siteOf(facts), "/metrics", { headers: { Accept: accept } });
  expect(status).toBe(200);
  return { type: headers.get("content-type"), ...readMetrics(body) };
}

test("every metric that is declared is there with its type and its help, and no other", async () => {
  const { families } = await metricsOf();
  const declared = Object.values(metricGroups).flat();
  expect([...families.keys()].sort()).toEqual(declared.map(({ name }) => name).sort());
  for (const { name, type, help, unit } of declared) expect(families.get(name)).toEqual({ type, help, unit });
});

test("names begin with kt_, end with their unit, and counters with nothing of their own", () => {
  for (const { name, unit, type } of Object.values(metricGroups).flat()) {
    expect(name).toMatch(/^kt_[a-z_]+$/);
    if (unit !== undefined) expect(name).toEndWith(`_${unit}`);
    if (type === "counter") expect(name).not.toEndWith("_total");
  }
});

test("what accepts anything gets the older format", async () => {
  expect(await metricsOf(factsOf(), "*/*")).toMatchObject({ type: "text/plain; version=0.0.4; charset=utf-8", ended: false });
  expect((await metricsOf()).type).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
});

describe("a route", () => {
  const labels = [
    ["profile", "shop"],
    ["route", "web.localhost"],
  ] as const;

  test("has its counts", async () => {
    const route = routeOf({
      health: { checkedMs: 1, failedInARow: 2 },
      totalConnections: 4,
      openConnections: 1,
      requests: 9,
      receivedBytes: 100,
      sentBytes: 7,
    });
    const { samples } = await metricsOf(factsOf({ profiles: [profileOf({ routes: [route] })] }));
    const value = (name: string) => samples.get(sampleKey(name, labels));
    expect(value("kt_route_connections_total")).toBe(4);
    expect(value("kt_route_failed_checks")).toBe(2);
    expect(value("kt_route_open_connections")).toBe(1);
    expect(value("kt_route_received_bytes_total")).toBe(100);
    expect(value("kt_route_sent_bytes_total")).toBe(7);
  });

  test.each([
    ["running", 1],
    ["idle", 1],
    ["starting", 1],
    ["failed", 0],
    ["blocked", 0],
    ["conflict", 0],
    ["stopped", 0],
  ] as const)("that is %s is up: %d, and fails the hub's health where it was not stopped", async (state, up) => {
    const facts = factsOf({ profiles: [profileOf({ routes: [routeOf({ state })] })] });
    expect((await metricsOf(facts)).samples.get(sampleKey("kt_route_up", labels))).toBe(up);
    expect((await ask(siteOf(facts), "/health")).status).toBe(up === 1 || state === "stopped" ? 200 : 503);
  });

  test("is there once for each profile, and profiles of one name are distinguished by their files", async () => {
    const twice = profileOf({ routes: [routeOf(), routeOf({ kind: "tcp" })] });
    const { samples } = await metricsOf(factsOf({ profiles: [twice, profileOf({ profile: "/q/tunnels.toml" })] }));
    const profiles = [...samples.keys()].filter((key) => key.startsWith("kt_route_up"));
    expect(profiles).toEqual(
      ["/p/tunnels.toml", "/q/tunnels.toml"].map((profile) =>
        sampleKey("kt_route_up", [
          ["profile", profile],
          ["route", "web.localhost"],
        ]),
      ),
    );
  });

  test("cannot write lines of its own, nor act on a terminal", async () => {
    const route = routeOf({ name: 'a"} 1\nkt_route_up 5\u001b[2J', target: "\\" });
    const { samples } = await metricsOf(factsOf({ profiles: [profileOf({ routes: [route] })] }));
    const keys = [...samples.keys()].filter((key) => key.startsWith("kt_route_up"));
    expect(keys).toHaveLength(1);
    expect(keys[0]).not.toMatch(/[\u0000-\u001f]/);
  });
});
