/** A link: an open connection to a pod as the front door holds it, with parking. */

import type { Conn } from "#base/conn.ts";
import type { TargetConn } from "./target-conn.ts";

/** What a link needs to know of its tunnel. */
export interface LinkOwner {
  /** Whether new requests should still go to this pod. */
  isCurrent(pod: string): boolean;
  parked(isParked: boolean): void;
}

export class Link {
  readonly #conn: TargetConn;
  readonly #owner: LinkOwner;
  #parked = false;

  constructor(conn: TargetConn, owner: LinkOwner) {
    this.#conn = conn;
    this.#owner = owner;
  }

  get conn(): Conn {
    return this.#conn;
  }

  get pod(): string {
    return this.#conn.pod;
  }

  get appProtocol(): string | undefined {
    return this.#conn.appProtocol;
  }

  get isParked(): boolean {
    return this.#parked;
  }

  usable(): boolean {
    return this.#conn.open && this.#owner.isCurrent(this.#conn.pod);
  }

  park(): void {
    if (this.#parked) return;
    this.#parked = true;
    this.#owner.parked(true);
  }

  unpark(): void {
    if (!this.#parked) return;
    this.#parked = false;
    this.#owner.parked(false);
  }
}
