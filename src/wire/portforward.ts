/** The port-forward headers, protocol names and error text that kubelet and the container runtimes speak. */

import type { SpdyHeaders } from "./spdy-headers.ts";

export const portForwardProtocols = {
  /** `Upgrade` of the direct way; `stream` goes into `X-Stream-Protocol-Version`. */
  spdy: "SPDY/3.1",
  stream: "portforward.k8s.io",
  /** `Sec-WebSocket-Protocol` of SPDY inside binary WebSocket messages. */
  webSocketTunnel: "SPDY/3.1+portforward.k8s.io",
} as const;

/** Every forwarded connection is two streams: what goes wrong is reported as text on the first. */
export type ForwardStreamKind = "error" | "data";

export interface ForwardStream {
  readonly kind: ForwardStreamKind;
  readonly port: number;
  /** Joins the two streams of one connection; unique within the session. */
  readonly requestId: string;
}

/** The headers that open one of the two streams. */
export function streamHeaders(kind: ForwardStreamKind, port: number, requestId: string): SpdyHeaders {
  return new Map([
    ["streamtype", kind],
    ["port", String(port)],
    ["requestid", requestId],
  ]);
}

/** What a server reads from them; undefined when a header is missing or wrong. */
export function parseStreamHeaders(headers: SpdyHeaders): ForwardStream | undefined {
  const kind = headers.get("streamtype");
  const port = Number(headers.get("port"));
  const requestId = headers.get("requestid");
  if ((kind !== "error" && kind !== "data") || requestId === undefined) return undefined;
  if (!Number.isInteger(port) || port < 1 || port > 65535) return undefined;
  return { kind, port, requestId };
}

/** Why a forwarded connection ended, as far as the text tells. `text` is the peer's own words without the address of the pod. */
export interface ForwardFailure {
  readonly kind: /** Nothing listens on that port of the pod. */
    | "refused"
    /** The pod, or the kubelet's way to it, did not answer. */
    | "timed-out"
    /** The pod has ended, or is about to be replaced. */
    | "pod-gone"
    /** The connection was made, and then the program in the pod broke it off. */
    | "reset"
    /** The node has no descriptors left to make it with. */
    | "exhausted"
    | "other";
  readonly text: string;
}

/** The first that matches counts: a text that says the pod is gone may go on to say how a read failed. */
const failureSigns: readonly (readonly [ForwardFailure["kind"], RegExp])[] = [
  ["exhausted", /too many open files/i],
  ["pod-gone", /(?:sandbox|container|pod) .*(?:not found|not running)|network namespace .* is closed|netns.*: no such file/i],
  ["refused", /connection refused/i],
  ["timed-out", /timed? ?out|deadline exceeded/i],
  ["reset", /connection reset|broken pipe/i],
];

const prefix = /^error forwarding port \d+ to pod [^,]*, uid [^:]*: /;

/** Reads the text of an error stream. */
export function parseForwardFailure(text: string): ForwardFailure {
  const own = text.trim().replace(prefix, "");
  const sign = failureSigns.find(([, pattern]) => pattern.test(own));
  return { kind: sign?.[0] ?? "other", text: own };
}
