/** Metrics of the routes: what the status says of them, and how long their requests took. */

import type { RouteStatus, Snapshot } from "#control/api.ts";
import { isUp } from "#web/facts/health.ts";
import type { HubFacts } from "#web/facts/hub-facts.ts";
import type { MetricFamily, MetricLabels, ValueSample } from "#wire/openmetrics.ts";
import { label, profileLabels } from "./labels.ts";
import { histogramsOf, type Metric, valuesOf } from "./metric.ts";

const labels = ["profile", "route"] as const;

export const routeMetrics = {
  info: {
    name: "kt_route",
    type: "info",
    help: "Where the route leads, and its kind as kt status --json has it: http, pattern, tcp, udp, dynamic or forward.",
    labels: [...labels, "kind", "target", "context"],
  },
  up: {
    name: "kt_route_up",
    type: "gauge",
    help: "0 while a new connection would fail, as kt status says by failed, blocked, conflict or stopped; else 1, also for a route that is not in use.",
    labels,
  },
  open: { name: "kt_route_open_connections", type: "gauge", help: "Open connections of clients that asked for the route.", labels },
  connections: { name: "kt_route_connections", type: "counter", help: "Connections of clients that asked for the route.", labels },
  failures: {
    name: "kt_route_failures",
    type: "counter",
    help: "Connections and requests that were refused, broken off, or answered by kt itself with an error.",
    labels,
  },
  requests: {
    name: "kt_route_requests",
    type: "counter",
    help: "HTTP requests that are over, by the class of their status: 1xx to 5xx, and none for those that the client left before.",
    labels: [...labels, "class"],
  },
  retries: {
    name: "kt_route_retries",
    type: "counter",
    help: "How often requests were sent again, since their connection was lost before any byte of an answer.",
    labels,
  },
  received: {
    name: "kt_route_received_bytes",
    type: "counter",
    unit: "bytes",
    help: "Bytes from the route: of HTTP the bodies, of TCP, UDP, WebSockets and TLS that is passed through all of them.",
    labels,
  },
  sent: { name: "kt_route_sent_bytes", type: "counter", unit: "bytes", help: "Bytes to the route, counted alike.", labels },
  dropped: { name: "kt_route_dropped_datagrams", type: "counter", help: "Datagrams of UDP that kt dropped, both ways.", labels },
  failedChecks: {
    name: "kt_route_failed_checks",
    type: "gauge",
    help: "Health checks that have failed in a row, of a route whose target was checked.",
    labels,
  },
  durations: {
    name: "kt_route_request_duration_seconds",
    type: "histogram",
    unit: "seconds",
    help: "From the head of a request to the end of its response; of a WebSocket, to the switch.",
    labels,
  },
  firstBytes: {
    name: "kt_route_time_to_first_byte_seconds",
    type: "histogram",
    unit: "seconds",
    help: "From the head of a request to the head of the response of the pod.",
    labels,
  },
} as const satisfies Record<string, Metric>;

/** A route with the labels that all of its samples have, and the path of its profile. */
interface Labelled {
  readonly profile: string;
  readonly route: RouteStatus;
  readonly labels: MetricLabels;
}

export function routeFamilies({ profiles }: Snapshot, { counters }: Pick<HubFacts, "counters">): MetricFamily[] {
  const all = labelled(profiles);
  const counted = all.map((one) => ({ labels: one.labels, of: counters(one.profile, one.route.name) }));
  const each = (metric: Parameters<typeof valuesOf>[0], value: (route: RouteStatus) => number): MetricFamily =>
    valuesOf(
      metric,
      all.map(({ route, labels: own }) => ({ labels: own, value: value(route) })),
    );
  return [
    valuesOf(routeMetrics.info, all.map(infoOf)),
    each(routeMetrics.up, (route) => (isUp(route) ? 1 : 0)),
    each(routeMetrics.open, (route) => route.openConnections),
    each(routeMetrics.connections, (route) => route.totalConnections),
    each(routeMetrics.failures, (route) => route.failures),
    valuesOf(routeMetrics.requests, all.flatMap(responsesOf)),
    valuesOf(
      routeMetrics.retries,
      all.flatMap(({ route, labels: own }) => (route.requests > 0 ? [{ labels: own, value: route.retries ?? 0 }] : [])),
    ),
    each(routeMetrics.received, (route) => route.receivedBytes),
    each(routeMetrics.sent, (route) => route.sentBytes),
    valuesOf(
      routeMetrics.dropped,
      counted.flatMap(({ labels: own, of }) => (of?.droppedDatagrams ? [{ labels: own, value: of.droppedDatagrams }] : [])),
    ),
    valuesOf(
      routeMetrics.failedChecks,
      all.flatMap(({ route, labels: own }) => (route.health ? [{ labels: own, value: route.health.failedInARow }] : [])),
    ),
    histogramsOf(
      routeMetrics.durations,
      counted.map(({ labels: own, of }) => ({ labels: own, histogram: of?.durations })),
    ),
    histogramsOf(
      routeMetrics.firstBytes,
      counted.map(({ labels: own, of }) => ({ labels: own, histogram: of?.firstBytes })),
    ),
  ];
}

/** A name may stand in two sections of a profile, and is counted once for both. */
function labelled(profiles: Snapshot["profiles"]): Labelled[] {
  const names = profileLabels(profiles);
  return profiles.flatMap(({ profile, routes: all }) => {
    const routes = new Map(all.map((route) => [route.name, route]));
    const name = names.get(profile) ?? label("profile", profile);
    return Array.from(routes.values(), (route) => ({ profile, route, labels: [name, label("route", route.name)] }));
  });
}

function infoOf({ route: { kind, target, context = "" }, labels: own }: Labelled): ValueSample {
  return { labels: [...own, label("kind", kind), label("target", target), label("context", context)], value: 1 };
}

function responsesOf({ route: { responses = {} }, labels: own }: Labelled): ValueSample[] {
  return Object.entries(responses).map(([name, value]) => ({ labels: [...own, label("class", name)], value }));
}
