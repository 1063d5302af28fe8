/** The origins of web pages (RFC 6454): which are this machine's own, and which a profile allows besides. */

import { bracketed, normaliseHostname, parseAuthority } from "#base/hostname.ts";
import { KtError } from "#base/errors.ts";

/** Where a page came from, as a browser writes it in an Origin header. */
export interface Origin {
  /** Lower case, without the colon. */
  readonly scheme: string;
  /** Lower case; an IPv6 address without brackets. */
  readonly host: string;
  /** Undefined is the scheme's own. */
  readonly port: number | undefined;
}

const defaultPorts: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** Undefined for what is not an origin of a page, such as `null` and lists. */
export function parseOrigin(text: string): Origin | undefined {
  const [, scheme, rest = ""] = /^([a-z][a-z0-9+.-]*):\/\/(.+)$/i.exec(text) ?? [];
  const authority = parseAuthority(rest);
  if (scheme === undefined || authority === undefined) return undefined;
  const host = authority.host.includes(":") ? authority.host.toLowerCase() : normaliseHostname(authority.host);
  if (host === undefined) return undefined;
  const lower = scheme.toLowerCase();
  return { scheme: lower, host, port: authority.port === defaultPorts[lower] ? undefined : authority.port };
}

const loopbackV4 = /^127\.(25[0-5]|2[0-4]\d|1?\d?\d)\.(25[0-5]|2[0-4]\d|1?\d?\d)\.(25[0-5]|2[0-4]\d|1?\d?\d)$/;

/** A page that this machine serves: its name cannot lead elsewhere (RFC 6761 §6.3, RFC 1122 §3.2.1.3). */
export function isLocalOrigin({ scheme, host }: Origin): boolean {
  if (scheme !== "http" && scheme !== "https") return false;
  return host === "localhost" || host.endsWith(".localhost") || host === "::1" || loopbackV4.test(host);
}

/** The origin as browsers write it. */
function formatOrigin({ scheme, host, port }: Origin): string {
  return `${scheme}://${bracketed(host)}${port === undefined ? "" : `:${port}`}`;
}

/** The origins that a profile allows, as `parseAllowedOrigin` returns them. */
export class AllowedOrigins {
  readonly #rules: ReadonlySet<string>;

  constructor(rules: readonly string[]) {
    this.#rules = new Set(rules);
  }

  /** `origin` as sent. */
  has(origin: string): boolean {
    if (this.#rules.has("*") || this.#rules.has(origin)) return true;
    const parsed = parseOrigin(origin);
    if (parsed === undefined) return false;
    const wildcard = { ...parsed, host: parsed.host.replace(/^[^.]+/, "*") };
    return this.#rules.has(formatOrigin(parsed)) || this.#rules.has(formatOrigin(wildcard));
  }

  /** Pages that send no origin are only allowed where every page is. */
  get hasAll(): boolean {
    return this.#rules.has("*");
  }
}

const example = '"https://app.example.com", "https://*.example.com" or "*"';

function refuse(text: string, why: string, hint: string): never {
  throw new KtError("profile-invalid", `"${text}" ${why}`, { hints: [hint] });
}

/**
 * An entry of `allow_origins` in its normal form: an origin, one with `*` as its first label, `null` (pages from files, and
 * documents in a sandbox), or `*` for every page. Throws KtError `profile-invalid` with a hint.
 */
export function parseAllowedOrigin(text: string): string {
  if (text === "*" || text === "null") return text;
  const [, scheme, authority = "", path = ""] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/i.exec(text) ?? [];
  if (scheme === undefined) refuse(text, "is not an origin: its scheme is missing", `write "https://${text.replace(/^\/*|\/.*$/g, "")}"`);
  if (path !== "") refuse(text, "is more than an origin", `write "${scheme}://${authority}", without a path`);
  const origin = parseOrigin(`${scheme}://${authority.replace(/^\*\./, "x.")}`);
  if (origin === undefined && authority.includes("*")) refuse(text, "has a * that is not its whole first label", `for example ${example}`);
  if (origin === undefined) refuse(text, "is not an origin", `for example ${example}`);
  return formatOrigin(authority.startsWith("*.") ? { ...origin, host: origin.host.replace(/^x/, "*") } : origin);
}
