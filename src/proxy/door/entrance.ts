/** One listening address of the front door, and what its clients find there: routes, and pages that are for the hub's own user. */

import type { SocketEnds } from "#net/tcp.ts";
import { type OwnRequest, ownPage } from "#proxy/pages/own-pages.ts";
import { isIndexName } from "#proxy/pages/index-names.ts";
import type { Answer } from "#proxy/pages/refusal.ts";
import { asTheClusterSays } from "#route/app-protocol.ts";
import type { Found } from "#route/lookup.ts";
import type { Termination } from "#route/route-tls.ts";
import type { RouteTable } from "#route/table.ts";
import { headerValue } from "#wire/http-head.ts";
import type { DoorContext } from "./context.ts";
import { decide, decideRequest, withoutNames } from "./decide.ts";
import type { Asked } from "./guard.ts";

/** Where the requests of one client connection go. */
export interface Router {
  /** By the host as sent; throws KtError. */
  decide(host: string, request: Asked): Found;
  /** Our own answer to a request that has no route; throws KtError for a client that may not see it. */
  ownPage?(request: OwnRequest): Answer | undefined;
}

export class Entrance {
  readonly context: DoorContext;
  readonly host: string;
  /** The port in use; 0 until there is one. */
  port = 0;
  /** New requests follow this table; those under way go on. */
  table: RouteTable;

  constructor(context: DoorContext, host: string, table: RouteTable) {
    this.context = context;
    this.host = host;
    this.table = table;
  }

  /** Without a request, by what TLS says before it. What the cluster says of the port counts where the profile is silent. */
  find(host: string, request: Asked | undefined): Found {
    const found = request === undefined ? decide(this.table, host) : decideRequest(this.table, host, request, this.port);
    if (found.manner?.schemeGiven !== false) return found;
    return asTheClusterSays(found, this.context.dialer.appProtocol?.(found.target));
  }
}

/**
 * A browser of the hub's own user signs in to kt's own pages by an address that others may read in the list of processes, and sends its
 * cookie to whatever listens at another port of that name. With either, another user would be taken for the hub's own.
 */
function isOfSession({ target }: Found, request: Asked | undefined): boolean {
  if (target.kind !== "builtin" || request === undefined) return false;
  const asked = request.target ?? request.path ?? "";
  return /^(?:[a-z]+:\/\/[^/]*)?\/sign-in/i.test(asked) || headerValue(request.headers, "cookie") !== undefined;
}

/** The entrance as one client connection sees it. Whose that is, is asked at most once for dynamic names. */
export class Visit implements Router {
  readonly entrance: Entrance;
  readonly #ends: () => SocketEnds | undefined;
  #isOwnerKnown = false;

  constructor(entrance: Entrance, ends: () => SocketEnds | undefined) {
    this.entrance = entrance;
    this.#ends = ends;
  }

  decide(host: string, request?: Asked): Found {
    let found: Found;
    try {
      found = this.entrance.find(host, request);
    } catch (error) {
      // The names of other routes are for the hub's own user, as the index is.
      throw this.#isOwner() ? error : withoutNames(error);
    }
    if ((found.via === "dynamic" || isOfSession(found, request)) && !this.#isOwnerKnown) {
      this.#checkOwner();
      this.#isOwnerKnown = true;
    }
    return found;
  }

  /** Of a name of kt's own that no route has, such as localhost; undefined where TLS to it is refused. */
  ownTls(host: string): Termination | undefined {
    const { table } = this.entrance;
    return isIndexName(host) && table.lookup(host).kind === "unknown" ? table.ownTls : undefined;
  }

  /** The index too is for the hub's own user: `kt status` is. */
  ownPage(request: OwnRequest): Answer | undefined {
    return ownPage(request, () => {
      this.#checkOwner();
      return this.entrance.context.profiles?.() ?? [];
    });
  }

  /** Throws KtError for a client that belongs to another user. */
  #checkOwner(): void {
    const { checkOwner } = this.entrance.context;
    const ends = checkOwner && this.#ends();
    if (ends) checkOwner?.(ends);
  }

  #isOwner(): boolean {
    try {
      this.#checkOwner();
      return true;
    } catch {
      return false;
    }
  }
}
