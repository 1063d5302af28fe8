/** HTTP/2 peers that do exactly what a test says, frame by frame, in memory: for what no well-behaved library would do. */

import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { type MemoryConn, memoryPair } from "./memory-conn.ts";
import { Backends } from "#proxy/http1/backends.ts";
import type { Found } from "#route/lookup.ts";
import { usualRetry } from "./retry.ts";
import { CounterTable } from "#observe/counters.ts";
import type { KtEvent } from "#observe/events.ts";
import type { Link } from "#proxy/door/dialer.ts";
import { type H2Connection, type H2Options, serveH2 } from "#proxy/h2/h2.ts";
import { SpeechMemory } from "#proxy/h2/speech-memory.ts";
import { type FrameSink, H2FrameDecoder } from "#wire/h2-decoder.ts";
import { encodeFrame, encodeHeadersFrames, encodeSettings, frameTypes, h2Preface, type Setting, settingsAck } from "#wire/h2-frame.ts";
import { encodeHeaderBlock, HpackDecoder } from "#wire/hpack.ts";
import type { Header } from "#wire/http-head.ts";
import { routeTo } from "./h2-peers.ts";
import { ManualClock } from "./manual-clock.ts";

export interface RawEvent {
  readonly type: "headers" | "data" | "reset" | "settings" | "settings-ack" | "ping" | "goaway" | "window" | "end" | "closed";
  readonly streamId: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly endStream: boolean;
  /** Of a reset or GOAWAY the error code, of a window update the increment, of a ping 1 for an ack. */
  readonly code: number;
}

interface Waiter {
  readonly wants: (event: RawEvent) => boolean;
  readonly resolve: (event: RawEvent) => void;
}

export class RawPeer implements ConnHandler, FrameSink {
  readonly #conn: Conn;
  readonly #decoder = new H2FrameDecoder(this);
  readonly #hpack = new HpackDecoder(Number.POSITIVE_INFINITY);
  #prefaceDue: number;
  readonly #mute: boolean;
  /** What came and was not asked for yet. */
  readonly events: RawEvent[] = [];
  #waiters: Waiter[] = [];
  /** DATA bytes that came, by stream. */
  readonly receivedBytes = new Map<number, number>();

  /** `mute`: it says nothing of its own accord, no preface and no settings. */
  constructor(conn: Conn, role: "client" | "server", settings: readonly Setting[] | "mute" = []) {
    this.#conn = conn;
    this.#prefaceDue = role === "server" ? h2Preface.length : 0;
    conn.start(this);
    this.#mute = settings === "mute";
    if (settings === "mute") return;
    if (role === "client") this.send(h2Preface);
    this.send(encodeSettings(settings));
  }

  send(...frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.#conn.write(frame);
  }

  headers(streamId: number, fields: Readonly<Record<string, string>> | readonly Header[], endStream = false): void {
    const list = Array.isArray(fields) ? (fields as readonly Header[]) : Object.entries(fields);
    this.send(encodeHeadersFrames(streamId, encodeHeaderBlock(list), endStream, 16384));
  }

  data(streamId: number, text: string | Uint8Array, endStream = false): void {
    this.send(encodeFrame(frameTypes.data, endStream ? 1 : 0, streamId, typeof text === "string" ? Buffer.from(text) : text));
  }

  /** A well-formed GET (or another request), complete unless `endStream` is false. */
  request(streamId: number, more: Readonly<Record<string, string>> = {}, endStream = true): void {
    this.headers(streamId, { ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "web.localhost", ...more }, endStream);
  }

  /** The next event of that type (on that stream), waiting for it; others stay for later. */
  next(type: RawEvent["type"], streamId?: number): Promise<RawEvent> {
    const wants = (event: RawEvent): boolean => event.type === type && (streamId === undefined || event.streamId === streamId);
    const at = this.events.findIndex(wants);
    const found = at < 0 ? undefined : this.events.splice(at, 1)[0];
    if (found) return Promise.resolve(found);
    return new Promise((resolve) => this.#waiters.push({ wants, resolve }));
  }

  /** Resolves when everything sent so far has been handled: a ping that is answered. */
  async settled(): Promise<void> {
    this.send(encodeFrame(frameTypes.ping, 0, 0, new Uint8Array(8)));
    await this.next("ping");
  }

  end(): void {
    this.#conn.end();
  }

  abort(): void {
    this.#conn.abort();
  }

  onData(bytes: Uint8Array): void {
    const skipped = Math.min(this.#prefaceDue, bytes.length);
    this.#prefaceDue -= skipped;
    this.#decoder.receive(bytes.subarray(skipped));
  }
  onEnd(): void {
    this.#tell({ type: "end" });
  }
  onDrain(): void {}
  onClose(): void {
    this.#tell({ type: "closed" });
  }
  onDataPiece(streamId: number, bytes: Uint8Array, _paddingBytes: number, endStream: boolean): void {
    this.receivedBytes.set(streamId, (this.receivedBytes.get(streamId) ?? 0) + bytes.length);
    this.#tell({ type: "data", streamId, text: Buffer.from(bytes).toString("latin1"), endStream });
  }
  onHeaderBlock(streamId: number, block: Uint8Array, endStream: boolean): void {
    this.#tell({ type: "headers", streamId, headers: Object.fromEntries(this.#hpack.decode(block).headers), endStream });
  }
  onReset(streamId: number, code: number): void {
    this.#tell({ type: "reset", streamId, code });
  }
  onSettings(): void {
    this.#tell({ type: "settings" });
    if (!this.#mute) this.send(settingsAck);
  }
  onSettingsAck(): void {
    this.#tell({ type: "settings-ack" });
  }
  onPing(opaque: Uint8Array, ack: boolean): void {
    this.#tell({ type: "ping", text: Buffer.from(opaque).toString("latin1"), code: ack ? 1 : 0 });
  }
  onGoaway(lastStreamId: number, code: number): void {
    this.#tell({ type: "goaway", streamId: lastStreamId, code });
  }
  onWindowUpdate(streamId: number, incrementBytes: number): void {
    this.#tell({ type: "window", streamId, code: incrementBytes });
  }
  onIdleFrame(): void {}

  #tell(event: Partial<RawEvent> & Pick<RawEvent, "type">): void {
    const whole = { streamId: 0, headers: {}, text: "", endStream: false, code: 0, ...event };
    const waiter = this.#waiters.find(({ wants }) => wants(whole));
    if (waiter) {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      waiter.resolve(whole);
    } else this.events.push(whole);
  }
}

/** A link of a test, with what was done to it. */
export class RawLink implements Link {
  readonly conn: MemoryConn;
  readonly peer: RawPeer;
  readonly pod = "web-0";
  appProtocol: string | undefined;
  isUsable = true;
  parked = false;

  constructor(settings: readonly Setting[] | "mute") {
    const [near, far] = memoryPair();
    this.conn = near;
    this.peer = new RawPeer(far, "server", settings);
  }
  usable(): boolean {
    return this.isUsable;
  }
  park(): void {
    this.parked = true;
  }
  unpark(): void {
    this.parked = false;
  }
}

export interface RawDoor {
  readonly client: RawPeer;
  readonly connection: H2Connection;
  readonly clock: ManualClock;
  readonly counters: CounterTable;
  readonly events: KtEvent[];
  /** Every connection that was dialed, in order. */
  readonly links: RawLink[];
  /** The backend of that number, once it is dialed. */
  backend(index: number): Promise<RawPeer>;
}

/** A client and a front door, in memory, whose dials all reach scripted backends. */
export function rawDoor(
  more: { settings?: readonly Setting[] | "mute"; backendSettings?: readonly Setting[] | "mute"; options?: Partial<H2Options> } = {},
): RawDoor {
  const clock = new ManualClock();
  const counters = new CounterTable();
  const events: KtEvent[] = [];
  const links: RawLink[] = [];
  const waiting = new Map<number, PromiseWithResolvers<RawPeer>>();
  const backend = (index: number): Promise<RawPeer> => {
    const waiter = waiting.get(index) ?? Promise.withResolvers<RawPeer>();
    waiting.set(index, waiter);
    const link = links[index];
    if (link) waiter.resolve(link.peer);
    return waiter.promise;
  };
  const options: H2Options = {
    router: {
      decide(authority: string): Found {
        if (authority.startsWith("unknown")) throw new KtError("host-unknown", `no route has the name "${authority}"`);
        return routeTo(authority.split(".")[0] ?? "", 80);
      },
    },
    async dial(): Promise<Link> {
      const link = new RawLink(more.backendSettings ?? []);
      waiting.get(links.push(link) - 1)?.resolve(link.peer);
      return link;
    },
    backends: new Backends({ dial: async () => await Promise.reject(new KtError("port-refused", "there is no HTTP/1 here")) }, clock),
    speech: new SpeechMemory(clock),
    counters,
    retryOf: usualRetry,
    report: (event) => void events.push(event),
    clock,
    log: silentLog,
    clientAddress: undefined,
    scheme: "http",
    ...more.options,
  };
  const [near, far] = memoryPair();
  const connection = serveH2(near, options);
  return { client: new RawPeer(far, "client", more.settings), connection, clock, counters, events, links, backend };
}
