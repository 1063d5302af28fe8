/**
 * Tickers: ten messages a second on each of the given TCP connections and UDP sockets, and at the end a report of what was cut, lost, late, or
 * came from elsewhere. Usage: tick.ts SECONDS [LABEL=]tcp:HOST:PORT [LABEL=]udp:HOST:PORT …; SIGTERM ends it before its time.
 */

import { connect, type Socket, udpSocket } from "bun";
import type { TickReport } from "./tick-report.ts";

const everyMs = 100;
/** What is still on its way at the end may take so long. */
const lateMs = 500;
const messageBytes = 16;

const [secondsText = "", ...specs] = process.argv.slice(2);
const startedMs = performance.now();
const endsMs = startedMs + Number(secondsText) * 1000;
let isEnding = false;
process.once("SIGTERM", () => {
  isEnding = true;
});

const isOver = (): boolean => isEnding || performance.now() >= endsMs;
const pause = async (ms: number): Promise<void> => await new Promise((resolve) => setTimeout(resolve, ms));
const atSecond = (): string => `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;

/** The longest time without an answer, up to now. */
class Gap {
  maxMs = 0;
  #lastMs = performance.now();

  answered(): void {
    this.maxMs = Math.max(this.maxMs, Math.round(performance.now() - this.#lastMs));
    this.#lastMs = performance.now();
  }

  /** It does not count while there is no connection. */
  restart(): void {
    this.#lastMs = performance.now();
  }
}

async function tickTcp(host: string, port: number): Promise<TickReport> {
  const gap = new Gap();
  const [cuts, failures]: [string[], string[]] = [[], []];
  let [sent, backBytes, opened] = [0, 0, 0];
  let socket: Socket | undefined;
  let hasEnded = false;
  const open = async (): Promise<void> => {
    try {
      socket = await connect({
        hostname: host,
        port,
        socket: {
          data(_, bytes) {
            gap.answered();
            backBytes += bytes.length;
          },
          close(_, error) {
            if (!hasEnded) cuts.push(`${atSecond()}: ${error?.message ?? "closed by the peer"}`);
            socket = undefined;
          },
          error() {},
        },
      });
      opened += 1;
      gap.restart();
    } catch (error) {
      failures.push(`${atSecond()}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  while (!isOver()) {
    if (!socket) await open();
    if (socket) {
      socket.write(String(sent).padStart(messageBytes, "0"));
      sent += 1;
    }
    await pause(everyMs);
  }
  await pause(lateMs);
  if (socket && backBytes < sent * messageBytes) gap.answered();
  hasEnded = true;
  socket?.end();
  const back = Math.floor(backBytes / messageBytes);
  return { kind: "tcp", sent, back, lost: sent - back, maxGapMs: gap.maxMs, cuts, opened, failures, sources: [] };
}

async function tickUdp(host: string, port: number): Promise<TickReport> {
  const gap = new Gap();
  const sources: string[] = [];
  const seen = new Set<string>();
  let sent = 0;
  const socket = await udpSocket({
    connect: { hostname: host, port },
    socket: {
      data(_, payload) {
        const [number = "", source = "", name = ""] = Buffer.from(payload).toString("latin1").split("|");
        gap.answered();
        seen.add(number);
        const from = `${source} (${name})`;
        if (!sources.at(-1)?.endsWith(from)) sources.push(`${atSecond()}: ${from}`);
      },
      // Nothing listens there at the moment (ICMP).
      error() {},
    },
  });
  while (!isOver()) {
    try {
      socket.send(String(sent));
    } catch {
      // A report of an earlier one.
    }
    sent += 1;
    await pause(everyMs);
  }
  await pause(lateMs);
  if (seen.size < sent) gap.answered();
  socket.close();
  return { kind: "udp", sent, back: seen.size, lost: sent - seen.size, maxGapMs: gap.maxMs, cuts: [], opened: 1, failures: [], sources };
}

async function tick(spec: string): Promise<[string, TickReport]> {
  const parts = /^(?:([^=]+)=)?(tcp|udp):\[?([^\]]+)\]?:(\d+)$/.exec(spec);
  if (!parts) throw new Error(`"${spec}" is not [LABEL=]tcp:HOST:PORT or [LABEL=]udp:HOST:PORT`);
  const [, label = spec, kind, host = "", port] = parts;
  return [label, await (kind === "tcp" ? tickTcp : tickUdp)(host, Number(port))];
}

process.stdout.write(`${JSON.stringify(Object.fromEntries(await Promise.all(specs.map(tick))))}\n`);
process.exit(0);
