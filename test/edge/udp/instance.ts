/** One of several instances of an edge that follow each other, as far as UDP goes. */

import { systemClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { HandOver } from "#edge/handover/hand-over.ts";
import { takeOver } from "#edge/handover/take-over.ts";
import { UdpDoors } from "#edge/udp/udp-doors.ts";
import type { UdpUplinks } from "#edge/udp/udp-sessions.ts";
import type { UdpEdgeBinding } from "#expose/host/edge-document.ts";
import { binding } from "./rig.ts";

export interface InstanceOptions {
  readonly edgeAddress?: string;
  readonly uplinkPort: number;
}

export class Instance {
  readonly doors: UdpDoors;
  hasLeft = false;
  readonly #path: string;
  readonly #handOver: HandOver;

  constructor(path: string, uplinks: UdpUplinks, { edgeAddress = "127.77.1.1", uplinkPort }: InstanceOptions) {
    this.#path = path;
    this.doors = new UdpDoors({
      hosts: ["127.0.0.1"],
      uplinks,
      clock: systemClock,
      log: silentLog,
      settings: () => ({ edgeAddress, maxSocketBufferBytes: 4 << 20 }),
      onChange() {},
      uplinkPort,
    });
    this.#handOver = new HandOver({
      path,
      clock: systemClock,
      log: silentLog,
      predecessor: {
        offer: () => this.doors.offer(),
        giveAway: () => this.doors.giveAway(),
        leave: () => {
          this.hasLeft = true;
          this.doors.leave();
          return Promise.resolve();
        },
      },
    });
  }

  close(): void {
    this.#handOver.close();
    this.doors.close();
  }

  /** As an edge does. */
  async start(port = 0, change: Partial<UdpEdgeBinding> = {}): Promise<void> {
    const serving = Promise.withResolvers<void>();
    const { settled } = await takeOver({
      path: this.#path,
      clock: systemClock,
      log: silentLog,
      successor: {
        ready: () => Promise.resolve(),
        openBeside: (udp) => udp && this.doors.openBeside(udp),
        adopt: (sessions) => this.doors.adopt(sessions),
        claim: () => this.#handOver.listen(serving.promise),
      },
    });
    this.doors.lead([binding({ ...change, listenPort: port })]);
    void settled.then(serving.resolve);
  }

  get port(): number {
    return this.doors.portOf("shop/dns/udp") ?? 0;
  }
}
