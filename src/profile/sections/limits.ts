/** [limits]: how many connections into the cluster a profile may use and keep; none of it by default. */

import { tuningSection } from "./tunable.ts";

const off = { kind: "count", fallback: 0, least: 0, most: 100_000 } as const;

export const limits = tuningSection(
  "limits",
  "How many connections into the cluster the profile may use at once, and keep for the next requests. 0 means no limit but that of the machine, as by default. HTTP/2 carries many requests on one connection. Datagrams are not counted, nor are checks.",
  {
    connections: {
      ...off,
      example: 500,
      what: "Connections in use at once, to all targets together. One that is kept for the next request makes room, and is closed then.",
    },
    per_target: { ...off, example: 100, what: "Of these, connections in use to one target." },
    wait: {
      kind: "duration",
      fallback: "1s",
      examples: ["1s", "0"],
      most: { ms: 600_000, why: "is longer than clients wait", hint: "10m or less" },
      what: 'How long one connection too many waits for another to end. Then it is refused: an HTTP client gets 503 with Retry-After, a gRPC client UNAVAILABLE, and a client of TCP is closed, in the words of its protocol where kt knows it. "0" refuses it at once.',
    },
    idle: { ...off, example: 200, what: "HTTP/1 connections that are kept for the next requests, to all targets together." },
    idle_per_target: { ...off, example: 50, what: "Of these, connections that are kept to one target." },
  },
);
