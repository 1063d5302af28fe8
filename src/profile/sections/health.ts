/** [health]: how often targets in use are checked, and when they count as failing. */

import { tuningSection } from "./tunable.ts";

export const health = tuningSection(
  "health",
  "Checks of targets in use: a TCP connection through the tunnel, or a GET of the path that a route names with `health`. What they find stands in `kt status`, in the log and in the metrics.",
  {
    enabled: {
      kind: "switch",
      fallback: true,
      what: "Whether targets in use are checked. A target that is not in use is never checked.",
    },
    interval: {
      kind: "duration",
      fallback: "30s",
      // Checks at shorter intervals would be most of what a backend hears.
      least: {
        ms: 1000,
        why: "is too short for a check",
        hint: "1s or more; to check nothing, enabled = false under [health]",
      },
      what: "Time between two checks of one target, 1s or more.",
    },
    timeout: {
      kind: "duration",
      fallback: "2s",
      least: { ms: 1, why: "is too short for a check", hint: 'for example timeout = "2s"' },
      what: "How long one check may take.",
    },
    failures: {
      kind: "count",
      fallback: 3,
      least: 1,
      most: 100,
      what: "After so many failed checks in a row the route is shown as failed, until one succeeds.",
    },
  },
);
