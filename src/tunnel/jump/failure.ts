/** Says why a jump host's process ended, from its exit and its own words on stderr. Pure. */

import type { ErrorCode } from "#base/error-facts.ts";
import { KtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import type { ExecExit } from "#kube/objects/types.ts";
import type { JumpAddress } from "./tool.ts";
import type { PipeFailure } from "#tunnel/pipe/pipe.ts";

export type JumpExit =
  | ExecExit
  /** It is left alone, since it did not connect in the time that it is given. */
  | { readonly kind: "late" };

/** What a process did until it ended. */
export interface JumpEnd {
  readonly pod: string;
  readonly address: JumpAddress;
  readonly exit: JumpExit;
  readonly stderr: string;
  /** Something came back: the target was reached. */
  readonly received: boolean;
}

type Cause = Extract<ErrorCode, "target-not-found" | "target-refused" | "target-unreachable" | "connection-lost">;

/** Words of the C libraries and of each program, in the order in which they count. */
const signs: readonly (readonly [Cause, RegExp])[] = [
  ["connection-lost", /reset by peer|broken pipe/i],
  ["target-refused", /connection refused/i],
  [
    "target-not-found",
    /getaddrinfo|name or service not known|name does not resolve|bad address|name resolution|(unknown|no such) host|could not resolve|no address associated|host lookup failed/i,
  ],
  ["target-unreachable", /timed? ?out|no route to host|unreachable/i],
];

/** The exit code of a shell that finds no such program. */
export const noProgramCode = 127;

/** Undefined for an orderly end. */
export function describeJumpEnd(end: JumpEnd): PipeFailure | undefined {
  const { exit, pod } = end;
  if (exit.kind === "lost") return { error: exit.error, again: "if-nothing-sent" };
  if (exit.kind === "late") return endedBadly(end, "connection timed out");
  if (exit.kind === "failed") return { error: notRun(exit.text, pod), again: "always" };
  if (exit.code === 0 && !saysReset(end.stderr)) return undefined;
  if (exit.code === noProgramCode && !end.received) return { error: notRun(end.stderr, pod), again: "always" };
  return endedBadly(end, lastWords(end.stderr) || `the jump host's process ended with code ${exit.code}`);
}

const saidByPod = (text: string) => ({ cause: text, detail: "said-by-pod" }) as const;

/** Not the last word: what the container has is found out anew, and then it is said. */
function notRun(text: string, pod: string): KtError {
  const words = text.trim().split(": ").at(-1) ?? text;
  return new KtError("connection-lost", `the jump host's process did not start in pod "${pod}": ${words}`, saidByPod(text));
}

function causeOf({ received, stderr, exit }: JumpEnd): Cause {
  if (received) return "connection-lost";
  const [said] = signs.find(([, sign]) => sign.test(stderr)) ?? [];
  return said ?? (exit.kind === "late" ? "target-unreachable" : "connection-lost");
}

function endedBadly(end: JumpEnd, words: string): PipeFailure {
  const { pod, address, stderr } = end;
  const cause = causeOf(end);
  const where = `"${formatHostPort(address)}"`;
  // What the target did not take it has not read; what it broke off is its answer.
  const again = cause === "connection-lost" ? "never" : "always";
  switch (cause) {
    case "target-refused":
      return { again, error: new KtError(cause, `${where} refused the connection from pod "${pod}"`, saidByPod(stderr)) };
    case "target-not-found":
      return { again, error: new KtError(cause, `pod "${pod}" finds no address for "${address.host}": ${words}`, saidByPod(stderr)) };
    case "target-unreachable": {
      const hints = ["look for a firewall, security group or network policy between that pod and the target"];
      return {
        again,
        error: new KtError(cause, `pod "${pod}" does not get through to ${where}: ${words}`, { hints, ...saidByPod(stderr) }),
      };
    }
    case "connection-lost":
      return { again, error: new KtError(cause, `the connection to ${where} broke off in pod "${pod}": ${words}`, saidByPod(stderr)) };
  }
}

/** The end of the last line, which is the C library's own: "Connection refused", "Name or service not known". */
function lastWords(stderr: string): string {
  const line = stderr.trim().split("\n").at(-1) ?? "";
  return (line.split(": ").at(-1) ?? "").trim().toLowerCase();
}

/** Whether the process saw the target break off the connection, which socat takes for an end. */
export const saysReset = (stderr: string): boolean => /reset by peer/i.test(stderr);
