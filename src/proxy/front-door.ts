/** The front door: listening addresses that each take HTTP, HTTP/2 cleartext and TLS. */

import { SpeechMemory } from "#proxy/h2/speech-memory.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import { Door, type OpenAddress } from "#proxy/door/door.ts";
import { Entrance, Visit } from "#proxy/door/entrance.ts";
import { Terminator } from "#proxy/tls/terminator.ts";
import { Backends } from "#proxy/http1/backends.ts";
import { overH2 } from "#proxy/h2/over-h2.ts";
import type { RouteTable } from "#route/table.ts";
import { Arrival, type DoorParts, plainAnswer } from "./arrival.ts";
import { WebRefusals } from "./web-refusal.ts";

export class FrontDoor {
  readonly #parts: DoorParts;

  constructor(context: DoorContext) {
    const door = new Door(context);
    this.#parts = {
      context,
      door,
      backends: new Backends(context.dialer, context.clock, context.idleLimitsOf, overH2),
      speech: new SpeechMemory(context.clock),
      refusals: new WebRefusals(context, door),
      terminator: new Terminator(context.clock, context.authority),
    };
  }

  /** Throws KtError `port-taken` or `listen-failed`. */
  listen(address: { readonly host: string; readonly port: number }, table: RouteTable): OpenAddress<RouteTable> {
    const entrance = new Entrance(this.#parts.context, address.host, table);
    const { port, close } = this.#parts.door.open(
      address,
      (conn, ends) => void new Arrival(conn, new Visit(entrance, ends), this.#parts),
      (problem) => plainAnswer("503 Service Unavailable", problem),
    );
    entrance.port = port;
    return {
      port,
      leadTo(next) {
        entrance.table = next;
      },
      close,
    };
  }

  /** Stops accepting, lets open connections go on for at most `deadlineMs`, then ends them. */
  async drain(deadlineMs: number): Promise<void> {
    await this.#parts.door.drain(deadlineMs);
    this.#parts.backends.close();
  }
}
