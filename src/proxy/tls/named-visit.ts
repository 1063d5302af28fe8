/** The inside of a TLS connection that kt terminates: it is for the name in its certificate, and requests for another are refused. */

import type { OwnRequest } from "#proxy/pages/own-pages.ts";
import { KtError } from "#base/errors.ts";
import { parseAuthority } from "#base/hostname.ts";
import type { Answer } from "#proxy/pages/refusal.ts";
import { refuseClient } from "#proxy/pages/without-tls.ts";
import type { Found } from "#route/lookup.ts";
import type { Router } from "#proxy/door/entrance.ts";
import type { Asked } from "#proxy/door/guard.ts";

export class NamedVisit implements Router {
  readonly #name: string;
  readonly #inner: Router;
  readonly #stranger: string | undefined;

  /** `stranger`: why the client is none of those that may come in. */
  constructor(name: string, inner: Router, stranger: string | undefined) {
    this.#name = name;
    this.#inner = inner;
    this.#stranger = stranger;
  }

  decide(host: string, request: Asked): Found {
    if (bareName(host) !== this.#name) {
      throw new KtError("misdirected", `this connection was opened for "${this.#name}", and the request is for "${host}"`, {
        hints: ["open another connection for the other name"],
      });
    }
    if (this.#stranger !== undefined) throw refuseClient(this.#name, this.#stranger);
    return this.#inner.decide(host, request);
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
