/** UDP doors: local ports that lead to one target each, with a session for each client address. */

import { listenUdp, type UdpListener, type UdpPeer } from "#net/udp.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import type { OpenAddress } from "#proxy/door/door.ts";
import type { UdpRoute } from "./udp-session.ts";
import { UdpSessions } from "./udp-sessions.ts";

export class UdpDoor {
  readonly #context: DoorContext;
  readonly #open = new Set<OpenAddress<UdpRoute>>();

  constructor(context: DoorContext) {
    this.#context = context;
  }

  /** Throws KtError `port-taken` or `listen-failed`. */
  listen(address: UdpPeer, route: UdpRoute): OpenAddress<UdpRoute> {
    const listener: UdpListener = listenUdp({ ...address, onDatagram: (payload, from) => sessions.received(payload, from) });
    const newSessions = (to: UdpRoute): UdpSessions =>
      new UdpSessions({ context: this.#context, route: to, send: (payload, client) => listener.send(payload, client) });
    let sessions = newSessions(route);
    const open: OpenAddress<UdpRoute> = {
      port: listener.port,
      // A session lasts as long as its client speaks: left alone, a client that never pauses would never come to the new target.
      leadTo(next) {
        sessions.close();
        sessions = newSessions(next);
      },
      close: () => {
        this.#open.delete(open);
        listener.close();
        sessions.close();
      },
    };
    this.#open.add(open);
    return open;
  }

  /** UDP has no end that could be waited for: what has not arrived by now is lost, as it may be on any network. */
  async drain(): Promise<void> {
    for (const open of [...this.#open]) open.close();
  }
}
