/** Joins a client of a proxy to what it asked for, byte for byte, once the answer of its protocol is sent. */

import type { Conn } from "#base/conn.ts";
import { type KtError, toKtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import { toProblem } from "#observe/events.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import type { Door } from "#proxy/door/door.ts";
import { passThrough } from "#proxy/door/passthrough.ts";
import { firstAnswer } from "#proxy/first-answer.ts";
import { PortRefusals } from "#proxy/port-refusals.ts";
import { sayLast } from "#proxy/say-last.ts";
import type { Found } from "#route/lookup.ts";
import type { RequestHead } from "#wire/http-head.ts";
import { PageWatch } from "./page-watch.ts";
import type { AskedNames, ProxyAnswers, ProxyVisit } from "./proxy-visit.ts";
import { connectAnswers, refusePages } from "./web-proxy.ts";

export interface TunnelRequest {
  readonly host: string;
  readonly port: number;
  readonly visit: ProxyVisit;
  readonly answers: ProxyAnswers;
}

export class ProxyTunnels {
  readonly #context: DoorContext;
  readonly #door: Door;
  readonly #refusals: PortRefusals;

  constructor(context: DoorContext, door: Door) {
    this.#context = context;
    this.#door = door;
    this.#refusals = new PortRefusals(context, door);
  }

  /** Takes the Conn over, which is paused. */
  open(conn: Conn, { host, port, visit, answers }: TunnelRequest): void {
    let found: Found;
    try {
      found = visit.find(host, port);
    } catch (error) {
      this.refuse(conn, formatHostPort({ host, port }), toKtError(error, "internal", "find what was asked for"), answers);
      return;
    }
    const leave = this.#door.hold(conn);
    const authority = formatHostPort({ host, port });
    const watched = new PageWatch(
      conn,
      (head) => pageRefusal(head, authority, visit.names),
      (error, head) => this.refuse(conn, authority, error, connectAnswers(head)),
    );
    let isOpen = false;
    void passThrough(watched, found, this.#context, this.#door.closing, {
      expect: (link, count) => {
        isOpen = true;
        conn.write(answers.opened);
        return firstAnswer(watched, link.conn, count);
      },
      onRefused: (error) => {
        if (isOpen) this.#refusals.refuse(conn, [port], error, leave);
        else sayLast(conn, answers.refused(error), this.#context.clock, leave);
      },
      onClosed: leave,
    });
  }

  /** Takes the Conn over, which is paused. `name` is what its client asked for. */
  refuse(conn: Conn, name: string, error: KtError, answers: Pick<ProxyAnswers, "refused">): void {
    this.#context.report({ type: "refused", name, problem: toProblem(error) });
    sayLast(conn, answers.refused(error), this.#context.clock, this.#door.hold(conn));
  }
}

/** Why the page that asks may not; undefined where no page has a part in it. */
function pageRefusal(head: RequestHead, authority: string, names: AskedNames): KtError | undefined {
  try {
    refusePages(head, authority, names, names.lookup(authority));
    return undefined;
  } catch (error) {
    return toKtError(error, "origin-refused", "look who asks");
  }
}
