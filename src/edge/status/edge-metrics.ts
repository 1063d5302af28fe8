/** What an edge counts, as metrics: connections, sessions, and every refusal by its reason. */

import type { TcpCounters } from "#edge/tcp/tcp-counters.ts";
import type { UdpCounters } from "#edge/udp/udp-counters.ts";
import type { EdgeStatus } from "#expose/host/edge-status.ts";
import type { MetricFamily, ValueSample } from "#wire/openmetrics.ts";

export interface EdgeFacts {
  readonly status: EdgeStatus;
  readonly tcp: TcpCounters;
  readonly udp: UdpCounters;
  /** Connections that have shown neither a whole hello nor a whole handshake. */
  readonly halfOpen: number;
  /** Of TCP, by the id of their binding. */
  readonly connections: ReadonlyMap<string, number>;
}

type Kind = "counter" | "gauge";

const family = (type: Kind, name: string, help: string, samples: readonly ValueSample[]): MetricFamily => ({ name, type, help, samples });
const one = (type: Kind, name: string, help: string, value: number): MetricFamily => family(type, name, help, [{ labels: [], value }]);

/** A sample for each entry, whose key is the label's value. */
function by(label: string, values: Readonly<Record<string, number>>): ValueSample[] {
  return Object.entries(values).map(([key, value]) => ({ labels: [[label, key]], value }));
}

export function edgeMetrics(facts: EdgeFacts): MetricFamily[] {
  return [...stateFamilies(facts), ...tcpFamilies(facts), ...udpFamilies(facts.udp)];
}

function stateFamilies({ status }: EdgeFacts): MetricFamily[] {
  return [
    one("gauge", "kt_edge_start_time_seconds", "When this edge started, in seconds since 1970.", Date.parse(status.startedAt) / 1000),
    family(
      "gauge",
      "kt_edge_binding_serving",
      "1 where a connection of the binding would be served.",
      status.bindings.map(({ id, state }) => ({ labels: [["binding", id]], value: state === "Listening" ? 1 : 0 })),
    ),
    family(
      "gauge",
      "kt_edge_uplink_healthy",
      "1 where the uplink gets connections.",
      status.uplinks.map(({ ordinal, isHealthy }) => ({ labels: [["uplink", String(ordinal)]], value: isHealthy ? 1 : 0 })),
    ),
  ];
}

function tcpFamilies({ tcp, halfOpen, connections }: EdgeFacts): MetricFamily[] {
  const { accepted, opened, open, idle, sentBytes, receivedBytes, refused } = tcp;
  const bytes = { to_target: sentBytes, from_target: receivedBytes };
  return [
    one("counter", "kt_edge_connections_accepted", "Connections of clients.", accepted),
    one("counter", "kt_edge_connections_opened", "Connections that were joined with their targets.", opened),
    one("gauge", "kt_edge_connections_open", "Of these, those that are open.", open),
    one("gauge", "kt_edge_connections_half_open", "Connections that have yet to show what they want.", halfOpen),
    one("counter", "kt_edge_connections_idle", "Connections that ended since nothing had passed for their idle timeout.", idle),
    family("counter", "kt_edge_connections_refused", "Connections that did not reach their target, by reason.", by("reason", refused)),
    family("gauge", "kt_edge_binding_connections", "Open connections of the binding.", by("binding", Object.fromEntries(connections))),
    family("counter", "kt_edge_connection_bytes", "Bytes of connections that were joined.", by("direction", bytes)),
  ];
}

function udpFamilies(udp: UdpCounters): MetricFamily[] {
  const { opened, expired, ended, evicted, moved, targetRefused, strayDatagrams, refused } = udp;
  const datagrams = { from_clients: udp.receivedDatagrams, to_clients: udp.sentDatagrams, stray: strayDatagrams };
  const bytes = { from_clients: udp.receivedBytes, to_clients: udp.sentBytes };
  return [
    one("counter", "kt_edge_sessions_opened", "Sessions of UDP clients.", opened),
    family("counter", "kt_edge_sessions_over", "Sessions that are over, by reason.", by("reason", { expired, ended, evicted })),
    one("counter", "kt_edge_sessions_moved", "Sessions that went on at another uplink, since theirs went.", moved),
    family("counter", "kt_edge_sessions_refused", "Datagrams of clients that got no session, by reason.", by("reason", refused)),
    one("counter", "kt_edge_sessions_target_refused", "Reports that nothing listens at a target.", targetRefused),
    family("counter", "kt_edge_datagrams", "Datagrams, by direction; stray ones are of no session.", by("direction", datagrams)),
    family("counter", "kt_edge_datagram_bytes", "Bytes of datagrams.", by("direction", bytes)),
  ];
}
