/** Sessions to one pod, with a peer that answers when the test says so. */

import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { kubeLimits } from "#kube/limits.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import type { SessionEvent } from "#mux/events.ts";
import { SpdySession } from "#mux/session.ts";
import { frameWorkers } from "#mux/spdystream.ts";
import { type MemoryConn, memoryPair } from "#test/support/memory-conn.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";
import type { Pipe, PipeListener } from "#tunnel/pipe/pipe.ts";
import { PodSessions } from "#tunnel/forward/sessions.ts";
import { PodSession } from "#tunnel/forward/pod-session.ts";
import { SpdyDecoder } from "#wire/spdy-decoder.ts";
import { encodeControlFrame } from "#wire/spdy-frame.ts";
import { SpdyHeaderEncoder } from "#wire/spdy-headers.ts";

/** The peer of a session; nothing leaves it before `flush`. */
class FakePeer {
  readonly mux = new SpdySession({ role: "server" });
  readonly opened: number[] = [];
  /** Data streams whose other half is over. */
  readonly ended: number[] = [];
  readonly #conn: MemoryConn;

  constructor(conn: MemoryConn) {
    this.#conn = conn;
    const emit = (event: SessionEvent): void => {
      if (event.type === "data" && event.fin && this.opened.indexOf(event.stream) % 2 === 1) this.ended.push(event.stream);
      if (event.type !== "opened") return;
      this.opened.push(event.stream);
      this.mux.reply(event.stream);
    };
    conn.start({ onData: (bytes) => this.mux.receive(bytes, emit), onEnd() {}, onDrain() {}, onClose() {} });
  }

  /** Resets its connection. */
  async lose(): Promise<void> {
    this.#conn.abort();
    await settle();
  }

  /** Sends all that is waiting, in one piece. */
  async flush(): Promise<void> {
    this.#conn.write(Buffer.concat(this.mux.take()));
    await settle();
  }
}

/** Notes what becomes of a connection. */
class Listener implements PipeListener {
  readonly events: string[] = [];
  failure: KtError | undefined;
  pipeData(): void {
    this.events.push("data");
  }
  pipeEnded(): void {
    this.events.push("ended");
  }
  pipeFailed(error: KtError): void {
    this.events.push("failed");
    this.failure = error;
  }
  pipeClosed(): void {
    this.events.push("closed");
  }
  pipeDrained(): void {
    this.events.push("drained");
  }
}

function rig() {
  const clock = new ManualClock();
  const [near, far] = memoryPair();
  const peer = new FakePeer(far);
  const heard: string[] = [];
  const session = new PodSession({ conn: near, pod: "web-1", clock, onGone: () => heard.push("gone"), onFree: () => heard.push("free") });
  return { clock, peer, session, heard };
}

/** A session whose peer the test drives byte by byte. */
function bareRig() {
  const clock = new ManualClock();
  const [near, far] = memoryPair();
  return { clock, far, session: new PodSession({ conn: near, pod: "web-1", clock, onGone() {}, onFree() {} }) };
}

/** A peer whose workers answer pings in turn, except one that never does; it accepts streams, or not. */
function withBlockedWorker(
  far: MemoryConn,
  { worker, replies }: { readonly worker: number; readonly replies: boolean },
): { pings: number } {
  const held = { pings: 0 };
  let given = 0;
  const headers = new SpdyHeaderEncoder();
  const decoder = new SpdyDecoder({
    onData() {},
    onControl(frame) {
      if (frame.type === "syn-stream" && replies) {
        far.write(encodeControlFrame({ type: "syn-reply", stream: frame.stream, fin: false, headerBlock: headers.encode(new Map()) }));
      }
      if (frame.type !== "ping") return;
      if (given++ % frameWorkers === worker) held.pings += 1;
      else far.write(encodeControlFrame(frame));
    },
  });
  far.start({ onData: (bytes) => decoder.decode(bytes), onEnd() {}, onDrain() {}, onClose() {} });
  return held;
}

/** A client that sends a byte and goes, as far as its session can tell. */
async function leave(session: PodSession, listener = new Listener()): Promise<void> {
  const pair = session.open(80, listener);
  pair.write(Uint8Array.of(1));
  pair.end();
  await settle();
}

/** Lets seconds pass for a session. */
async function pass({ clock, session }: { readonly clock: ManualClock; readonly session: PodSession }, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    await clock.advance(1000);
    session.tick(clock.now(), true);
  }
}

/** Uses a connection and ends it from both sides, so that the session begins to prove itself. */
async function useOnce({ session, peer }: ReturnType<typeof rig>): Promise<void> {
  const pair = session.open(80, new Listener());
  pair.write(Uint8Array.of(1));
  await settle();
  for (const stream of peer.opened.splice(0)) peer.mux.end(stream);
  await peer.flush();
  pair.end();
  await settle();
}

describe("a session", () => {
  test("is free again once its peer has proved that it can take another connection", async () => {
    const all = rig();
    await useOnce(all);
    expect(all.heard).toEqual([]);
    await all.peer.flush();
    expect(all.heard).toEqual(["free"]);
  });

  test("that is shared before its proof came is not free, and is not ended for want of the proof", async () => {
    const all = rig();
    const { clock, peer, session, heard } = all;
    await useOnce(all);
    const listener = new Listener();
    session.open(80, listener);
    await clock.advance(3000);
    session.tick(clock.now(), true);
    expect(listener.events).toEqual([]);
    await peer.flush();
    expect(heard).toEqual([]);
    expect(session.idleSinceMs).toBeUndefined();
  });

  test("reports that a client has left with the next connection's first bytes, or soon when there is none", async () => {
    const { clock, peer, session } = rig();
    const pair = session.open(80, new Listener());
    await settle();
    const [, data = 0] = peer.opened;
    pair.end();
    await settle();
    expect(peer.ended).toEqual([]);
    const next = session.open(80, new Listener());
    next.write(Uint8Array.of(1));
    await settle();
    expect(peer.ended).toEqual([data]);
    next.end();
    await clock.advance(kubeLimits.flushDelayMs);
    expect(peer.ended).toEqual([data, peer.opened[3] ?? 0]);
  });

  test("that sent nothing is free at once", async () => {
    const { session, heard } = rig();
    session.open(80, new Listener()).end();
    expect(heard).toEqual(["free"]);
  });

  test("needs no proof when the pod had the last word, and is free though the runtime takes a second to close the connection", async () => {
    const { peer, session, heard } = rig();
    const listener = new Listener();
    const pair = session.open(80, listener);
    pair.write(Uint8Array.of(1));
    await settle();
    const [error = 0, data = 0] = peer.opened;
    peer.mux.write(data, Uint8Array.of(2));
    await peer.flush();
    pair.end();
    expect([heard, session.openStreams]).toEqual([["free"], 1]);
    session.open(80, new Listener());
    peer.mux.end(error);
    peer.mux.end(data);
    await peer.flush();
    expect(listener.events).toEqual(["data", "ended", "closed"]);
    expect(session.usable).toBe(true);
  });

  /** A connection that has sent this much and received one byte since, and ends after the pod or before it. */
  async function answered({ session, peer }: ReturnType<typeof rig>, sentBytes: number, first: "pod" | "client"): Promise<void> {
    const pair = session.open(80, new Listener());
    pair.write(new Uint8Array(sentBytes));
    await settle();
    const [error = 0, data = 0] = peer.opened;
    peer.mux.write(data, Uint8Array.of(2));
    if (first === "pod") for (const stream of [error, data]) peer.mux.end(stream);
    await peer.flush();
    pair.end();
    await settle();
  }

  test.each([
    ["the pod ended first", 1, "pod"],
    ["more was sent than a socket takes unread", 100_000, "client"],
  ] as const)("needs a proof though the pod had the last word, when %s", async (_, sentBytes, first) => {
    const all = rig();
    await answered(all, sentBytes, first);
    expect(all.heard).toEqual([]);
    await all.peer.flush();
    expect(all.heard).toEqual(["free"]);
  });

  test("needs a proof again when a connection fails whose client seemed to have left", async () => {
    const all = rig();
    const { peer, session, heard } = all;
    await answered(all, 1, "client");
    expect(heard).toEqual(["free"]);
    peer.mux.write(peer.opened[0] ?? 0, new TextEncoder().encode("connection reset by peer"));
    peer.mux.end(peer.opened[0] ?? 0);
    await peer.flush();
    expect(session.idleSinceMs).toBeUndefined();
    await peer.flush();
    expect(heard).toEqual(["free", "free"]);
  });

  test("is no longer free when more comes for a client that seemed to have gone", async () => {
    const { clock, peer, session, heard } = rig();
    await leave(session);
    await peer.flush();
    expect(heard).toEqual(["free"]);
    const [error = 0, data = 0] = peer.opened;
    peer.mux.write(data, Uint8Array.of(2));
    await peer.flush();
    expect(session.idleSinceMs).toBeUndefined();
    await clock.advance(5000);
    peer.mux.end(error);
    peer.mux.end(data);
    await peer.flush();
    await peer.flush();
    expect([heard, session.openStreams]).toEqual([["free", "free"], 0]);
  });

  test("that cannot prove itself beside a connection which is leaving ends with that one", async () => {
    const { clock, peer, session, heard } = rig();
    await leave(session);
    await clock.advance(3000);
    session.tick(clock.now(), true);
    expect([heard, session.usable]).toEqual([[], false]);
    for (const stream of peer.opened) peer.mux.end(stream);
    await peer.flush();
    expect(heard).toEqual(["gone"]);
  });

  test("lives on while a pod that does not read blocks one of its peer's workers, which is pinged less and less", async () => {
    const { clock, session, far } = bareRig();
    const listener = new Listener();
    session.open(80, listener);
    const held = withBlockedWorker(far, { worker: 2, replies: true });
    await pass({ clock, session }, 600);
    expect(listener.events).toEqual([]);
    // The peer reads on until fifty frames are waiting.
    expect(held.pings).toBeGreaterThan(1);
    expect(held.pings).toBeLessThan(50);
  });

  test("fails a connection whose worker is blocked, and takes no more", async () => {
    const { clock, session, far } = bareRig();
    const listener = new Listener();
    session.open(80, listener);
    withBlockedWorker(far, { worker: 3, replies: false });
    await pass({ clock, session }, 4);
    expect(listener.events).toEqual(["failed"]);
    expect(listener.failure?.message).toBe("the pod's node did not accept the connection");
    expect(session.usable).toBe(false);
  });

  test("does not fail a connection when the blocked worker is another's", async () => {
    const { clock, session, far } = bareRig();
    const listener = new Listener();
    session.open(80, listener);
    withBlockedWorker(far, { worker: 2, replies: false });
    await pass({ clock, session }, 4);
    expect(listener.events).toEqual([]);
  });

  test("waits for a peer that is only slow to accept a connection", async () => {
    const { clock, peer, session } = rig();
    const listener = new Listener();
    session.open(80, listener);
    await pass({ clock, session }, 9);
    await peer.flush();
    session.tick(clock.now(), true);
    expect([listener.events, session.usable]).toEqual([[], true]);
  });

  test("whose peer answers nothing at all is dead, though others on the way are heard", async () => {
    const { clock, session, far } = bareRig();
    far.start({ onData() {}, onEnd() {}, onDrain() {}, onClose() {} });
    const listener = new Listener();
    session.open(80, listener);
    await pass({ clock, session }, 15);
    expect(listener.events).toEqual(["failed"]);
  });

  test("that is lost while a reader pauses delivers nothing of it when the reader goes on", async () => {
    const { peer, session } = rig();
    const listener = new Listener();
    const pipe = session.open(80, listener);
    await settle();
    pipe.pause();
    peer.mux.write(peer.opened[1] ?? 0, Uint8Array.of(1));
    await peer.flush();
    await peer.lose();
    pipe.resume();
    expect(listener.events).toEqual(["failed"]);
  });

  test("that carries nothing ends when the peer goes away", async () => {
    const { peer, heard } = rig();
    peer.mux.goAway();
    await peer.flush();
    expect(heard).toEqual(["gone"]);
  });

  test("that may not be used any more when it comes to it loses the connection instead of throwing", async () => {
    const { peer, session } = rig();
    session.open(80, new Listener());
    peer.mux.goAway();
    await peer.flush();
    expect(session.usable).toBe(false);
    const listener = new Listener();
    session.open(80, listener);
    await settle();
    expect(listener.events).toEqual(["failed"]);
  });
});

describe("the sessions to a pod", () => {
  function pool() {
    const clock = new ManualClock();
    const peers: FakePeer[] = [];
    const sessions = new PodSessions({
      clock,
      pod: "web-1",
      open: () => {
        const [near, far] = memoryPair();
        peers.push(new FakePeer(far));
        return Promise.resolve(near);
      },
      onLost: () => {},
    });
    return { clock, sessions, peers };
  }

  /** Lets seconds pass for all of them, while their peers answer. */
  async function passAnswered({ clock, sessions, peers }: ReturnType<typeof pool>, seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      await clock.advance(1000);
      for (const peer of peers) await peer.flush();
      sessions.tick(clock.now());
      for (const peer of peers) await peer.flush();
    }
  }

  test("do not count as free when given back while another connection uses them", async () => {
    const { sessions } = pool();
    const shared = await sessions.acquire();
    shared.open(80, new Listener());
    sessions.release(shared);
    expect(await sessions.acquire()).not.toBe(shared);
  });

  test("are not given out once another was lost, until their peers were heard again", async () => {
    const { clock, sessions, peers } = pool();
    (await sessions.acquire()).open(80, new Listener());
    const free = await sessions.acquire();
    sessions.release(free);
    await clock.advance(10);
    await peers[0]?.lose();
    const opened = await sessions.acquire();
    expect(opened).not.toBe(free);
    opened.open(80, new Listener());
    await peers[1]?.flush();
    expect(await sessions.acquire()).toBe(free);
  });

  test("that were being opened when another was lost are opened again, whether they come or fail", async () => {
    const clock = new ManualClock();
    const attempts: PromiseWithResolvers<MemoryConn>[] = [];
    const open = (): Promise<MemoryConn> => {
      attempts.push(Promise.withResolvers<MemoryConn>());
      return attempts.at(-1)?.promise as Promise<MemoryConn>;
    };
    const sessions = new PodSessions({ clock, pod: "web-1", open, onLost: () => {} });
    const arrive = (nth: number): FakePeer => {
      const [near, far] = memoryPair();
      attempts[nth]?.resolve(near);
      return new FakePeer(far);
    };
    const first = sessions.acquire();
    const far = arrive(0);
    (await first).open(80, new Listener());
    await clock.advance(tunnelLimits.spareDelayMs);
    await far.lose();
    const second = sessions.acquire();
    attempts[1]?.reject(new KtError("cluster-unreachable", "connection reset"));
    await settle();
    arrive(2);
    expect((await second).usable).toBe(true);
    expect(attempts).toHaveLength(3);
  });

  test.each([
    [0, 3, "sessions"],
    [tunnelLimits.quickFailureMs, 2, "no session"],
  ])("that cannot be opened any more after %p ms: %p attempts give %s", async (afterMs, count, outcome) => {
    const clock = new ManualClock();
    const attempts: PromiseWithResolvers<MemoryConn>[] = [];
    const open = (): Promise<MemoryConn> => {
      attempts.push(Promise.withResolvers<MemoryConn>());
      return attempts.at(-1)?.promise as Promise<MemoryConn>;
    };
    const sessions = new PodSessions({ clock, pod: "web-1", open, onLost: () => {} });
    const first = sessions.acquire();
    const [near, far] = memoryPair();
    new FakePeer(far);
    attempts[0]?.resolve(near);
    (await first).open(80, new Listener());
    const second = Promise.resolve(sessions.acquire()).then(
      () => "sessions",
      () => "no session",
    );
    (await first).close();
    await clock.advance(afterMs);
    attempts[1]?.reject(new KtError("cluster-unreachable", "connection reset"));
    await settle();
    attempts[2]?.resolve(memoryPair()[0]);
    expect([await second, attempts.length]).toEqual([outcome, count]);
  });

  test("that a burst was given first carry the rest of it too, while more are opened", async () => {
    const clock = new ManualClock();
    let opened = 0;
    const open = (): Promise<MemoryConn> => {
      opened += 1;
      if (opened > 2) return new Promise(() => {});
      const [near, far] = memoryPair();
      new FakePeer(far);
      return Promise.resolve(near);
    };
    const sessions = new PodSessions({ clock, pod: "web-1", open, onLost: () => {} });
    const warm = await Promise.all([sessions.acquire(), sessions.acquire(), clock.advance(tunnelLimits.burstGatherMs)]);
    for (const session of warm) if (session) sessions.release(session);
    const burst = Promise.all(Array.from({ length: 50 }, async () => (await sessions.acquire()).open(80, new Listener())));
    await clock.advance(tunnelLimits.burstGatherMs);
    await burst;
    expect([sessions.count, sessions.busyStreams]).toEqual([2, 50]);
    expect(opened).toBeGreaterThan(2);
  });

  test("carry one connection after the other, though the runtime is slow to close them", async () => {
    const { sessions, peers } = pool();
    for (let count = 0; count < 50; count++) {
      await leave(await sessions.acquire());
      await peers[0]?.flush();
    }
    expect([sessions.count, sessions.busyStreams]).toEqual([1, 0]);
  });

  test("are not given out for free once more comes for a client that seemed to have gone", async () => {
    const { sessions, peers } = pool();
    const first = await sessions.acquire();
    await leave(first);
    await peers[0]?.flush();
    peers[0]?.mux.write(peers[0]?.opened[1] ?? 0, Uint8Array.of(2));
    await peers[0]?.flush();
    expect(await sessions.acquire()).not.toBe(first);
  });

  test("that are retired while they prove themselves are not given to a connection that waits", async () => {
    const { sessions, peers } = pool();
    const first = await sessions.acquire();
    await leave(first);
    const waiting = sessions.acquire();
    first.retire();
    await peers[0]?.flush();
    expect(await waiting).not.toBe(first);
  });

  test("are retired beside one whose last connection does not end", async () => {
    const { clock, sessions, peers } = pool();
    const pairs: Pipe[] = [];
    for (let count = 0; count < 20; count++) pairs.push((await sessions.acquire()).open(80, new Listener()));
    await settle();
    for (const [at, pair] of pairs.entries()) {
      // The first client's connection never ends.
      if (at > 0) for (const stream of peers[at]?.opened ?? []) peers[at]?.mux.end(stream);
      await peers[at]?.flush();
      pair.end();
    }
    await passAnswered({ clock, sessions, peers }, 120);
    expect(sessions.count).toBeLessThanOrEqual(1 + tunnelLimits.spareSessionsPerPod);
  });

  test("are not retired while the end of a connection is still to come", async () => {
    const { clock, sessions, peers } = pool();
    const listener = new Listener();
    await leave(await sessions.acquire(), listener);
    await peers[0]?.flush();
    await passAnswered({ clock, sessions, peers }, 60);
    expect([listener.events, sessions.count]).toEqual([[], 1]);
  });

  test("to a pod that is gone stay until their last connection ends, and none is opened to the new pod of its name", async () => {
    const { sessions, peers } = pool();
    const busy = await sessions.acquire();
    const listener = new Listener();
    const pair = busy.open(80, listener);
    await settle();
    sessions.retire();
    expect([sessions.count, listener.events]).toEqual([1, []]);
    const [peer] = peers;
    for (const stream of peer?.opened ?? []) peer?.mux.end(stream);
    await peer?.flush();
    pair.end();
    await settle();
    expect(sessions.count).toBe(0);
    expect(await sessions.acquire()).not.toBe(busy);
  });

  test("that were being opened when their pod went are opened again", async () => {
    const { sessions, peers } = pool();
    const waiting = sessions.acquire();
    sessions.retire();
    await waiting;
    expect([peers.length, sessions.count]).toEqual([2, 1]);
  });

  test("are in use as long as a spare will be opened", async () => {
    const { clock, sessions } = pool();
    const only = await sessions.acquire();
    only.open(80, new Listener());
    only.close();
    expect(sessions.count).toBe(0);
    // A pool that is about to open a session must not be dropped as unused.
    expect(sessions.isUnused).toBe(false);
    await clock.advance(50);
    expect(sessions.count).toBe(1);
  });

  test("that take no more connections leave room for others, up to the cap", async () => {
    const { sessions, peers } = pool();
    for (let at = 0; at < tunnelLimits.sessionsPerPod; at++) (await sessions.acquire()).open(80, new Listener());
    expect((await sessions.acquire()).openStreams).toBe(1);
    for (const peer of peers) {
      peer.mux.goAway();
      await peer.flush();
    }
    expect((await sessions.acquire()).openStreams).toBe(0);
  });
});
