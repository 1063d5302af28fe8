/** TCP doors: local ports that lead to one target each, for any protocol. */

import type { Conn } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";
import { toProblem } from "#observe/events.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import { Door, type OpenAddress } from "#proxy/door/door.ts";
import { firstAnswer } from "./first-answer.ts";
import { type PassthroughRoute, passThrough } from "#proxy/door/passthrough.ts";
import type { Target } from "#route/target.ts";
import { PortRefusals } from "./port-refusals.ts";

/** Ports lead into clusters only: the hub's own pages have names. */
type PortRoute = PassthroughRoute & { readonly target: Target };

export class TcpDoor {
  readonly #context: DoorContext;
  readonly #door: Door;
  readonly #refusals: PortRefusals;

  constructor(context: DoorContext) {
    this.#context = context;
    this.#door = new Door(context);
    this.#refusals = new PortRefusals(context, this.#door);
  }

  /** Throws KtError `port-taken` or `listen-failed`. */
  listen(address: { readonly host: string; readonly port: number }, route: PortRoute): OpenAddress<PortRoute> {
    let current = route;
    const words = (problem: KtError): [] => {
      const counters = this.#context.counters.of(current.profile, current.route);
      counters.failed(toProblem(problem), this.#context.clock.wallMs());
      return [];
    };
    const { port, close } = this.#door.open(address, (conn) => this.#accept(conn, current), words);
    return {
      port,
      leadTo(next) {
        current = next;
      },
      close,
    };
  }

  /** Stops accepting, lets open connections go on for at most `deadlineMs`, then ends them. */
  drain(deadlineMs: number): Promise<void> {
    return this.#door.drain(deadlineMs);
  }

  #accept(conn: Conn, route: PassthroughRoute): void {
    const onClosed = this.#door.hold(conn);
    void passThrough(conn, route, this.#context, this.#door.closing, {
      expect: (link, count) => firstAnswer(conn, link.conn, count),
      onRefused: (error) => this.#refuse(conn, route, error, onClosed),
      onClosed,
    });
  }

  #refuse(conn: Conn, route: PassthroughRoute, error: KtError, onClosed: () => void): void {
    const localPort = route.route.slice(route.route.lastIndexOf(":") + 1);
    this.#refusals.refuse(conn, [route.target.port, localPort], error, onClosed);
  }
}
