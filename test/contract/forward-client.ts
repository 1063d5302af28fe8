/** A port-forward client as small as can be: one upgraded connection, its SPDY session, and what each stream heard, to be awaited. */

import { randomBytes } from "node:crypto";
import { concatBytes } from "#base/bytes.ts";
import type { Conn } from "#base/conn.ts";
import { resetStatus } from "#wire/spdy-frame.ts";
import { SpdySession } from "#mux/session.ts";
import type { Header, ResponseHead } from "#wire/http-head.ts";
import { portForwardProtocols, streamHeaders } from "#wire/portforward.ts";
import { WsDecoder } from "#wire/ws-decoder.ts";
import { encodeWsFrame, wsOpcodes } from "#wire/ws-frame.ts";
import type { ApiAccess } from "./api-access.ts";
import { upgradeRequest } from "./raw-request.ts";

/** The ways to upgrade: SPDY asked for with POST or GET, or SPDY inside a WebSocket. */
export const ways = ["spdy-post", "spdy-get", "websocket"] as const;
export type Way = (typeof ways)[number];

const upgradeHeaders: Readonly<Record<"spdy" | "websocket", () => readonly Header[]>> = {
  spdy: () => [
    ["Connection", "Upgrade"],
    ["Upgrade", portForwardProtocols.spdy],
    ["X-Stream-Protocol-Version", portForwardProtocols.stream],
  ],
  websocket: () => [
    ["Connection", "Upgrade"],
    ["Upgrade", "websocket"],
    ["Sec-WebSocket-Version", "13"],
    ["Sec-WebSocket-Key", randomBytes(16).toString("base64")],
    ["Sec-WebSocket-Protocol", portForwardProtocols.webSocketTunnel],
  ],
};

/** Sends the upgrade and returns what came back, whatever its status. */
export function askUpgrade(
  access: ApiAccess,
  path: string,
  way: Way,
  extra: readonly Header[] = [],
): Promise<{ readonly head: ResponseHead; readonly conn: Conn }> {
  const method = way === "spdy-post" ? "POST" : "GET";
  const headers = [...upgradeHeaders[way === "websocket" ? "websocket" : "spdy"](), ...extra];
  return upgradeRequest(access, path, { method, headers });
}

/** What a stream has heard so far; `until` waits for more. */
export class HeardStream {
  readonly #chunks: Uint8Array[] = [];
  #wake = Promise.withResolvers<void>();
  ended = false;
  resetStatus: number | undefined;
  sessionClosed = false;

  get bytes(): Uint8Array {
    return concatBytes(this.#chunks.length === 0 ? [new Uint8Array(0)] : this.#chunks);
  }

  get text(): string {
    return Buffer.from(this.bytes).toString();
  }

  get over(): boolean {
    return this.ended || this.resetStatus !== undefined || this.sessionClosed;
  }

  heard(change: () => void): void {
    change();
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  add(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#chunks.push(bytes);
  }

  async until(condition: (stream: HeardStream) => boolean): Promise<this> {
    while (!condition(this)) {
      if (this.sessionClosed) throw new Error(`the session closed first; heard ${JSON.stringify(this.text.slice(0, 200))}`);
      await this.#wake.promise;
    }
    return this;
  }
}

/** One forwarded connection: its two streams. */
export interface Forwarded {
  readonly dataId: number;
  readonly errorId: number;
  readonly data: HeardStream;
  readonly error: HeardStream;
}

export class ForwardClient {
  readonly #session = new SpdySession({ role: "client" });
  readonly #conn: Conn;
  readonly #frame: (bytes: Uint8Array) => Uint8Array;
  readonly #streams = new Map<number, HeardStream>();
  readonly #pongs: PromiseWithResolvers<void>[] = [];
  #nextRequest = 0;
  /** Resolves when the connection is over. */
  readonly closed: Promise<void>;

  constructor(conn: Conn, way: Way) {
    this.#conn = conn;
    const closed = Promise.withResolvers<void>();
    this.closed = closed.promise;
    const receive = (bytes: Uint8Array): void => this.#receive(bytes);
    const webSocket = new WsDecoder("client", {
      onMessage: (_kind, bytes) => receive(bytes),
      onPing: (payload) => void conn.write(encodeWsFrame(wsOpcodes.pong, [payload], { mask: 0 })),
      onPong() {},
      onClose: () => conn.abort(),
    });
    this.#frame = way === "websocket" ? (bytes) => encodeWsFrame(wsOpcodes.binary, [bytes], { mask: 0x12345678 }) : (bytes) => bytes;
    const over = (): void => {
      for (const stream of this.#streams.values()) {
        stream.heard(() => {
          stream.sessionClosed = true;
        });
      }
      closed.resolve();
    };
    conn.start({ onData: way === "websocket" ? (bytes) => webSocket.decode(bytes) : receive, onEnd: over, onDrain() {}, onClose: over });
  }

  /** Upgrades and expects to succeed. */
  static async open(access: ApiAccess, path: string, way: Way): Promise<ForwardClient> {
    const { head, conn } = await askUpgrade(access, path, way);
    if (head.status !== 101) throw new Error(`the upgrade was answered with ${head.status}`);
    return new ForwardClient(conn, way);
  }

  /** Opens the two streams of one connection to a port of the pod. */
  forward(port: number): Forwarded {
    const request = String(this.#nextRequest++);
    const errorId = this.#session.open(streamHeaders("error", port, request), { fin: true });
    const dataId = this.#session.open(streamHeaders("data", port, request));
    const data = new HeardStream();
    const error = new HeardStream();
    this.#streams.set(dataId, data).set(errorId, error);
    this.#flush();
    return { dataId, errorId, data, error };
  }

  write(to: Forwarded, text: string | Uint8Array): void {
    this.#session.write(to.dataId, typeof text === "string" ? Buffer.from(text) : text);
    this.#flush();
  }

  end(to: Forwarded): void {
    this.#session.end(to.dataId);
    this.#flush();
  }

  reset(to: Forwarded): void {
    this.#session.reset(to.dataId, resetStatus.cancel);
    this.#flush();
  }

  ping(): Promise<void> {
    const pong = Promise.withResolvers<void>();
    this.#pongs.push(pong);
    this.#session.ping();
    this.#flush();
    return pong.promise;
  }

  abort(): void {
    this.#conn.abort();
  }

  #receive(bytes: Uint8Array): void {
    this.#session.receive(bytes.slice(), (event) => {
      if (event.type === "pong") this.#pongs.shift()?.resolve();
      if (event.type !== "data" && event.type !== "reset") return;
      const stream = this.#streams.get(event.stream);
      stream?.heard(() => {
        if (event.type === "reset") stream.resetStatus = event.status;
        else {
          stream.add(event.bytes);
          if (event.fin) stream.ended = true;
        }
      });
    });
    this.#flush();
  }

  #flush(): void {
    for (const bytes of this.#session.take()) this.#conn.write(this.#frame(bytes));
  }
}
