/** The model of the peer's frame workers against a peer that is simulated frame by frame, and what its silence means. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { muxLimits } from "#mux/limits.ts";
import { Liveness } from "#mux/liveness.ts";
import { frameWorkers, SpdystreamPeer, workerOf, workerQueueFrames } from "#mux/spdystream.ts";

type Frame = { readonly kind: "ping"; readonly id: number } | { readonly kind: "data"; readonly isRead: boolean };

/** Five workers with a queue each. A worker with a frame that is not read does no more until it is released. */
class SimulatedPeer {
  readonly queues: Frame[][] = Array.from({ length: frameWorkers }, () => []);
  /** Frames that each worker has handled. */
  readonly handled = new Array<number>(frameWorkers).fill(0);
  #turn = 0;

  ping(id: number): void {
    this.#inTurn({ kind: "ping", id });
  }

  echo(): void {
    this.#inTurn({ kind: "data", isRead: true });
  }

  data(stream: number, isRead: boolean): void {
    this.queues[workerOf(stream)]?.push({ kind: "data", isRead });
  }

  /** Frames that were ever queued for a worker. */
  received(worker: number): number {
    return (this.handled[worker] ?? 0) + (this.queues[worker]?.length ?? 0);
  }

  isBlocked(worker: number): boolean {
    const first = this.queues[worker]?.[0];
    return first?.kind === "data" && !first.isRead;
  }

  release(worker: number): void {
    if (this.isBlocked(worker)) this.#handle(worker);
  }

  /** The worker handles one frame. Returns the id of the ping that it answers. */
  step(worker: number): number | undefined {
    if (this.isBlocked(worker)) return undefined;
    const frame = this.#handle(worker);
    return frame?.kind === "ping" ? frame.id : undefined;
  }

  #handle(worker: number): Frame | undefined {
    const frame = this.queues[worker]?.shift();
    if (frame) this.handled[worker] = (this.handled[worker] ?? 0) + 1;
    return frame;
  }

  #inTurn(frame: Frame): void {
    this.queues[this.#turn]?.push(frame);
    this.#turn = (this.#turn + 1) % frameWorkers;
  }
}

function rig() {
  const simulated = new SimulatedPeer();
  let nextId = 1;
  const model = new SpdystreamPeer(() => {
    const id = nextId;
    nextId += 2;
    simulated.ping(id);
    return id;
  });
  /** Lets a worker handle one frame. Returns whether its answer completes the model's proof. */
  const step = (worker: number): boolean => {
    const id = simulated.step(worker);
    return id !== undefined && model.pongReceived(id);
  };
  /** Lets all workers handle all that they can. */
  const drain = (): void => {
    for (let worker = 0; worker < frameWorkers; worker++)
      while (!simulated.isBlocked(worker) && simulated.queues[worker]?.length) step(worker);
  };
  return { simulated, model, step, drain };
}

const act = fc.oneof(
  fc.record({ kind: fc.constant("data" as const), stream: fc.nat(20), isRead: fc.boolean() }),
  fc.record({ kind: fc.constant("doubt" as const), stream: fc.nat(20) }),
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("step" as const), worker: fc.nat(frameWorkers - 1) }) },
  fc.record({ kind: fc.constant("release" as const), worker: fc.nat(frameWorkers - 1) }),
  fc.record({ kind: fc.constantFrom("ping" as const, "echo" as const, "prove" as const, "drop" as const) }),
);

describe("the model of the peer", () => {
  test("takes no proof for complete before each doubted worker has handled all that it was sent before", () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 120 }), (acts) => {
        const { simulated, model, step } = rig();
        /** By worker, the frames it must have handled. */
        const due = new Map<number, number>();
        for (const each of acts) {
          if (each.kind === "data") simulated.data(each.stream, each.isRead);
          else if (each.kind === "doubt") {
            model.doubt(each.stream);
            due.set(workerOf(each.stream), simulated.received(workerOf(each.stream)));
          } else if (each.kind === "release") simulated.release(each.worker);
          else if (each.kind === "ping") model.ping();
          else if (each.kind === "drop") model.dropProof();
          else if (each.kind === "prove") model.prove(0);
          else if (each.kind === "echo") {
            simulated.echo();
            model.pingEchoed();
          } else if (each.kind === "step" && step(each.worker)) {
            for (const [worker, frames] of due) expect(simulated.handled[worker]).toBeGreaterThanOrEqual(frames);
            due.clear();
          }
          expect(model.isDoubted).toBe(due.size > 0);
        }
      }),
    );
  });

  test("knows exactly the blocked workers after two rounds of pings, however they got there", () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const { simulated, model, drain } = rig();
        for (const each of acts) {
          if (each.kind === "data") simulated.data(each.stream, each.isRead);
          else if (each.kind === "release") simulated.release(each.worker);
          else if (each.kind === "ping") model.ping();
          drain();
        }
        for (let round = 0; round < 2; round++) {
          model.ping();
          drain();
        }
        const blocked = Array.from({ length: frameWorkers }, (_, worker) => simulated.isBlocked(worker));
        fc.pre(blocked.includes(false));
        expect(Array.from({ length: frameWorkers }, (_, worker) => model.isBlocked(worker))).toEqual(blocked);
        expect(model.hasBlocked).toBe(blocked.includes(true));
      }),
    );
  });

  test("never fills a worker's queue with pings, whichever workers are blocked, and asks less and less", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(frameWorkers - 1), { minLength: 1 }), fc.boolean(), (workers, proves) => {
        const { simulated, model, drain } = rig();
        for (const worker of workers) simulated.data(worker, false);
        let last = model.pingIntervalMs;
        for (let count = 0; count < 200; count++) {
          if (proves) {
            model.doubt(count);
            model.prove(0);
          } else model.ping();
          drain();
          expect(Math.max(...simulated.queues.map((queue) => queue.length))).toBeLessThan(workerQueueFrames);
          if (!proves) expect(model.pingIntervalMs).toBeGreaterThanOrEqual(last);
          last = model.pingIntervalMs;
        }
      }),
    );
  });

  test("waits for a proof for a while, and gives none where a worker's queue may be full", () => {
    const { model, simulated, drain } = rig();
    simulated.data(1, false);
    model.doubt(1);
    expect(model.prove(1000)).toBe(true);
    expect([model.isProofLate(1000 + muxLimits.proofMs - 1), model.isProofLate(1000 + muxLimits.proofMs)]).toEqual([false, true]);
    for (let count = 0; count < workerQueueFrames; count++) {
      model.ping();
      drain();
    }
    expect(model.prove(2000)).toBe(false);
  });
});

describe("a peer that reads no more since a program does not", () => {
  /** Frames this large: what fills a queue does not fit the buffers on the way. */
  const frameBytes = Math.ceil(muxLimits.unreadBytes / workerQueueFrames) + 1;

  /** What was sent and not read yet, in order. */
  function wireRig() {
    const wire: Frame[] = [];
    let pings = 0;
    const peer = new SpdystreamPeer(() => {
      wire.push({ kind: "ping", id: 2 * pings + 1 });
      return 2 * pings++ + 1;
    });
    return { peer, wire };
  }

  test("may be waiting for it, however much was taken first, wherever pings were sent and whenever they are answered", () => {
    const step = fc.oneof({ weight: 6, arbitrary: fc.constant("data" as const) }, fc.constantFrom("ping" as const, "read" as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.nat(100), (steps, taken) => {
        const { peer, wire } = wireRig();
        /** Of the worker with the stream, which takes bytes up to a point. The others answer at once. */
        const queue: Frame[] = [];
        let room = taken;
        let turn = 0;
        const work = (): void => {
          for (let frame = queue[0]; frame && (frame.kind === "ping" || room > 0); frame = queue[0]) {
            if (frame.kind === "ping") peer.pongReceived(frame.id);
            else room -= 1;
            queue.shift();
          }
        };
        const read = (): boolean => {
          const [frame] = wire;
          if (!frame || queue.length === workerQueueFrames) return false;
          if (frame.kind === "data" || turn++ % frameWorkers === 0) queue.push(frame);
          else peer.pongReceived(frame.id);
          wire.shift();
          work();
          return true;
        };
        for (const each of [...steps, ...new Array<"data">(taken + workerQueueFrames + 2).fill("data")]) {
          if (each === "ping") peer.ping();
          else if (each === "read") read();
          else {
            peer.sent(frameBytes);
            wire.push({ kind: "data", isRead: false });
          }
        }
        while (read());
        expect([wire.length > 0, peer.mayWaitForReader]).toEqual([true, true]);
      }),
    );
  });

  test("is not excused once it has read all but what fits the buffers on the way", () => {
    const { peer } = wireRig();
    peer.sent(10 * muxLimits.unreadBytes);
    peer.ping();
    peer.sent(muxLimits.unreadBytes);
    expect(peer.mayWaitForReader).toBe(true);
    for (let id = 1; id < 2 * frameWorkers; id += 2) peer.pongReceived(id);
    expect(peer.mayWaitForReader).toBe(false);
    peer.sent(1);
    expect(peer.mayWaitForReader).toBe(true);
    peer.answered();
    expect(peer.mayWaitForReader).toBe(false);
  });
});

describe("a silent peer", () => {
  const options = { pingIntervalMs: 2000, isExcused: false };

  test("is pinged once, and dead when it does not answer in time", () => {
    const liveness = new Liveness(0);
    expect([1999, 2000].map((nowMs) => liveness.verdict(nowMs, options))).toEqual(["fine", "ping"]);
    expect([liveness.ask(2000), liveness.ask(2001)]).toEqual([true, false]);
    expect([11_999, 12_000].map((nowMs) => liveness.verdict(nowMs, options))).toEqual(["fine", "dead"]);
    expect(liveness.verdict(12_000, { ...options, isExcused: true })).toBe("fine");
    liveness.heard(12_000);
    expect([liveness.verdict(12_000, options), liveness.heardMs]).toEqual(["fine", 12_000]);
  });
});
