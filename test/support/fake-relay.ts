/** A relay in memory, whose flows all lead to an echo. */

import type { Datagrams } from "#base/datagrams.ts";
import type { KtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import type { FlowRelay, RelayPlace } from "#tunnel/flow/flow-relay.ts";
import { MemoryDatagrams } from "./memory-datagrams.ts";

export interface FakeFlow {
  readonly to: string;
  readonly place: RelayPlace;
  /** The end that kt has. */
  readonly near: MemoryDatagrams;
}

export class FakeRelay implements FlowRelay {
  readonly flows: FakeFlow[] = [];
  /** Why there is no relay. */
  problem: KtError | undefined;

  async ready(): Promise<void> {
    if (this.problem) throw this.problem;
  }

  async openFlow(place: RelayPlace, to: { readonly host: string; readonly port: number }): Promise<Datagrams> {
    await this.ready();
    const [near, far] = MemoryDatagrams.pair();
    far.start({ onDatagram: (payload) => void far.send(payload), onUnreachable() {}, onClose() {} });
    this.flows.push({ to: formatHostPort(to), place, near });
    return near;
  }
}
