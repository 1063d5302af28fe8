/** Turns the text on a port-forward error stream into an error for users. */

import { KtError } from "#base/errors.ts";
import type { PipeFailure } from "#tunnel/pipe/pipe.ts";
import { type ForwardFailure, parseForwardFailure } from "#wire/portforward.ts";

/** These end a connection before anything in the pod could read from it. */
const unread: readonly ForwardFailure["kind"][] = ["refused", "timed-out", "pod-gone", "exhausted"];

/** `port-refused` when nothing listens on the pod's port; `connection-lost` when the pod or its connection went away. */
export function describeForwardFailure(text: string, pod: string, port: number): PipeFailure {
  const failure = parseForwardFailure(text);
  return { error: errorOf(failure, text, pod, port), again: unread.includes(failure.kind) ? "always" : "if-nothing-sent" };
}

function errorOf(failure: ForwardFailure, text: string, pod: string, port: number): KtError {
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
