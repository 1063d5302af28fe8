/** Who a request comes from and what it may do: tokens, impersonation, and the permissions that tests take away. */

import type { ServerRequest } from "#http/server.ts";
import type { ResourceName } from "./status.ts";
import { headerValue } from "#wire/http-head.ts";

/** The user that a token belongs to; undefined when it is not accepted. */
export type TokenCheck = (token: string | undefined) => string | undefined;

export class AccessControl {
  /** May do everything that is not forbidden. */
  readonly owner: string;
  #check: TokenCheck;
  readonly #denied = new Set<string>();
  /** What users other than the owner may do, as "USER VERB RESOURCE". */
  readonly #granted = new Set<string>();

  constructor(owner: string, token: string) {
    this.owner = owner;
    this.#check = (given) => (given === token ? owner : undefined);
  }

  /** Replaces the check of tokens. */
  requireToken(check: TokenCheck): void {
    this.#check = check;
  }

  /** Takes a permission from everybody. `resource` is the plural, perhaps with a subresource: "pods/portforward". */
  forbid(verb: string, resource: string): void {
    this.#denied.add(`${verb} ${resource}`);
  }

  allowAgain(): void {
    this.#denied.clear();
  }

  /** Allows something to a user whom the owner impersonates. */
  grant(user: string, verb: string, resource: string): void {
    this.#granted.add(`${user} ${verb} ${resource}`);
  }

  /** The user behind a request, after impersonation; undefined for 401. */
  userOf({ head }: ServerRequest): string | undefined {
    const [scheme, token] = (headerValue(head.headers, "authorization") ?? "").split(" ");
    const user = this.#check(scheme === "Bearer" ? token : undefined);
    return user === undefined ? undefined : (headerValue(head.headers, "impersonate-user") ?? user);
  }

  /** Users other than the owner exist only through impersonation, and may do what was granted. */
  allows(user: string, verb: string, { resource }: Pick<ResourceName, "resource">): boolean {
    const may = user === this.owner || this.#granted.has(`${user} ${verb} ${resource}`);
    return may && !this.#denied.has(`${verb} ${resource}`);
  }
}
