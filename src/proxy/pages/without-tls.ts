/** Requests without TLS for names that kt speaks TLS for: served, sent on to https://, or refused where a client has to show who it is. Pure. */

import { KtError } from "#base/errors.ts";
import { parseAuthority } from "#base/hostname.ts";
import type { Found } from "#route/lookup.ts";
import { type Answer, ownAnswer } from "./refusal.ts";

export interface PlainRequest {
  /** As sent. */
  readonly host: string;
  /** As sent: a path, or an absolute address. */
  readonly target: string;
}

/** The answer where the request is not to be served without TLS. Throws KtError `client-certificate`. */
export function withoutTls({ tls, route }: Found, scheme: "http" | "https", { host, target }: PlainRequest): Answer | undefined {
  if (tls === undefined || scheme === "https") return undefined;
  if (tls.redirects) {
    const place = parseAuthority(host)?.port === undefined && !tls.hasDefaultPort ? `${host}:80` : host;
    return ownAnswer(308, "text", "", [["Location", `https://${place}${target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "")}`]]);
  }
  if (tls.clientCa !== undefined) throw refuseClient(route, "this request came without TLS");
  return undefined;
}

export function refuseClient(name: string, why: string): KtError {
  return new KtError("client-certificate", `"${name}" is for clients with a certificate of its client_ca only: ${why}`, {
    hints: [`curl --cert CLIENT.pem https://${name}/`],
  });
}
