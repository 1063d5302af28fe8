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

test("whatever comes and goes: never more than allowed, and none waits while there is room", async () => {
  const action = fc.record({ at: fc.nat(2), kind: fc.constantFrom("enter", "leave", "advance") });
  await fc.assert(
    fc.asyncProperty(fc.nat(3), fc.nat(3), fc.array(action, { maxLength: 40 }), async (inAll, perTarget, actions) => {
      const { clock, place, enter } = rig({ inAll, perTarget, waitMs: 100 });
      const places = [place("a"), place("b"), place("c")];
      const inUse = [0, 0, 0];
      let waiting = [0, 0, 0];
      for (const { at, kind } of actions) {
        if (kind === "advance") await clock.advance(100);
        else if (kind === "leave" && (inUse[at] ?? 0) > 0) {
          inUse[at] = (inUse[at] ?? 0) - 1;
          places[at]?.remove();
        } else if (kind === "enter") {
          waiting[at] = (waiting[at] ?? 0) + 1;
          void enter(places[at] as Place).then((how) => {
            waiting[at] = (waiting[at] ?? 0) - 1;
            if (how === "in") inUse[at] = (inUse[at] ?? 0) + 1;
          });
        }
        await settle();
        const total = inUse.reduce((sum, count) => sum + count, 0);
        const hasRoom = (count: number): boolean => (perTarget === 0 || count < perTarget) && (inAll === 0 || total < inAll);
        if (inAll > 0) expect(total).toBeLessThanOrEqual(inAll);
        if (perTarget > 0) expect(Math.max(...inUse)).toBeLessThanOrEqual(perTarget);
        for (const [index, count] of inUse.entries()) expect((waiting[index] ?? 0) > 0 && hasRoom(count)).toBe(false);
      }
      waiting = [];
    }),
    { numRuns: 200 },
  );
});
