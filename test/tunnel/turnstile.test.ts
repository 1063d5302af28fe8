/** Limits of connections: who is let in, who waits and for how long, and that no order of events lets in one too many. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { KtError } from "#base/errors.ts";
import { type ConnectionLimits, type Place, Turnstile } from "#tunnel/turnstile.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";

const never = new AbortController().signal;

function rig(limits: Partial<ConnectionLimits>) {
  const clock = new ManualClock();
  const turnstile = new Turnstile(() => ({ inAll: 0, perTarget: 0, waitMs: 1000, ...limits }), clock);
  const place = (name: string): Place => turnstile.place("p", name);
  const enter = (at: Place, signal = never): Promise<string> =>
    at.enter()
      ? Promise.resolve("in")
      : at.wait(signal).then(
          () => "in",
          (error: KtError) => `${error.code}: ${error.message}`,
        );
  return { clock, place, enter, turnstile };
}

describe("one connection too many", () => {
  test("to a target waits, and comes in when another ends, in the order of their coming", async () => {
    const { place, enter } = rig({ perTarget: 1 });
    const web = place("svc/web:80");
    const order: string[] = [];
    expect(await enter(web)).toBe("in");
    const waiting = ["first", "second"].map((name) => enter(web).then(() => order.push(name)));
    await settle();
    expect(order).toEqual([]);
    web.remove();
    await settle();
    expect(order).toEqual(["first"]);
    web.remove();
    await Promise.all(waiting);
    expect(order).toEqual(["first", "second"]);
  });

  test("is refused once it has waited as long as it may, with the setting that has no room", async () => {
    const { clock, place, enter } = rig({ perTarget: 1, inAll: 2, waitMs: 500 });
    const [web, api] = [place("svc/web:80"), place("svc/api:80")];
    await enter(web);
    const late = enter(web);
    await clock.advance(499);
    const other = enter(api);
    expect(await other).toBe("in");
    await clock.advance(1);
    expect(await late).toBe('overloaded: 1 connections to "svc/web:80" are in use, as many as limits.per_target allows');
    const inAll = enter(place("svc/c:80"));
    await clock.advance(500);
    expect(await inAll).toBe("overloaded: 2 connections are in use, as many as limits.connections allows");
    expect(clock.timers).toBe(0);
  });

  test("is refused at once where none may wait, and waits no longer than its client", async () => {
    const { clock, place, enter } = rig({ perTarget: 1, waitMs: 0 });
    const web = place("svc/web:80");
    await enter(web);
    const refused = enter(web);
    await clock.advance(0);
    expect(await refused).toStartWith("overloaded: ");
    const patient = rig({ perTarget: 1 });
    const api = patient.place("svc/api:80");
    await patient.enter(api);
    const client = new AbortController();
    const left = patient.enter(api, client.signal);
    client.abort();
    expect(await left).toStartWith("connection-lost: ");
    expect(patient.clock.timers).toBe(0);
    api.remove();
    expect(await patient.enter(api)).toBe("in");
  });

  test("to one target does not hold back those to others, and each profile has its own", async () => {
    const { place, enter, turnstile } = rig({ perTarget: 1 });
    const [web, api] = [place("svc/web:80"), place("svc/api:80")];
    await enter(web);
    void enter(web);
    expect(await Promise.race([enter(api), settle().then(() => "waits")])).toBe("in");
    expect(turnstile.place("q", "svc/web:80").enter()).toBe(true);
  });
});

describe("a connection that is kept for the next request", () => {
  /** One that is open, and says how often it was ended. */
  function connection(at: Place) {
    const conn = {
      ends: 0,
      abort() {
        conn.ends += 1;
        at.unpark(conn);
        at.remove();
      },
    };
    return conn;
  }

  test("makes room for a new one, the one that has rested longest first", async () => {
    const { place, enter } = rig({ perTarget: 2 });
    const web = place("svc/web:80");
    const [older, newer] = [connection(web), connection(web)];
    for (const conn of [older, newer]) {
      expect(await enter(web)).toBe("in");
      web.park(conn);
    }
    expect(await enter(web)).toBe("in");
    expect([older.ends, newer.ends]).toEqual([1, 0]);
  });

  test("has its room again when it is used, so that a new one waits", async () => {
    const { clock, place, enter } = rig({ inAll: 2 });
    const [web, api] = [place("svc/web:80"), place("svc/api:80")];
    const [first, second] = [connection(web), connection(api)];
    await enter(web);
    await enter(api);
    for (const [at, conn] of [
      [web, first],
      [api, second],
    ] as const)
      at.park(conn);
    web.unpark(first);
    api.unpark(second);
    let how = "";
    void enter(web).then((outcome) => (how = outcome));
    await clock.advance(999);
    expect(how).toBe("");
    // What another target keeps makes room for those that wait, as soon as it rests.
    api.park(second);
    await settle();
    expect([how, second.ends, first.ends]).toEqual(["in", 1, 0]);
  });
});

test("whatever comes, rests and goes: never more open than allowed, and none waits while there is room or one rests", async () => {
  const action = fc.record({ at: fc.nat(2), kind: fc.constantFrom("enter", "leave", "park", "unpark", "advance") });
  await fc.assert(
    fc.asyncProperty(fc.nat(3), fc.nat(3), fc.array(action, { maxLength: 60 }), async (inAll, perTarget, actions) => {
      const { clock, place, enter } = rig({ inAll, perTarget, waitMs: 100 });
      const model = ["a", "b", "c"].map((name) => ({ at: place(name), busy: new Set<Conn>(), resting: new Set<Conn>(), waiting: 0 }));
      type Target = (typeof model)[number];
      class Conn {
        readonly #of: Target;
        constructor(of: Target) {
          this.#of = of;
        }
        abort(): void {
          this.#of.at.unpark(this);
          this.#of.busy.delete(this);
          this.#of.resting.delete(this);
          this.#of.at.remove();
        }
      }
      const come = (target: Target): void => {
        target.waiting += 1;
        void enter(target.at).then((how) => {
          target.waiting -= 1;
          if (how === "in") target.busy.add(new Conn(target));
        });
      };
      const act: Record<string, (target: Target) => void> = {
        enter: come,
        leave: ({ busy }) => [...busy][0]?.abort(),
        park({ at, busy, resting }) {
          const [conn] = busy;
          if (!conn) return;
          busy.delete(conn);
          resting.add(conn);
          at.park(conn);
        },
        unpark({ at, busy, resting }) {
          const [conn] = resting;
          if (!conn) return;
          resting.delete(conn);
          busy.add(conn);
          at.unpark(conn);
        },
      };
      for (const { at, kind } of actions) {
        const target = model[at] as Target;
        if (kind === "advance") await clock.advance(100);
        else act[kind]?.(target);
        await settle();
        const open = model.map(({ busy, resting }) => busy.size + resting.size);
        const total = open.reduce((sum, count) => sum + count, 0);
        const isResting = model.some(({ resting }) => resting.size > 0);
        if (inAll > 0) expect(total).toBeLessThanOrEqual(inAll);
        for (const [index, { waiting, resting }] of model.entries()) {
          const count = open[index] ?? 0;
          if (perTarget > 0) expect(count).toBeLessThanOrEqual(perTarget);
          const hasRoomHere = perTarget === 0 || count < perTarget || resting.size > 0;
          const hasRoomInAll = inAll === 0 || total < inAll || isResting;
          expect(waiting > 0 && hasRoomHere && hasRoomInAll).toBe(false);
        }
      }
    }),
    { numRuns: 200 },
  );
});
