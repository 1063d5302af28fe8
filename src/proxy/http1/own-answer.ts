/** What kt itself answers to an HTTP/1 request: pages and refusals as bytes, with hints in the words of the route. Pure. */

import { type KtError, withHints } from "#base/errors.ts";
import { reasonPhrase } from "#http/fields.ts";
import { type Answer, refusalFor } from "#proxy/pages/refusal.ts";
import { navigates } from "#proxy/pages/waiting-page.ts";
import type { Found } from "#route/lookup.ts";
import { isInCluster } from "#route/target.ts";
import { encodeHead, headerValue, type RequestHead } from "#wire/http-head.ts";
import { schemeHint } from "./foreign-answer.ts";

/** The head of an answer. */
export function encodeOwnHead({ status, headers }: Answer, keepAlive: boolean): Uint8Array {
  const sent = keepAlive ? headers : [...headers, ["Connection", "close"] as const];
  return encodeHead(`HTTP/1.1 ${status} ${reasonPhrase(status)}`, sent);
}

/** In the form that the request asks for; without `head` nothing of it could be read. */
export function refusalOf(error: KtError, head: RequestHead | undefined): Answer {
  if (!head) return refusalFor(error, { accept: undefined, grpc: false, host: undefined });
  return refusalFor(error, { accept: headerValue(head.headers, "accept"), grpc: false, host: head.host, navigates: navigates(head) });
}

/** What can be done about it, in the words of the route that was asked for. */
export function withRouteHint(error: KtError, found: Found): KtError {
  if (error.code !== "backend-tls") return withNameHint(error, found);
  return withHints(error, [`if it speaks plain HTTP: ${schemeHint(found, "http")}`]);
}

/**
 * A dynamic name without its port asks for a service that does not exist: the hint says how such names are read. Those that a cluster
 * has have their ports apart.
 */
function withNameHint(error: KtError, { via, target, route }: Found): KtError {
  if (
    via !== "dynamic" ||
    route.includes(":") ||
    (isInCluster(target) && target.derived?.otherwise) ||
    !isInCluster(target) ||
    target.via ||
    target.kind === "relayed"
  )
    return error;
  if (error.code !== "service-not-found" && error.code !== "port-not-found") return error;
  const hint = `the name was read as ${target.kind} "${target.name}", port "${target.port}"; if "${target.name}-${target.port}" is the name, add its port`;
  return withHints(error, [hint, ...error.hints]);
}
