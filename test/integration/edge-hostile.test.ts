/** What strangers send to public ports: garbage in any form, floods that say nothing, and connections that go at every moment. */

import { afterEach, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import fc from "fast-check";
import type { TcpEdgeBinding } from "#expose/host/edge-document.ts";
import { selfSigned } from "#tls/self-signed.ts";
import { type EdgeRig, keyOf, tcpBinding } from "#test/support/edge-rig.ts";
import { EdgeUser, echo } from "#test/support/edge-user.ts";
import { clientHello } from "#test/support/client-hello.ts";
import { onOverlay } from "#test/support/overlay.ts";
import type { RawClient } from "#test/support/raw-client.ts";
import { eventually } from "#test/support/wait.ts";

const user = new EdgeUser();
afterEach(() => user.leave());

/** One port that is shared by name, one where TLS ends. */
async function bindings(made: EdgeRig): Promise<TcpEdgeBinding[]> {
  const { cert, key } = selfSigned("a.example.com", Date.now());
  const certificate = `${"a".repeat(64)}.pem`;
  await mkdir(`${made.folder}/certs`);
  await writeFile(`${made.folder}/certs/${certificate}`, `${cert}\n${key}`);
  return [
    tcpBinding("passed", 5000, { tls: { mode: "passthrough", serverNames: ["a.example.com"] } }),
    tcpBinding("ended", 5001, { tls: { mode: "offload", serverNames: [], alpn: ["http/1.1"], certificate } }),
  ];
}

/** Nothing is counted twice or for ever: each that was accepted was opened or refused, and what is over is gone. */
async function settled({ edge }: EdgeRig): Promise<void> {
  await eventually(`all connections are over: ${JSON.stringify(edge.facts())}`, () => {
    const { tcp, halfOpen, connections } = edge.facts();
    const refused = Object.values(tcp.refused).reduce((sum, count) => sum + count, 0);
    return halfOpen === 0 && connections.size === 0 && tcp.open === 0 && tcp.accepted === tcp.opened + refused;
  });
}

onOverlay("an edge among strangers", () => {
  test("outlives hellos with any bytes changed, cut or added, and goes on serving", async () => {
    const made = await user.rig();
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = echo;
    await made.plan(await bindings(made));
    await made.until("ended", "Listening");
    const hello = await clientHello("a.example.com");
    const changed = fc
      .tuple(fc.array(fc.tuple(fc.nat({ max: hello.length - 1 }), fc.nat({ max: 255 })), { maxLength: 4 }), fc.nat({ max: hello.length }))
      .map(([changes, end]) => {
        const bytes = Uint8Array.from(hello);
        for (const [at, value] of changes) bytes[at] = value;
        return bytes.subarray(0, end);
      });
    const sent = fc.sample(fc.oneof(changed, fc.uint8Array({ maxLength: 300 })), 300);
    await Promise.all(sent.map(async (bytes, at) => await visit(made, 5000 + (at % 2), bytes)));
    await settled(made);
    expect(made.edge.facts().tcp.accepted).toBe(300);
    const one = await user.client(made, 5000);
    one.write(hello);
    await one.received(hello.length);
  });

  test("keeps nothing of clients that go at once, with a reset or in order", async () => {
    const made = await user.rig();
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = echo;
    await made.plan([...(await bindings(made)), tcpBinding("plain", 5002)]);
    await made.until("ended", "Listening");
    const clients = await Promise.all(Array.from({ length: 150 }, async (_, at) => await user.client(made, 5000 + (at % 3))));
    for (const [at, one] of clients.entries()) {
      if (at % 2 === 0) one.abort();
      else one.end();
    }
    await Promise.all(clients.map((one) => one.whenClosed()));
    await settled(made);
  });
});

/** Sends, ends and waits for the edge to have had enough. */
async function visit(made: EdgeRig, port: number, bytes: Uint8Array): Promise<void> {
  const one: RawClient = await user.client(made, port);
  one.write(bytes);
  one.end();
  await one.whenClosed();
}
