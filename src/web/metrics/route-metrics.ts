/** Metrics of the routes, as the status has them. */

import type { ProfileStatus, RouteStatus } from "#control/api.ts";
import { printable } from "#base/printable.ts";
import { isWell } from "#web/facts/health.ts";
import type { MetricFamily, MetricLabels, ValueSample } from "#wire/openmetrics.ts";
import { type Metric, valuesOf } from "./metric.ts";

const labels = ["profile", "route"] as const;

export const routeMetrics = {
  info: {
    name: "kt_route",
    type: "info",
    help: "Where the route leads. `kind`: http, pattern, tcp, dynamic or forward.",
    labels: [...labels, "kind", "target", "context"],
  },
  up: {
    name: "kt_route_up",
    type: "gauge",
    help: "0 while a new connection to the route would fail, as kt status says: failed, blocked or conflict. Else 1, also for a route that is not in use.",
    labels,
  },
  open: { name: "kt_route_open_connections", type: "gauge", help: "Open connections of clients that asked for the route.", labels },
  connections: { name: "kt_route_connections", type: "counter", help: "Connections of clients that asked for the route.", labels },
  requests: { name: "kt_route_requests", type: "counter", help: "HTTP requests.", labels },
  received: {
    name: "kt_route_received_bytes",
    type: "counter",
    unit: "bytes",
    help: "Bytes from the route: of HTTP the bodies, of TCP and of TLS that is passed through the whole stream.",
    labels,
  },
  sent: { name: "kt_route_sent_bytes", type: "counter", unit: "bytes", help: "Bytes to the route, counted alike.", labels },
} as const satisfies Record<string, Metric>;

/** A route with the labels that all of its samples have. */
interface Labelled {
  readonly route: RouteStatus;
  readonly labels: MetricLabels;
}

export function routeFamilies(profiles: readonly ProfileStatus[]): MetricFamily[] {
  const all = labelled(profiles);
  const each = (value: (route: RouteStatus) => number): ValueSample[] =>
    all.map(({ route, labels: own }) => ({ labels: own, value: value(route) }));
  return [
    valuesOf(
      routeMetrics.info,
      all.map((one) => ({ labels: [...one.labels, ...whereOf(one.route)], value: 1 })),
    ),
    valuesOf(
      routeMetrics.up,
      each((route) => (isWell(route) ? 1 : 0)),
    ),
    valuesOf(
      routeMetrics.open,
      each(({ openConnections }) => openConnections),
    ),
    valuesOf(
      routeMetrics.connections,
      each(({ totalConnections }) => totalConnections),
    ),
    valuesOf(
      routeMetrics.requests,
      each(({ requests }) => requests),
    ),
    valuesOf(
      routeMetrics.received,
      each(({ receivedBytes }) => receivedBytes),
    ),
    valuesOf(
      routeMetrics.sent,
      each(({ sentBytes }) => sentBytes),
    ),
  ];
}

/** A name may stand in two sections of a profile, and be counted once for both. */
function labelled(profiles: readonly ProfileStatus[]): Labelled[] {
  return profiles.flatMap((profile) => {
    const isAlone = profiles.every((other) => other === profile || other.name !== profile.name);
    // Two profiles of one name are distinguished by their files.
    const name: readonly [string, string] = ["profile", printable(isAlone ? profile.name : profile.profile)];
    const routes = new Map(profile.routes.map((route) => [route.name, route]));
    return Array.from(routes.values(), (route) => ({ route, labels: [name, ["route", printable(route.name)]] }) satisfies Labelled);
  });
}

function whereOf({ kind, target, context }: RouteStatus): MetricLabels {
  return [
    ["kind", kind],
    ["target", printable(target)],
    ["context", printable(context ?? "")],
  ];
}
