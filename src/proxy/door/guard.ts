/** The guard of the front door: a page on the web is not the user, so what it asks for is refused. Pure. */

import { cut } from "#base/cut.ts";
import { KtError } from "#base/errors.ts";
import type { Lookup } from "#route/lookup.ts";
import { type AllowedOrigins, isLocalOrigin, parseOrigin } from "#route/origins.ts";
import type { Header } from "#wire/http-head.ts";

/** What the guard looks at, of a request in any version of HTTP. */
export interface Asked {
  readonly method: string;
  readonly headers: readonly Header[];
  /** As sent; absent in HTTP/2. */
  readonly target?: string;
  /** In its place there. */
  readonly path?: string;
}

/** Which names are kt's own, and which pages may ask for them besides. */
export interface GuardedNames {
  lookup(host: string): Lookup;
  allowedOrigins(lookup: Lookup): AllowedOrigins;
}

/** What browsers say of who asks, which pages cannot change (Fetch §2.2.2, "forbidden request-header"). */
interface Evidence {
  readonly origins: readonly string[];
  readonly referer: string | undefined;
  readonly crossSite: boolean;
  /** The page is of the very origin that it asks, which names none where its policy is to send no referrer (Fetch §3.2). */
  readonly unnamedOwn: boolean;
  /** A link that was followed, or an address that was typed: its answer becomes the page, and no other page reads it. */
  readonly topLevel: boolean;
}

/** Whether a page has a part in the request. By the length of the name first: this is asked of every request. */
function isAskedByPage(headers: readonly Header[]): boolean {
  for (const header of headers) {
    const name = header[0];
    if (name.length === 6 && name.toLowerCase() === "origin") return true;
    if (name.length === 14 && name.toLowerCase() === "sec-fetch-site") return true;
  }
  return false;
}

function evidenceOf({ method, headers }: Asked): Evidence {
  const all = (wanted: string): string[] => headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
  const only = (wanted: string): string => all(wanted).join();
  const navigates = only("sec-fetch-mode") === "navigate" && only("sec-fetch-dest") === "document";
  const origins = all("origin");
  return {
    origins,
    referer: all("referer")[0],
    crossSite: all("sec-fetch-site").some((site) => site.toLowerCase() === "cross-site"),
    unnamedOwn: only("sec-fetch-site").toLowerCase() === "same-origin" && only("origin") === "null",
    topLevel: navigates && (method === "GET" || method === "HEAD"),
  };
}

/** Names that can be read in two ways are kt's own as well; what a proxy dials outside is not. */
function isOwnName(lookup: Lookup): boolean {
  return lookup.kind === "found" ? lookup.target.kind !== "proxied" : lookup.kind === "ambiguous";
}

/** Whether a page of this origin may ask: it is this machine's, its name is one of kt's own, or the profile allows it. */
function isTrusted(origin: string, names: GuardedNames, lookup: Lookup): boolean {
  const parsed = parseOrigin(origin);
  if (parsed !== undefined && (isLocalOrigin(parsed) || isOwnName(names.lookup(parsed.host)))) return true;
  return names.allowedOrigins(lookup).has(origin);
}

/** The origin of a page's address. */
function originOf(address: string): string {
  return /^[^:]+:\/\/[^/?#]*/.exec(address)?.[0] ?? address;
}

/** The page that asks and may not; undefined when there is none. Empty for one that sent no origin. */
function stranger(
  { origins, referer, crossSite, unnamedOwn, topLevel }: Evidence,
  names: GuardedNames,
  lookup: Lookup,
): string | undefined {
  if (topLevel || unnamedOwn) return undefined;
  const foreign = origins.find((origin) => !isTrusted(origin, names, lookup));
  if (foreign !== undefined || origins.length > 0 || !crossSite) return foreign;
  // Images and scripts are asked for without an Origin, also by a page of one's own: every name under .localhost is a site.
  const page = referer === undefined ? "" : originOf(referer);
  return isTrusted(page, names, lookup) || names.allowedOrigins(lookup).hasAll ? undefined : page;
}

const shownCharacters = 100;

function refusal(page: string): KtError {
  const shown = cut(page, shownCharacters);
  if (shown === "") {
    return new KtError("origin-refused", "a page of another site asked for this, and did not say which it is", {
      hints: ["open the address itself, or let the page send its origin and allow that by allow_origins under [http]"],
    });
  }
  const isOrigin = shown === "null" || (parseOrigin(shown) !== undefined && !shown.endsWith("…"));
  const entry = isOrigin ? shown : "https://…";
  return new KtError("origin-refused", `a page of "${shown}" asked for this, and only pages of this machine may`, {
    hints: [`if that page is yours, allow it in the profile: [http] allow_origins = ["${entry}"]`],
  });
}

/**
 * Refuses what a page of another site asks for: without this, any page that the user opens could send requests to every
 * service that kt reaches, and read the answers of WebSockets. `lookup` is where the request would go: its profile says which
 * origins it allows. Requests of programs, which say nothing of pages, pass. Throws KtError `origin-refused`.
 */
export function refuseStrangers(asked: Asked, names: GuardedNames, lookup: Lookup): void {
  if (!isAskedByPage(asked.headers)) return;
  const page = stranger(evidenceOf(asked), names, lookup);
  if (page !== undefined) throw refusal(page);
}
