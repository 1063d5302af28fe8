/** HTTP/1 connections to pods: to ones that do not behave, and for many requests at once. */

import { serviceTarget } from "#test/support/service-target.ts";
import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { memoryPair } from "#test/support/memory-conn.ts";
import type { Backend } from "#proxy/http1/backend.ts";
import { Backends } from "#proxy/http1/backends.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";
import { Recorder } from "#test/support/recorder.ts";

test("a pod that does not answer the TLS handshake is given up, with the next request's connection free to open", async () => {
  const clock = new ManualClock();
  const pods: Recorder[] = [];
  const dial = () => {
    const [near, far] = memoryPair();
    pods.push(new Recorder(far));
    return Promise.resolve({ conn: near, pod: "web-1", usable: () => true, park() {}, unpark() {} });
  };
  const backends = new Backends({ dial }, clock);
  const target = serviceTarget("web", 443);
  const request = { target, scheme: "https", host: "web.localhost", repeatable: true } as const;
  const open = () => backends.open(request, new AbortController().signal).then(String, String);
  for (let round = 1; round <= proxyLimits.openingBackends + 1; round++) {
    const opened = open();
    await settle();
    expect(pods.length).toBe(round);
    await clock.advance(proxyLimits.backendTlsMs);
    expect(await opened).toContain('pod "web-1" did not agree to TLS: no answer within 10 s');
    await pods.at(-1)?.untilClosed();
  }
});

describe("many requests at once", () => {
  const target = serviceTarget("web");
  const request = { target, scheme: "http", host: "web.localhost", repeatable: true } as const;
  const count = 3 * proxyLimits.openingBackends;

  function burst() {
    const clock = new ManualClock();
    let dials = 0;
    const dial = () => {
      dials += 1;
      return Promise.resolve({ conn: memoryPair()[0], pod: "web-1", usable: () => true, park() {}, unpark() {} });
    };
    const backends = new Backends({ dial }, clock);
    const served: Backend[] = [];
    for (let at = 0; at < count; at++) void backends.open(request, new AbortController().signal).then((backend) => served.push(backend));
    return { clock, backends, served, dials: () => dials };
  }

  test("are served by the first connections as these are given back", async () => {
    const { backends, served, dials } = burst();
    await settle();
    for (let at = 0; at < count; at++) {
      backends.answered(request, served[at] as Backend, true);
      await settle();
    }
    expect([served.length, dials()]).toEqual([count, proxyLimits.openingBackends]);
  });

  test("are refused, each, where the connection cannot even be begun", async () => {
    const backends = new Backends(
      {
        dial() {
          throw new KtError("shutting-down", "no more");
        },
      },
      new ManualClock(),
    );
    const asked = Array.from({ length: count }, () => backends.open(request, new AbortController().signal).then(String, String));
    expect(new Set(await Promise.all(asked))).toEqual(new Set(["KtError: no more"]));
  });

  test("get connections of their own when none is given back", async () => {
    const { clock, served, dials } = burst();
    await settle();
    expect(dials()).toBe(proxyLimits.openingBackends);
    await clock.advance(proxyLimits.backendPatienceMs);
    expect([served.length, dials()]).toEqual([count, count]);
  });
});

describe("connections that are kept", () => {
  const requestTo = (name: string) => ({ target: serviceTarget(name), scheme: "http", host: name, repeatable: true }) as const;

  /** Opens so many to each, and gives all back; returns the pods' ends, in the order of their opening. */
  async function kept(limits: { idle: number; idlePerTarget: number }, targets: readonly string[], each: number) {
    const clock = new ManualClock();
    const pods: Recorder[] = [];
    const dial = () => {
      const [near, far] = memoryPair();
      pods.push(new Recorder(far));
      return Promise.resolve({ conn: near, pod: "web-1", usable: () => true, park() {}, unpark() {} });
    };
    const backends = new Backends({ dial }, clock, () => limits);
    for (const name of targets) {
      const signal = new AbortController().signal;
      const opened = await Promise.all(Array.from({ length: each }, () => backends.open(requestTo(name), signal)));
      for (const backend of opened) {
        await clock.advance(1);
        backends.answered(requestTo(name), backend, true);
      }
    }
    await settle();
    return { pods, backends };
  }

  test("are as many as the profile allows to one target, those that rested longest going first", async () => {
    const { pods, backends } = await kept({ idle: 0, idlePerTarget: 2 }, ["a", "b"], 4);
    expect(pods.map(({ ended }) => ended)).toEqual([true, true, false, false, true, true, false, false]);
    const taken = [backends.take(requestTo("a")), backends.take(requestTo("a")), backends.take(requestTo("a"))];
    expect(taken.map((backend) => backend !== undefined)).toEqual([true, true, false]);
  });

  test("are as many as it allows in all", async () => {
    const { pods } = await kept({ idle: 3, idlePerTarget: 0 }, ["a", "b"], 2);
    expect(pods.map(({ ended }) => ended)).toEqual([true, false, false, false]);
  });

  test("have no limit by default", async () => {
    const { pods } = await kept({ idle: 0, idlePerTarget: 0 }, ["a"], 8);
    expect(pods.some(({ ended }) => ended)).toBe(false);
  });
});
