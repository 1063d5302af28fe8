/** Refuses clients of bare ports, each in the protocol that it speaks, also inside TLS. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import type { Door } from "#proxy/door/door.ts";
import { refuseTcp } from "./tcp-refusal.ts";
import { WebRefusals } from "./web-refusal.ts";

export class PortRefusals {
  readonly #clock: Clock;
  readonly #web: WebRefusals;

  constructor(context: DoorContext, door: Door) {
    this.#clock = context.clock;
    this.#web = new WebRefusals(context, door);
  }

  /** Takes the Conn over, which is paused and holds all that its client said. `ports` is what it may have been meant for. */
  refuse(conn: Conn, ports: readonly (string | number)[], error: KtError, onClosed: () => void): void {
    const onWeb = (kind: "tls" | "http1" | "h2"): void => {
      onClosed();
      if (kind !== "tls") this.#web.refuse(conn, kind, error, "http");
      else void this.#web.accept(conn, undefined, (inside) => this.refuse(inside, ports, error, () => {}));
    };
    refuseTcp(conn, { error, ports, clock: this.#clock, onWeb, onClosed });
  }
}
