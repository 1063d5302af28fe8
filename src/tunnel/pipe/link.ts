/** A link: an open connection to a pod as the front door holds it, with parking. */

import type { Conn } from "#base/conn.ts";
import type { PodStream } from "./pod-stream.ts";

/** What a link needs to know of its tunnel. */
export interface LinkOwner {
  /** Whether new requests should still go to this pod. */
  isCurrent(pod: string): boolean;
  parked(isParked: boolean): void;
}

export class PodLink {
  readonly #stream: PodStream;
  readonly #owner: LinkOwner;
  #parked = false;

  constructor(stream: PodStream, owner: LinkOwner) {
    this.#stream = stream;
    this.#owner = owner;
  }

  get conn(): Conn {
    return this.#stream;
  }

  get pod(): string {
    return this.#stream.pod;
  }

  get appProtocol(): string | undefined {
    return this.#stream.appProtocol;
  }

  get isParked(): boolean {
    return this.#parked;
  }

  usable(): boolean {
    return this.#stream.open && this.#owner.isCurrent(this.#stream.pod);
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
