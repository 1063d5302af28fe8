/** Events: the union of everything worth telling, for `kt logs`, the live view and the dashboard. */

import { cut } from "#base/cut.ts";
import type { ErrorCode } from "#base/error-facts.ts";
import type { KtError } from "#base/errors.ts";
import { observeLimits } from "./limits.ts";

/** What went wrong, in a form that crosses a socket. */
export interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hints: readonly string[];
}

/** The part of an error that is for people. */
export function toProblem(error: KtError): Problem {
  return { code: error.code, message: error.message, hints: error.hints };
}

/** A tunnel's life. Failed is Idle with a memory: the next connection tries again. */
export type TunnelPhase = "idle" | "starting" | "running" | "stopping";

/** What became of a pod that kt makes for a jump host. `kept`: it could not be removed. */
export type JumpPodChange = "made" | "found" | "replaced" | "removed" | "left" | "kept" | "ended" | "failed";

export type ClientProtocol = "HTTP/1.0" | "HTTP/1.1" | "HTTP/2";

/** One HTTP request that went to a pod, or should have. */
export type RequestEvent = {
  readonly type: "request";
  readonly route: string;
  readonly profile: string;
  /** The host that was asked for. */
  readonly name: string;
  readonly method: string;
  /** Without its query. For those who look at single requests: no log and no metric has it. */
  readonly path: string;
  /** How the client spoke. */
  readonly protocol: ClientProtocol;
  /** Undefined where the client left before there was one. */
  readonly status: number | undefined;
  /** Of a gRPC call, where it has one (grpc/grpc doc/statuscodes.md). */
  readonly grpcStatus: number | undefined;
  /** To the end of the response, and to its beginning. */
  readonly durationMs: number;
  readonly firstByteMs: number | undefined;
  /** Of the request's body. */
  readonly sentBytes: number;
  /** Of the response's body. */
  readonly receivedBytes: number;
};

export type KtEvent =
  | RequestEvent
  | {
      readonly type: "tunnel-phase";
      /** The target as profiles write it. */
      readonly target: string;
      /** The routes that lead there. */
      readonly routes: readonly string[];
      readonly phase: TunnelPhase;
      readonly pod: string | undefined;
      readonly problem: Problem | undefined;
    }
  | {
      /** A pod that carried connections is gone, and another takes its place. */
      readonly type: "pod-changed";
      readonly target: string;
      readonly routes: readonly string[];
      readonly from: string;
      readonly to: string;
    }
  | {
      /** Checks of a target in use fail, or succeed again. */
      readonly type: "health";
      readonly target: string;
      readonly routes: readonly string[];
      readonly problem: Problem | undefined;
    }
  | { readonly type: "connection-opened"; readonly route: string; readonly profile: string; readonly name: string }
  | {
      readonly type: "connection-closed";
      readonly route: string;
      readonly profile: string;
      readonly name: string;
      readonly receivedBytes: number;
      readonly sentBytes: number;
      readonly problem: Problem | undefined;
    }
  | { readonly type: "jump-pod"; readonly pod: string; readonly change: JumpPodChange; readonly problem: Problem | undefined }
  | { readonly type: "refused"; readonly name: string; readonly problem: Problem }
  | { readonly type: "cluster"; readonly context: string; readonly reachable: boolean; readonly problem: Problem | undefined }
  | {
      readonly type: "profile";
      readonly profile: string;
      readonly change: "attached" | "reloaded" | "rejected" | "detached";
      readonly problem: Problem | undefined;
    }
  | {
      readonly type: "listener";
      readonly address: string;
      readonly change: "open" | "failed" | "closed";
      readonly problem: Problem | undefined;
    }
  /** What a [[forward]] found, or found to be gone: services, and pods of headless ones. */
  | {
      readonly type: "forward";
      readonly context: string;
      readonly namespace: string;
      readonly added: readonly string[];
      readonly removed: readonly string[];
    }
  /** A service of a [[reverse]] leads to this machine now, does not, or is not wanted any more. */
  | {
      readonly type: "reverse";
      readonly route: string;
      readonly profile: string;
      readonly change: "running" | "failed" | "ended";
      readonly pod: string | undefined;
      readonly problem: Problem | undefined;
    }
  /** Connections are refused for want of descriptors; reported at the first (0), and with their number and no problem when it is over. */
  | { readonly type: "overload"; readonly refused: number; readonly problem: Problem | undefined }
  | { readonly type: "hub"; readonly change: "started" | "stopping" | "woke" | "restored"; readonly detail: string | undefined };

/** The event with nothing in it longer than a person would read: names and texts may come from any client. */
export function boundedEvent(event: KtEvent): KtEvent {
  const problem = "problem" in event ? event.problem : undefined;
  const isShort = !("name" in event) || event.name.length <= observeLimits.eventNameLength;
  if (isShort && problem === undefined) return event;
  const name = "name" in event ? { name: cut(event.name, observeLimits.eventNameLength) } : {};
  // A dynamic route is its name.
  const route = "route" in event ? { route: cut(event.route, observeLimits.eventNameLength) } : {};
  return { ...event, ...name, ...route, ...(problem && { problem: boundedProblem(problem) }) };
}

function boundedProblem({ code, message, hints }: Problem): Problem {
  return {
    code,
    message: cut(message, observeLimits.eventTextLength),
    hints: hints.map((hint) => cut(hint, observeLimits.eventTextLength)),
  };
}

/** Takes events; must not throw. */
export type Report = (event: KtEvent) => void;
