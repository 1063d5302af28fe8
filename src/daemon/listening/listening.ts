/** Listens on what the attached profiles name, and on what is discovered for them while they are attached. */

import type { ListenAddress, Plan } from "#profile/values/plan.ts";
import { Listeners, type ListenersOptions, type ListenerState } from "./listeners.ts";
import { type Found, wantedBy } from "./reconcile.ts";
import type { DiscoveredPort, Wanted } from "./wanted.ts";

export class Listening {
  readonly #listeners: Listeners;
  #plans: readonly Plan[] = [];
  #found: Found = { ports: [], dns: [] };

  constructor(options: ListenersOptions) {
    this.#listeners = new Listeners(options);
  }

  get wanted(): Wanted {
    return this.#listeners.wanted;
  }

  state(address: string): ListenerState {
    return this.#listeners.state(address);
  }

  isTaken(address: string): boolean {
    return this.#listeners.isTaken(address);
  }

  /** The attached profiles, in the order of their attaching. */
  apply(plans: readonly Plan[]): void {
    this.#plans = plans;
    this.#reconcile();
  }

  /** All that is discovered now, in place of what was before. */
  discover(ports: readonly DiscoveredPort[]): void {
    this.#found = { ...this.#found, ports };
    this.#reconcile();
  }

  /** Where this machine's resolver asks for names now. */
  answerAt(dns: readonly ListenAddress[]): void {
    this.#found = { ...this.#found, dns };
    this.#reconcile();
  }

  /** Resolves when what failed to open has its problem, with the holder's name. */
  async settled(): Promise<void> {
    await this.#listeners.settled();
  }

  close(): void {
    this.#listeners.close();
  }

  #reconcile(): void {
    this.#listeners.apply(wantedBy(this.#plans, this.wanted, this.#found));
  }
}
