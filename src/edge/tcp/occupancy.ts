/** How many connections are open: in all, of each source and of each binding, and whether one more may come. */

import { edgeLimits } from "#edge/limits.ts";
import type { TcpRefusal } from "./tcp-counters.ts";

class Tally {
  readonly #counts = new Map<string, number>();

  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string): void {
    this.#counts.set(key, this.of(key) + 1);
  }

  remove(key: string): void {
    const left = this.of(key) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }
}

export class Occupancy {
  readonly #sources = new Tally();
  readonly #bindings = new Tally();
  #all = 0;

  /** By binding; those without are left out. */
  get ofBindings(): ReadonlyMap<string, number> {
    return this.#bindings.counts;
  }

  /** Why a connection of this source cannot come; counts it where it can. */
  enter(source: string): TcpRefusal | undefined {
    if (this.#all >= edgeLimits.tcpConnections) return "limit";
    if (this.#sources.of(source) >= edgeLimits.tcpConnectionsPerSource) return "sourceLimit";
    this.#all += 1;
    this.#sources.add(source);
    return undefined;
  }

  leave(source: string): void {
    this.#all -= 1;
    this.#sources.remove(source);
  }

  /** The same, once it is known whose connection it is. */
  enterBinding(id: string): TcpRefusal | undefined {
    if (this.#bindings.of(id) >= edgeLimits.tcpConnectionsPerBinding) return "bindingLimit";
    this.#bindings.add(id);
    return undefined;
  }

  leaveBinding(id: string): void {
    this.#bindings.remove(id);
  }
}
