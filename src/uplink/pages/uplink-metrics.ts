/** What an uplink counts, as metrics. */

import type { UdpTotals } from "#uplink/datagrams/udp-sessions.ts";
import type { StreamTotals } from "#uplink/streams/stream-server.ts";
import type { MetricFamily } from "#wire/openmetrics.ts";

export interface UplinkFacts {
  readonly isReady: boolean;
  readonly openStreams: number;
  readonly streams: StreamTotals;
  readonly sessions: number;
  readonly datagrams: UdpTotals;
}

/** Of the answers to streams and the ends of sessions all are shown, so that the first of a kind is a rise. */
export function uplinkMetrics({ isReady, openStreams, streams, sessions, datagrams }: UplinkFacts): MetricFamily[] {
  const { begun, unknown, overloaded, draining, refused, invalid } = datagrams;
  return [
    gauge("kt_uplink_ready", "1 while the edge may send new connections here.", isReady ? 1 : 0),
    gauge("kt_uplink_streams", "Open streams to targets, and those that are being opened.", openStreams),
    counter("kt_uplink_stream_answers", "Streams that an edge asked for, by what it was answered.", "answer", streams.answers),
    counter("kt_uplink_stream_bytes", "Bytes of streams, to targets and from them.", "direction", {
      to: streams.sentBytes,
      from: streams.receivedBytes,
    }),
    counter("kt_uplink_streams_dropped", "Streams that did not begin as one of an edge, or too many at once.", "", { "": streams.invalid }),
    gauge("kt_uplink_sessions", "Open sessions of UDP.", sessions),
    counter("kt_uplink_session_answers", "Sessions of UDP that an edge asked for, by what became of them.", "answer", {
      opened: begun,
      unknown,
      overloaded,
      draining,
    }),
    counter("kt_uplink_datagrams_refused", "Datagrams that targets refused, as the network reports.", "", { "": refused }),
    counter("kt_uplink_datagrams_invalid", "Datagrams that no edge sends.", "", { "": invalid }),
  ];
}

function gauge(name: string, help: string, value: number): MetricFamily {
  return { name, type: "gauge", help, samples: [{ labels: [], value }] };
}

function counter(name: string, help: string, label: string, values: Readonly<Record<string, number>>): MetricFamily {
  const samples = Object.entries(values).map(([key, value]) => ({ labels: label === "" ? [] : ([[label, key]] as const), value }));
  return { name, type: "counter", help, samples };
}
