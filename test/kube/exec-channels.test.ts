/** A command over a WebSocket in memory whose API server answers when the test says so: whether it is taken for alive. */

import { describe, expect, test } from "bun:test";
import type { ExecExit } from "#kube/objects/types.ts";
import { ChannelExec } from "#kube/stream/exec-channels.ts";
import { muxLimits } from "#mux/limits.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";
import { memoryPair } from "#test/support/memory-conn.ts";
import { WsDecoder } from "#wire/ws-decoder.ts";
import { encodeWsFrame, wsOpcodes } from "#wire/ws-frame.ts";

function rig(options: { readonly answers: boolean }) {
  const clock = new ManualClock();
  const [near, far] = memoryPair();
  const exits: ExecExit[] = [];
  const exec = new ChannelExec(near, clock, { canEndStdin: true });
  exec.start({ onStdout() {}, onStdoutEnd() {}, onStderr() {}, onDrain() {}, onExit: (exit) => exits.push(exit) });
  const decoder = new WsDecoder("server", {
    onMessage() {},
    onPing: (payload) => void (options.answers && far.write(encodeWsFrame(wsOpcodes.pong, [payload]))),
    onPong() {},
    onClose() {},
  });
  far.start({ onData: (bytes) => decoder.decode(bytes), onEnd() {}, onDrain() {}, onClose() {} });
  const pass = async (ms: number, pathAlive = true): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 1000) {
      await clock.advance(1000);
      exec.tick(clock.now(), pathAlive);
      await settle();
    }
  };
  return { exec, exits, pass };
}

const untilDead = muxLimits.pingIntervalMs + muxLimits.pingTimeoutMs;

describe("over a WebSocket a silent command", () => {
  test("is lost when the API server answers no ping in time", async () => {
    const { exec, exits, pass } = rig({ answers: false });
    await pass(untilDead - 1000);
    expect([exits, exec.open]).toEqual([[], true]);
    await pass(1000);
    expect(exits).toMatchObject([{ kind: "lost", error: { message: "the session answered no ping within 10 s" } }]);
    expect(exec.open).toBe(false);
  });

  test("lives while the API server answers", async () => {
    const { exits, pass } = rig({ answers: true });
    await pass(60_000);
    expect(exits).toEqual([]);
  });

  test("may not read its input, as long as others on the way are heard", async () => {
    const { exec, exits, pass } = rig({ answers: false });
    exec.write(new Uint8Array(muxLimits.unreadBytes + 1));
    await pass(3 * untilDead);
    expect(exits).toEqual([]);
    await pass(1000, false);
    expect(exits).toHaveLength(1);
  });

  test("is not judged while we do not read, and has its whole time after that", async () => {
    const { exec, exits, pass } = rig({ answers: false });
    exec.pause();
    await pass(3 * untilDead);
    exec.resume();
    await pass(untilDead - 1000);
    expect(exits).toEqual([]);
  });

  test("that is started after its end is lost", async () => {
    const { exec } = rig({ answers: false });
    exec.abort();
    const exits: ExecExit[] = [];
    exec.start({ onStdout() {}, onStdoutEnd() {}, onStderr() {}, onDrain() {}, onExit: (exit) => exits.push(exit) });
    await settle();
    expect(exits).toMatchObject([{ kind: "lost" }]);
  });
});
