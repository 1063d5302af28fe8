/** [retry]: how often a request that a pod may not have answered is sent again. */

import { tuningSection } from "./tunable.ts";

export const retry = tuningSection(
  "retry",
  "HTTP requests whose connection to the pod is lost before any byte of an answer are sent again, where that does no harm: GET, HEAD, OPTIONS, TRACE, PUT and DELETE, without a body or with a small one that kt still has. A POST, an upgrade such as a WebSocket, and what has begun to be answered are never repeated. `kt status --json` and the metrics count it.",
  {
    max: { kind: "count", fallback: 2, least: 0, most: 10, what: "How often one request is sent again at most; 0 never." },
    delay: {
      kind: "duration",
      fallback: "100ms",
      // A client waits no longer than this between two tries.
      most: { ms: 10_000, why: "is longer than clients wait", hint: "10s or less" },
      what: "The pause before a request is sent again. There is none where it was lost on a connection that had been kept from an earlier request.",
    },
  },
);
