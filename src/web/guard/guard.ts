/** The one guard of the hub's own pages: which name was asked for, which page asks, and who is behind it. Pure. */

import { parseAuthority } from "#base/hostname.ts";
import { parseIpv4 } from "#base/ipv4.ts";
import { isIpv6 } from "#base/ipv6.ts";
import { headerValue, type Header, type RequestHead } from "#wire/http-head.ts";
import type { Access, Credential } from "./access.ts";
import type { Refusal } from "./answers.ts";

export interface GuardOptions {
  readonly access: Pick<Access, "isToken" | "isSession">;
  /** The hub's own name. */
  readonly host: string;
  /** Where the token is, for hints. */
  readonly tokenFile: string;
}

export type Admission =
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "admitted"; readonly by: Credential | "none" };

/** Methods that change nothing (RFC 9110 §9.2.1). */
const safeMethods: readonly string[] = ["GET", "HEAD"];

export const sessionCookie = "kt_session";

/** `isOpen`: no token is needed; a page of another site is refused all the same. */
export function admit(head: RequestHead, isOpen: boolean, options: GuardOptions): Admission {
  const refusal = wrongHost(head, options.host) ?? foreignPage(head);
  if (refusal) return { kind: "refused", refusal };
  const credential = credentialOf(head, options.access);
  if (credential === "session" && !safeMethods.includes(head.method) && !isFromOwnPage(head)) {
    return { kind: "refused", refusal: originRefusal("a request that changes something has to come from kt's own page") };
  }
  if (credential === undefined && !isOpen) return { kind: "refused", refusal: tokenRequired(options.tokenFile) };
  return { kind: "admitted", by: credential ?? "none" };
}

/** A page of the web whose name was made to lead here (DNS rebinding) sends its own name. */
function wrongHost({ host }: RequestHead, own: string): Refusal | undefined {
  const name = parseAuthority(host)?.host.toLowerCase().replace(/\.$/, "");
  if (name === own) return undefined;
  return { status: 421, code: "misdirected", message: `these pages are at "${own}", not at "${host}"` };
}

/**
 * Who may read the metrics at their own address: by that address, as scrapers do. A page of the web whose name was made to lead there
 * sends its name.
 */
export function scraperRefusal(head: RequestHead): Refusal | undefined {
  const name = parseAuthority(head.host)?.host.toLowerCase() ?? "";
  const isAddress = isIpv6(name) || parseIpv4(name) !== undefined || name === "localhost";
  if (isAddress) return foreignPage(head);
  return { status: 421, code: "misdirected", message: `the metrics are at an IP address, not at "${head.host}"` };
}

/** Browsers say who asks, and pages cannot change what they say (Fetch §2.2.2, "forbidden request-header"). */
function foreignPage(head: RequestHead): Refusal | undefined {
  const origin = headerValue(head.headers, "origin");
  if (origin !== undefined && !isOwnOrigin(origin, head.host)) return originRefusal(`a page of "${origin}" asked for this`);
  const site = headerValue(head.headers, "sec-fetch-site")?.toLowerCase();
  if (site === undefined || site === "same-origin" || site === "none" || isNavigation(head)) return undefined;
  return originRefusal("a page of another site asked for this");
}

/** A link that was followed: its answer becomes the page, and the page it came from does not read it. */
function isNavigation({ method, headers }: RequestHead): boolean {
  const isDocument = headerValue(headers, "sec-fetch-dest") === "document";
  return isDocument && headerValue(headers, "sec-fetch-mode") === "navigate" && safeMethods.includes(method);
}

function isOwnOrigin(origin: string, host: string): boolean {
  const lower = origin.toLowerCase();
  return lower === `http://${host.toLowerCase()}` || lower === `https://${host.toLowerCase()}`;
}

/** A browser adds the cookie to the requests of any page, and these headers say which page it was. */
function isFromOwnPage({ headers }: RequestHead): boolean {
  return headerValue(headers, "origin") !== undefined || headerValue(headers, "sec-fetch-site")?.toLowerCase() === "same-origin";
}

function originRefusal(message: string): Refusal {
  return { status: 403, code: "origin-refused", message, hints: ["open the address itself: kt's own pages are for no other page"] };
}

function credentialOf({ headers }: RequestHead, access: GuardOptions["access"]): Credential | undefined {
  const [, token] = /^Bearer +(\S+)$/i.exec(headerValue(headers, "authorization") ?? "") ?? [];
  if (token !== undefined) return access.isToken(token) ? "token" : undefined;
  const session = cookieOf(headers);
  return session !== undefined && access.isSession(session) ? "session" : undefined;
}

function cookieOf(headers: readonly Header[]): string | undefined {
  const pairs = headers.filter(([name]) => name.toLowerCase() === "cookie").flatMap(([, value]) => value.split(";"));
  const prefix = `${sessionCookie}=`;
  return pairs
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(prefix))
    ?.slice(prefix.length);
}

function tokenRequired(tokenFile: string): Refusal {
  return {
    status: 401,
    code: "token-required",
    message: "this is for the user who runs kt, and the request has no valid token",
    hints: [`curl -H "Authorization: Bearer $(cat ${tokenFile})" …`, "kt metrics"],
    headers: [["WWW-Authenticate", 'Bearer realm="kt"']],
  };
}
