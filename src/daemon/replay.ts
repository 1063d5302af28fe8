/** Sends a request to a route through the front door, as a client of this machine would: it is counted and shown like any other. */

import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { KtError } from "#base/errors.ts";
import { type Authority, formatHostPort, parseAuthority } from "#base/hostname.ts";
import type { ProfileStatus, Replayed, Request, RouteStatus } from "#control/api.ts";
import { type HttpRequest, requestCut } from "#http/client.ts";
import { connect } from "#net/connect.ts";
import { isWildcard } from "#profile/values/listen.ts";
import { daemonLimits } from "./limits.ts";

export type ReplayRequest = Extract<Request, { type: "replay" }>;

/** Methods that change nothing (RFC 9110 §9.2.1) and that may be sent without a word of the user. */
const safeMethods: readonly string[] = ["GET", "HEAD", "OPTIONS"];

export interface ReplayOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Rejects with KtError. */
export async function replay(
  request: ReplayRequest,
  profile: ProfileStatus,
  route: RouteStatus,
  { clock, signal }: ReplayOptions,
): Promise<Replayed> {
  checkMethod(request);
  const place = placeOf(profile, route);
  const timeoutMs = daemonLimits.replayMs;
  const late = (): KtError => new KtError("start-timeout", `${route.name} gave no whole answer within ${timeoutMs / 1000} s`);
  return await withDeadline(clock, timeoutMs, signal, late, async (inTime) => {
    const startedMs = clock.now();
    const conn = await connect({ host: place.host, port: place.port, signal: inTime });
    const { method, path, body } = request;
    const message = { method, target: path, headers: headersOf(request, place.port), ...(body === undefined ? {} : { body }) };
    const answer = await requestCut(conn, message, inTime, daemonLimits.replayedBodyBytes);
    return {
      status: answer.head.status,
      headers: answer.head.headers.map(([name, value]) => ({ name, value })),
      body: new TextDecoder().decode(answer.body),
      isCut: answer.isCut,
      durationMs: clock.now() - startedMs,
    };
  });
}

function checkMethod({ method, confirmed }: ReplayRequest): void {
  if (method === "CONNECT" || method === "TRACE") throw new KtError("request-invalid", `${method} cannot be sent again`);
  if (safeMethods.includes(method) || confirmed === true) return;
  throw new KtError("request-invalid", `${method} may change something: it is only sent again with "confirmed": true`);
}

function headersOf({ name, contentType }: ReplayRequest, port: number): HttpRequest["headers"] {
  return [
    ["Host", formatHostPort({ host: parseAuthority(name)?.host ?? name, port })],
    ["User-Agent", "kt"],
    ["Accept", "*/*"],
    // What comes back is shown as it is.
    ["Accept-Encoding", "identity"],
    ["Connection", "close"],
    ...(contentType === undefined ? [] : [["Content-Type", contentType] as const]),
  ];
}

/** Where a client of this machine finds the route. Throws KtError for one without HTTP. */
function placeOf(profile: ProfileStatus, { kind, name, url, address }: RouteStatus): { readonly host: string; readonly port: number } {
  if (kind === "tcp" || kind === "udp") throw new KtError("request-invalid", `"${name}" is not a route of HTTP`);
  if (address !== undefined) return reachable(address);
  if (kind === "forward") return reachable(url);
  const port = Number(new URL(url.replace(/\{.*\}/, "x")).port || (url.startsWith("https:") ? 443 : 80));
  const open = profile.listeners.filter((listener) => listener.open).map((listener) => reachable(listener.address));
  const found = open.find((each) => each.port === port);
  if (found) return found;
  throw new KtError("listen-failed", `profile "${profile.name}" has no open address on port ${port}`, { hints: ["kt status"] });
}

/** An address that is open to the network is open on this machine. */
function reachable(text: string): { readonly host: string; readonly port: number } {
  const { host, port = 80 }: Authority = parseAuthority(text) ?? { host: "127.0.0.1", port: undefined };
  const own = isWildcard({ host }) ? (host.includes(":") ? "::1" : "127.0.0.1") : host;
  return { host: own, port };
}
