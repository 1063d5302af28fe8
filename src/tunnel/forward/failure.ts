/** Turns the text on a port-forward error stream into an error for users. */

import { KtError } from "#base/errors.ts";
import { parseForwardFailure } from "#wire/portforward.ts";

/** Whether the connection was refused before anything in the pod could read from it. */
export function isUnread(text: string): boolean {
  const { kind } = parseForwardFailure(text);
  return kind === "refused" || kind === "timed-out" || kind === "pod-gone" || kind === "exhausted";
}

/** `port-refused` when nothing listens on the pod's port; `connection-lost` when the pod or its connection went away. */
export function describeForwardFailure(text: string, pod: string, port: number): KtError {
  const failure = parseForwardFailure(text);
  const said = { cause: text, detail: "said-by-pod" } as const;
  switch (failure.kind) {
    case "refused":
      return new KtError("port-refused", `pod "${pod}" refused the connection to port ${port}`, {
        hints: [`check that the container listens on port ${port}`],
        ...said,
      });
    case "timed-out":
      return new KtError("port-refused", `pod "${pod}" did not answer on port ${port} in time`, said);
    case "exhausted":
      return new KtError("overloaded", `the node of pod "${pod}" takes no more connections: ${failure.text}`, {
        hints: ["close some that are open; the node's container runtime has reached its limit of open files (LimitNOFILE)"],
        ...said,
      });
    case "pod-gone":
      return new KtError("connection-lost", `pod "${pod}" is gone`, said);
    default:
      return new KtError("connection-lost", `the connection to port ${port} of pod "${pod}" failed: ${failure.text}`, said);
  }
}
