/** The certificate that a TLS client gets to read an error page in: what becomes of a handshake that the client does not finish. */

import { expect, test } from "bun:test";
import { proxyLimits } from "#proxy/limits.ts";
import { memoryPair } from "#test/support/memory-conn.ts";
import { SelfSignedServer } from "#proxy/tls/self-signed.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { Recorder } from "#test/support/recorder.ts";

test("a client that begins a handshake and says no more is let go", async () => {
  const clock = new ManualClock();
  const [near, far] = memoryPair();
  const client = new Recorder(far);
  const accepted = new SelfSignedServer(clock).accept(near, "nope.localhost").then(
    () => "accepted",
    () => "given up",
  );
  await clock.advance(proxyLimits.peekTimeoutMs - 1);
  expect(client.closed).toBe(false);
  await clock.advance(1);
  expect(await accepted).toBe("given up");
  await client.until(() => client.closed);
});
