/** A whole edge with uplinks on loopback addresses: from the plan's file to the bytes of its clients. */

import { afterEach, expect, test } from "bun:test";
import { listen } from "bun";
import { EdgeUser, echo } from "#test/support/edge-user.ts";
import { type EdgeRig, keyOf, tcpBinding } from "#test/support/edge-rig.ts";
import { onOverlay } from "#test/support/overlay.ts";
import { Recorder } from "#test/support/recorder.ts";
import { eventually } from "#test/support/wait.ts";

const user = new EdgeUser();
afterEach(() => user.leave());

const get = async ({ net }: EdgeRig, path: string, method = "GET"): Promise<Response> =>
  await fetch(`http://${net.edge}:40600${path}`, { method });

onOverlay("an edge", () => {
  test("carries bytes both ways, and each half's end", async () => {
    const made = await user.rig();
    const up = user.uplink(made.net.uplink(0), keyOf("a"));
    const { promise: target, resolve } = Promise.withResolvers<Recorder>();
    up.onOpen = (conn) => resolve(new Recorder(conn));
    await made.plan([tcpBinding("x", 5000)]);
    await made.until("x", "Listening");
    const one = await user.client(made, 5000);
    one.write("hello");
    one.end();
    const recorder = await target;
    await recorder.untilEnd();
    expect(recorder.text()).toBe("hello");
    recorder.write("the answer after the end");
    recorder.conn.end();
    expect(await one.readToEnd()).toBe("the answer after the end");
    expect(up.asked).toEqual([{ kind: "open", target: keyOf("a"), connectTimeoutMs: 1000 }]);
  });

  test("moves 32 MB each way at once, unharmed", async () => {
    const made = await user.rig();
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = echo;
    await made.plan([tcpBinding("x", 5000)]);
    await made.until("x", "Listening");
    const sent = Buffer.alloc(32 * 1024 * 1024, "0123456789abcdefg");
    const one = await user.client(made, 5000);
    one.write(sent);
    one.end();
    await one.readToEnd();
    expect(Buffer.compare(one.bytes(), sent)).toBe(0);
  });

  test("passes a reset on, both ways", async () => {
    const made = await user.rig();
    const up = user.uplink(made.net.uplink(0), keyOf("a"));
    const opened: Recorder[] = [];
    up.onOpen = (conn) => void opened.push(new Recorder(conn));
    await made.plan([tcpBinding("x", 5000)]);
    await made.until("x", "Listening");
    const one = await user.client(made, 5000);
    await eventually("the target", () => opened[0]);
    one.abort();
    await opened[0]?.untilClosed();
    expect(opened[0]?.error?.code).toBe("connection-lost");
    const two = await user.client(made, 5000);
    (await eventually("the second target", () => opened[1])).conn.abort();
    await two.whenClosed();
    expect(two.wasReset).toBe(true);
  });

  test("refuses at once while no uplink is healthy, and serves without a restart when one is", async () => {
    const made = await user.rig();
    await made.plan([tcpBinding("x", 5000)]);
    await made.until("x", "NoUplink");
    const begun = performance.now();
    const one = await user.client(made, 5000);
    await one.whenClosed();
    expect(performance.now() - begun).toBeLessThan(1000);
    expect(one.wasReset).toBe(true);
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = echo;
    await made.until("x", "Listening");
    const two = await user.client(made, 5000);
    two.write("again");
    expect(await two.readUntil("again")).toBe("again");
  });

  test("spreads connections over its uplinks, and goes to the next one where one cannot", async () => {
    const made = await user.rig(3);
    const ups = [0, 1, 2].map((ordinal) => user.uplink(made.net.uplink(ordinal), keyOf("a")));
    for (const up of ups) up.onOpen = echo;
    await made.plan([tcpBinding("x", 5000)]);
    await eventually("three healthy uplinks", () => made.edge.status().uplinks.every(({ isHealthy }) => isHealthy));
    await Promise.all(Array.from({ length: 9 }, () => user.answered(made)));
    expect(ups.map(({ asked }) => asked.length)).toEqual([3, 3, 3]);
    const [first, second] = ups;
    if (first) first.answer = () => "refused";
    if (second) second.answer = () => "close";
    await Promise.all(Array.from({ length: 9 }, () => user.answered(made)));
    expect(ups[2]?.asked.length).toBe(12);
  });

  test("sends nothing new to an uplink that was killed, nor to one that drains, and keeps what is open there", async () => {
    const made = await user.rig(2);
    const ups = [0, 1].map((ordinal) => user.uplink(made.net.uplink(ordinal), keyOf("a")));
    for (const up of ups) up.onOpen = echo;
    await made.plan([tcpBinding("x", 5000)]);
    await eventually("two healthy uplinks", () => made.edge.status().uplinks.every(({ isHealthy }) => isHealthy));
    const open = [await user.answered(made), await user.answered(made)];
    ups[0]?.serve([keyOf("a")], true);
    await eventually("the draining one gets nothing more", async () => {
      const before = ups[0]?.asked.length;
      await Promise.all([user.answered(made), user.answered(made)]);
      return ups[0]?.asked.length === before;
    });
    for (const one of open) {
      one.clear();
      one.write("still");
      expect(await one.readUntil("still")).toBe("still");
    }
    ups[0]?.serve([keyOf("a")]);
    ups[1]?.kill();
    await eventually("the killed one is unhealthy", () => made.edge.status().uplinks[1]?.isHealthy === false);
    expect(made.edge.status().uplinks[1]?.problem).not.toBe("");
    await Promise.all([user.answered(made), user.answered(made)]);
  });

  test("answers of itself at its address in the tunnel, GET only", async () => {
    const made = await user.rig();
    user.uplink(made.net.uplink(0), keyOf("a"));
    const wanted = tcpBinding("x", 5000);
    await made.plan([wanted]);
    await made.until("x", "Listening");
    const status = await (await get(made, "/status")).json();
    expect(status).toMatchObject({
      bindings: [{ id: "x", hash: wanted.hash, state: "Listening", message: "" }],
      uplinks: [{ ordinal: 0, isHealthy: true, problem: "", lastHandshake: "" }],
    });
    expect((await get(made, "/healthz")).status).toBe(200);
    expect((await get(made, "/healthz", "POST")).status).toBe(405);
    expect((await get(made, "/other")).status).toBe(404);
    await expect(fetch(`http://${made.net.public}:40600/status`)).rejects.toThrow();
  });

  test("counts connections and refusals for scrapers, and shows its plan, uplinks and ports", async () => {
    const made = await user.rig();
    await made.plan([tcpBinding("x", 5000)]);
    await made.until("x", "NoUplink");
    await (await user.client(made, 5000)).whenClosed();
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = echo;
    await made.until("x", "Listening");
    await user.answered(made);
    const response = await get(made, "/stats/prometheus");
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const lines = (await response.text()).split("\n");
    for (const line of [
      'kt_edge_connections_refused_total{reason="noUplink"} 1',
      "kt_edge_connections_accepted_total 2",
      "kt_edge_connections_open 1",
      'kt_edge_binding_connections{binding="x"} 1',
      'kt_edge_connection_bytes_total{direction="to_target"} 5',
      'kt_edge_binding_serving{binding="x"} 1',
      'kt_edge_uplink_healthy{uplink="0"} 1',
      'kt_edge_sessions_refused_total{reason="rate"} 0',
    ])
      expect(lines).toContain(line);
    expect(await (await get(made, "/config_dump")).json()).toMatchObject({ node: "default/vps", bindings: [{ id: "x" }] });
    expect(await (await get(made, "/clusters")).text()).toBe("uplink 0: healthy\n");
    expect(await (await get(made, "/listeners")).text()).toBe("x: Listening\n");
  });

  test("says who holds a port, and opens it when that ends", async () => {
    const made = await user.rig();
    user.uplink(made.net.uplink(0), keyOf("a"), keyOf("b")).onOpen = echo;
    const holder = listen({ hostname: made.net.public, port: 5000, socket: { data() {} } });
    user.later(() => holder.stop(true));
    await made.plan([tcpBinding("x", 5000), tcpBinding("y", 5001)]);
    await made.until("y", "Listening");
    await eventually("the holder's name", () => made.edge.status().bindings[0]?.message.includes(`(process ${process.pid})`));
    expect(made.stateOf("x")).toBe("ListenFailed");
    holder.stop(true);
    await made.until("x", "Listening");
    await user.answered(made);
  });

  test("keeps the plan in force when the next one is broken or newer, and says so", async () => {
    const made = await user.rig();
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = echo;
    await made.plan([tcpBinding("x", 5000)]);
    await made.until("x", "Listening");
    const { hash } = made.edge.status();
    for (const [text, words] of [
      ["{", "is not JSON"],
      ['{"version": 2}', "version 2"],
    ] as const) {
      await made.write(text);
      const line = await eventually(words, () => made.logged.find(({ fields }) => String(fields?.["text"]).includes(words)));
      expect(line.fields?.["kept"]).toBe(true);
    }
    expect(made.edge.status().hash).toBe(hash);
    await user.answered(made);
  });
});

onOverlay("times and headers", () => {
  test("a connection ends when nothing has passed for its idle timeout, neither sooner nor much later", async () => {
    const made = await user.rig();
    // Each answer comes after half of the timeout.
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = (conn) => {
      conn.start({ onData: (bytes) => void setTimeout(() => conn.write(bytes), 250), onEnd: () => conn.end(), onDrain() {}, onClose() {} });
    };
    await made.plan([tcpBinding("x", 5000, { idleTimeoutMs: 500 })]);
    await made.until("x", "Listening");
    const one = await user.answered(made);
    let usedMs = performance.now();
    // More than the timeout in all, and never that long without a byte.
    for (let count = 0; count < 4; count++) {
      one.clear();
      one.write("x");
      await one.readUntil("x");
      usedMs = performance.now();
    }
    await one.readToEnd();
    const idleMs = performance.now() - usedMs;
    expect(idleMs).toBeGreaterThan(495);
    expect(idleMs).toBeLessThan(600);
  });

  test("a target that does not accept in time is refused then, and one that an uplink says nothing of", async () => {
    const made = await user.rig();
    const up = user.uplink(made.net.uplink(0), keyOf("a"));
    await made.plan([tcpBinding("x", 5000, { connectTimeoutMs: 500 })]);
    await made.until("x", "Listening");
    up.answer = () => "silent";
    const begun = performance.now();
    const one = await user.client(made, 5000);
    await one.whenClosed();
    expect(performance.now() - begun).toBeWithin(500, 1000);
    up.answer = () => "timed-out";
    const two = await user.client(made, 5000);
    await two.whenClosed();
    expect(two.wasReset).toBe(true);
    // Waiting for the target again, through another uplink, would be no help.
    expect(up.asked.length).toBe(2);
  });

  test.each([1, 2] as const)("a target reads where the client is, in version %p, before its first byte", async (proxyHeader) => {
    const made = await user.rig();
    const { promise: target, resolve } = Promise.withResolvers<Recorder>();
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = (conn) => resolve(new Recorder(conn));
    await made.plan([tcpBinding("x", 5000, { proxyHeader })]);
    await made.until("x", "Listening");
    const one = await user.client(made, 5000);
    one.write("hello");
    const recorder = await target;
    await recorder.until(() => recorder.text().endsWith("hello"));
    if (proxyHeader === 1)
      expect(recorder.text()).toMatch(new RegExp(`^PROXY TCP4 127\\.0\\.0\\.1 ${made.net.public} \\d+ 5000\r\nhello$`));
    else expect(Buffer.from(recorder.bytes()).toString("hex")).toMatch(/^0d0a0d0a000d0a515549540a2111000c7f000001.{8}.{4}138868656c6c6f$/);
  });
});
