/** HTTP/1 connections to pods that do not behave. */

import { expect, test } from "bun:test";
import { limits } from "#base/limits.ts";
import { memoryPair } from "#net/memory.ts";
import { Backends } from "#proxy/backends.ts";
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
  const target = { kind: "service", cluster: { profile: "p", context: undefined }, namespace: "n", name: "web", port: 443 } as const;
  const request = { target, scheme: "https", host: "web.localhost", repeatable: true } as const;
  const open = () => backends.open(request, new AbortController().signal).then(String, String);
  for (let round = 1; round <= limits.openingBackends + 1; round++) {
    const opened = open();
    await settle();
    expect(pods.length).toBe(round);
    await clock.advance(limits.backendTlsMs);
    expect(await opened).toContain('pod "web-1" did not agree to TLS: no answer within 10 s');
    await pods.at(-1)?.untilClosed();
  }
});
