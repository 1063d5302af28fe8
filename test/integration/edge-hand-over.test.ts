/** `kt edge run` is replaced eight times by an instance beside it, under load: no connection is cut or refused, and no datagram is lost. */

import { afterAll, expect, test } from "bun:test";
import { connect, type Socket, sleep, type Subprocess, spawn, write } from "bun";
import type { EdgeDocument } from "#expose/host/edge-document.ts";
import { FakeEdgeUplink } from "#test/support/fake-edge-uplink.ts";
import { freePorts } from "#test/support/process.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { eventually } from "#test/support/wait.ts";
import { DatagramSocket } from "#net/datagram-socket.ts";

const target = "00000000000000aa";
/** Of this run: its ports are those of every edge. */
const network = `127.${64 + ((process.pid >> 8) & 63)}.${process.pid & 255}`;

function plan(tcp: number, udp: number): EdgeDocument {
  const base = { hash: "1", target };
  return {
    version: 1,
    node: "shop/edge",
    hash: "1",
    transport: "wireguard",
    tunnelPort: 51821,
    network: `${network}.0/24`,
    edgeAddress: `${network}.1`,
    mtu: 1420,
    uplinks: [{ ordinal: 0, address: `${network}.2`, publicKey: "" }],
    health: { intervalMs: 1000, timeoutMs: 1000, healthyThreshold: 1, unhealthyThreshold: 2 },
    maxSocketBufferBytes: 4 << 20,
    bindings: [
      { ...base, id: "shop/pb/tcp", protocol: "TCP", listenPort: tcp, connectTimeoutMs: 5000, idleTimeoutMs: 3_600_000, proxyHeader: 0 },
      { ...base, id: "shop/pb/udp", protocol: "UDP", listenPort: udp, sessionTimeoutMs: 60_000, proxyHeader: 0 },
    ],
  };
}

interface Started {
  readonly child: Subprocess<"ignore", "ignore", "pipe">;
  readonly said: () => string;
}

const children: Started[] = [];
afterAll(() => {
  for (const { child } of children) child.kill("SIGKILL");
});

function startEdge(folder: string): Started {
  const main = new URL("../../src/main.ts", import.meta.url).pathname;
  const child = spawn([process.execPath, main, "edge", "run", "--plan", `${folder}/plan.json`, "--state", folder], {
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, NO_COLOR: "1" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  let said = "";
  void (async () => {
    for await (const bytes of child.stderr) said += new TextDecoder().decode(bytes);
  })();
  const started = { child, said: () => said };
  children.push(started);
  return started;
}

/** One connection, one question, one answer. Resolves with what went wrong. */
async function ask(port: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const late = setTimeout(() => resolve("no answer"), 5000);
  connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (socket) => void socket.write("hello"),
      data: (socket) => {
        resolve("");
        socket.end();
      },
      close: () => resolve("closed"),
      error: (_, error) => resolve(error.message),
    },
  }).catch((error: Error) => resolve(`not opened: ${error.message}`));
  const problem = await promise;
  clearTimeout(late);
  return problem;
}

/** A connection that stays open and asks all the time. */
interface Ticker {
  readonly cuts: string[];
  readonly answers: () => number;
  readonly end: () => void;
}

async function ticker(port: number): Promise<Ticker> {
  const cuts: string[] = [];
  let answers = 0;
  let isEnding = false;
  const socket: Socket = await connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: () => {
        answers += 1;
      },
      close: () => {
        if (!isEnding) cuts.push("cut");
      },
      error() {},
    },
  });
  const ticks = setInterval(() => socket.write("x"), 20);
  const end = (): void => {
    isEnding = true;
    clearInterval(ticks);
    socket.end();
  };
  return { cuts, answers: () => answers, end };
}

class UdpLoad {
  sent = 0;
  received = 0;
  readonly #sockets: DatagramSocket[];
  readonly #ticks: ReturnType<typeof setInterval>;

  constructor(port: number, flows: number, everyMs: number) {
    const onDatagram = (): void => {
      this.received += 1;
    };
    this.#sockets = Array.from(
      { length: flows },
      () => new DatagramSocket({ host: "127.0.0.1", port: 0, bufferBytes: 4 << 20, isShared: false, onDatagram }),
    );
    this.#ticks = setInterval(() => {
      for (const socket of this.#sockets) {
        this.sent += 1;
        socket.send(Buffer.from("x".repeat(200)), port, "127.0.0.1");
      }
    }, everyMs);
  }

  stop(): void {
    clearInterval(this.#ticks);
  }

  close(): void {
    this.stop();
    for (const socket of this.#sockets) socket.close();
  }
}

const swaps = 8;

test.skipIf(process.platform !== "linux")(
  "eight swaps under load cut no connection, refuse none, lose no datagram, and keep every session's number and source",
  async () => {
    await using folder = await tempDir();
    const [tcp = 0, udp = 0] = freePorts(2);
    await write(`${folder.path}/plan.json`, JSON.stringify(plan(tcp, udp)));
    const uplink = new FakeEdgeUplink(`${network}.2`, [target]);
    let current = startEdge(folder.path);
    await eventually("the first to serve", async () => (await ask(tcp)) === "", 15_000);
    const load = new UdpLoad(udp, 50, 20);
    await eventually("all sessions", () => uplink.sessions.size === 50);
    const tickers = [await ticker(tcp)];
    const problems = new Map<string, number>();
    let asked = 0;
    let isOver = false;
    const askers = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        const problem = await ask(tcp);
        asked += 1;
        // As fast as it can it would exhaust the ports of the machine, and the uplink in this process would not get its turn.
        await sleep(5);
        if (problem !== "") problems.set(problem, (problems.get(problem) ?? 0) + 1);
      }
    });
    for (let swap = 0; swap < swaps; swap++) {
      const next = startEdge(folder.path);
      await eventually(`swap ${swap}`, () => next.said().includes("take-over"), 15_000).catch((error: Error) => {
        throw new Error(`${error.message}\n${current.said()}\nand its successor:\n${next.said()}`);
      });
      tickers.push(await ticker(tcp));
      current = next;
    }
    isOver = true;
    await Promise.all(askers);
    load.stop();
    await eventually("every datagram", () => load.received === load.sent).catch(() => {});
    if (problems.size > 0 || load.received < load.sent) {
      for (const [index, { said }] of children.entries()) process.stderr.write(`instance ${index}:\n${said()}\n`);
    }
    process.stderr.write(`${swaps} swaps: ${asked} connections, ${load.sent} datagrams, ${load.sent - load.received} lost\n`);
    expect(Object.fromEntries(problems)).toEqual({});
    expect(load.received).toBe(load.sent);
    expect(uplink.sessions.size).toBe(50);
    expect(uplink.sources.size).toBe(1);
    expect(uplink.ended).toEqual([]);
    for (const { cuts, answers } of tickers) {
      await eventually("its answers", () => answers() > 0);
      expect(cuts).toEqual([]);
    }
    // Each that was replaced has one connection left, and ends with it.
    const replaced = children.filter((started) => started !== current);
    expect(replaced.every(({ child }) => child.exitCode === null)).toBe(true);
    for (const { end } of tickers) end();
    const codes = await Promise.all(replaced.map(({ child }) => child.exited));
    expect(codes).toEqual(replaced.map(() => 0));
    // Without a successor it ends on SIGTERM, with UDP still asking.
    const later = new UdpLoad(udp, 3, 10);
    await eventually("answers", () => later.received > 10);
    current.child.kill("SIGTERM");
    expect(await current.child.exited).toBe(0);
    later.close();
    load.close();
    uplink.close();
  },
  120_000,
);
