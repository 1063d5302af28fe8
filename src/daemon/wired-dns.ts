/** Answers for names where this machine's resolver asks for them since `kt setup dns`, which may come and go while the hub runs. */

import { deepEquals } from "bun";
import type { Clock } from "#base/clock.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import { daemonLimits } from "./limits.ts";
import type { Part } from "./part.ts";

/** The addresses at which it asks this user's hub. */
export type ReadWiring = () => readonly ListenAddress[];

export interface WiredDnsOptions {
  readonly read: ReadWiring;
  readonly clock: Clock;
  readonly onChange: (addresses: readonly ListenAddress[]) => void;
}

export class WiredDns implements Part {
  readonly #options: WiredDnsOptions;
  #addresses: readonly ListenAddress[] = [];
  #cancelLook = (): void => {};

  constructor(options: WiredDnsOptions) {
    this.#options = options;
    this.#look();
  }

  release(): void {
    this.#cancelLook();
  }

  #look(): void {
    const { read, clock, onChange } = this.#options;
    const addresses = read();
    if (!deepEquals(addresses, this.#addresses)) onChange(addresses);
    this.#addresses = addresses;
    this.#cancelLook = clock.after(daemonLimits.setupCheckMs, () => this.#look());
  }
}
