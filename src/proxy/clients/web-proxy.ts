/** What clients of a proxy get by HTTP: requests in absolute form, and the answers to CONNECT. */

import { KtError } from "#base/errors.ts";
import { bracketed, parseAuthority } from "#base/hostname.ts";
import { foundOf } from "#proxy/door/decide.ts";
import type { Router } from "#proxy/door/entrance.ts";
import { type Asked, refuseStrangers } from "#proxy/door/guard.ts";
import { encodeOwnHead, refusalOf } from "#proxy/http1/own-answer.ts";
import { parseOrigin } from "#route/origins.ts";
import type { Found, Lookup } from "#route/lookup.ts";
import { headerValue, type RequestHead } from "#wire/http-head.ts";
import type { AskedNames, ProxyAnswers, ProxyVisit } from "./proxy-visit.ts";

/** Requests in absolute form (RFC 9112 §3.2.2) go where they say; `address` is where the proxy listens. */
export function proxyRouter(visit: ProxyVisit, address: string): Router {
  return {
    decide(host, request) {
      checkForm(request.target ?? "/", host, address);
      const lookup = visit.names.lookup(host);
      refusePages(request, host, visit.names, lookup);
      return visit.allowed(foundOf(lookup));
    },
  };
}

/**
 * Refuses what a page of another site asks for, as the front door does. A page of the web may ask the web, and any page itself: no name of
 * the web leads into the cluster here. Throws KtError `origin-refused`.
 */
export function refusePages(request: Asked, authority: string, names: AskedNames, lookup: Lookup): void {
  const isWeb = lookup.kind === "found" && isOutside(lookup);
  if (!isWeb && !isOwnPage(request, authority)) refuseStrangers(request, names, lookup);
}

/** Dialled from this machine, whatever it is: an IP address may be one of the cluster's. */
function isOutside({ target }: Found): boolean {
  return target.kind === "proxied" && target.direct && !/^[\d.]+$|:/.test(target.host);
}

function isOwnPage({ headers }: Asked, host: string): boolean {
  const origin = headerValue(headers, "origin");
  const [parsed, asked] = [parseOrigin(origin ?? ""), parseOrigin(`http://${host}`)];
  return parsed !== undefined && parsed.scheme === asked?.scheme && parsed.host === asked.host && parsed.port === asked.port;
}

function checkForm(target: string, host: string, address: string): void {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(target)?.[1]?.toLowerCase();
  if (scheme === "http") return;
  if (scheme === undefined) throw notAPage(address);
  throw new KtError("request-invalid", `a proxy is asked for "${scheme}://${host}" by CONNECT, and this request names it as its target`);
}

/** A browser whose address this is, or a page whose name was made to lead here: it gets nothing but this. */
function notAPage(address: string): KtError {
  return new KtError("request-invalid", "this is kt's proxy: it has no pages, and serves clients that are set to use a proxy", {
    hints: [`curl -x http://${address} http://SERVICE.NAMESPACE/`, `curl --proxy socks5h://${address} http://SERVICE.NAMESPACE/`],
  });
}

/** The host and port that CONNECT names (RFC 9110 §9.3.6). Throws KtError `request-invalid`. */
export function connectTarget({ target }: RequestHead): { readonly host: string; readonly port: number } {
  const { host, port } = parseAuthority(target) ?? {};
  if (host !== undefined && port !== undefined && port > 0) return { host, port };
  throw new KtError("request-invalid", `CONNECT asks for ${JSON.stringify(target)}, which is not HOST:PORT`, {
    hints: [`for example CONNECT ${host === undefined ? "web.shop" : bracketed(host)}:443`],
  });
}

const opened = Buffer.from("HTTP/1.1 200 Connection established\r\n\r\n", "latin1");

export function connectAnswers(head: RequestHead): ProxyAnswers {
  return {
    opened,
    refused(error) {
      const answer = refusalOf(error, head);
      return [encodeOwnHead(answer, false), answer.body];
    },
  };
}
