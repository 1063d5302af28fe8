/** What clients of a proxy may ask for, and who may ask for it: by name and port, for SOCKS and HTTP alike. */

import type { KtError } from "#base/errors.ts";
import type { SocketEnds } from "#net/tcp.ts";
import { foundOf } from "#proxy/door/decide.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import type { GuardedNames } from "#proxy/door/guard.ts";
import { formatHostPort } from "#base/hostname.ts";
import type { Found } from "#route/lookup.ts";

/** What one proxy address leads to. The port of an authority counts; without one it is that of HTTP. */
export type AskedNames = GuardedNames;

/** One client connection of a proxy. Whose that is, is asked at most once, for names that no route has. */
export class ProxyVisit {
  readonly #names: () => AskedNames;
  readonly #checkOwner: DoorContext["checkOwner"];
  readonly #ends: () => SocketEnds | undefined;
  #isOwnerKnown = false;

  constructor(names: () => AskedNames, { checkOwner }: Pick<DoorContext, "checkOwner">, ends: () => SocketEnds | undefined) {
    this.#names = names;
    this.#checkOwner = checkOwner;
    this.#ends = ends;
  }

  get names(): AskedNames {
    return this.#names();
  }

  /** Throws KtError `host-…` or `name-refused`. */
  find(host: string, port: number): Found {
    return this.allowed(foundOf(this.names.lookup(formatHostPort({ host, port }))));
  }

  /** Throws KtError `name-refused` for a client that belongs to another user. */
  allowed(found: Found): Found {
    if (found.via !== "dynamic" || this.#isOwnerKnown) return found;
    const ends = this.#checkOwner && this.#ends();
    if (ends) this.#checkOwner?.(ends);
    this.#isOwnerKnown = true;
    return found;
  }
}

/** How one protocol of proxies answers. */
export interface ProxyAnswers {
  /** What is sent once the connection is open. */
  readonly opened: Uint8Array;
  /** What is sent where it is not. */
  refused(error: KtError): readonly Uint8Array[];
}
