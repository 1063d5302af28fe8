/** [timeouts]: how long requests and their responses may take; none of it by default. */

import { tuningSection } from "./tunable.ts";

const off = { kind: "duration", fallback: "0", examples: ["30s", "0"] } as const;

export const timeouts = tuningSection(
  "timeouts",
  'How long an HTTP request and its response may take. "0" means none, as by default: kt cuts nothing that goes on, such as a large upload or an event stream. What has become a WebSocket, TCP, UDP and TLS that is passed through have none of them.',
  {
    read: {
      ...off,
      what: "How long a client may take to send the whole of a request, from its head on. Then it gets 408, and its connection is closed. Not of gRPC.",
    },
    header: {
      ...off,
      what: "How long a pod may take to begin its response once it has the whole request. Then the client gets 504, and the request is not sent again: the pod may be acting on it. Not of gRPC.",
    },
    write: {
      ...off,
      what: "How long a response may take from its head to its end. Then it is broken off: what streams for hours needs none. Not of gRPC.",
    },
    grpc: {
      ...off,
      what: "How long a gRPC call may take in all, streams too. Then the client gets DEADLINE_EXCEEDED, and the pod a cancel. A shorter deadline of the client's own counts as ever.",
    },
  },
);
