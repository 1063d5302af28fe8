/** The inside of a TLS connection that kt terminates: it is for the name in its certificate, and requests for another are refused. */

import type { OwnRequest } from "#proxy/pages/own-pages.ts";
import { KtError } from "#base/errors.ts";
import { parseAuthority } from "#base/hostname.ts";
import type { Answer } from "#proxy/pages/refusal.ts";
import { refuseClient } from "#proxy/pages/without-tls.ts";
import type { Found } from "#route/lookup.ts";
import type { Router } from "#proxy/door/entrance.ts";
import type { Asked } from "#proxy/door/guard.ts";

/** What the handshake has shown of a client. */
export interface TlsClient {
  /** It has said which name it wants. */
  readonly isNamed: boolean;
  /** Why it is none of those that may come in. */
  readonly stranger: string | undefined;
}

export class NamedVisit implements Router {
  readonly #name: string;
  readonly #inner: Router;
  readonly #client: TlsClient;

  constructor(name: string, inner: Router, client: TlsClient) {
    this.#name = name;
    this.#inner = inner;
    this.#client = client;
  }

  decide(host: string, request: Asked): Found {
    if (bareName(host) !== this.#name) throw this.#misdirected(host);
    const { stranger } = this.#client;
    if (stranger !== undefined) throw refuseClient(this.#name, stranger);
    return this.#inner.decide(host, request);
  }

  #misdirected(host: string): KtError {
    const [opened, hint] = this.#client.isNamed
      ? [`this connection was opened for "${this.#name}"`, "open another connection for the other name"]
      : ["the TLS client did not say which name it wants (no SNI)", "connect by the name instead of an address"];
    return new KtError("misdirected", `${opened}, and the request is for "${host}"`, { hints: [hint] });
  }

  ownPage(request: OwnRequest): Answer | undefined {
    return this.#inner.ownPage?.(request);
  }
}

/** As certificates have it: lower case, without port, brackets and trailing dot. */
export function bareName(host: string): string {
  const name = (parseAuthority(host)?.host ?? host).toLowerCase();
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
