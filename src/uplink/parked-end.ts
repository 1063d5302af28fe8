/** The uplink's end of the transport tls: keeps connections at its edge that wait for work, more of them after a burst. */

import { readFile } from "node:fs/promises";
import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { withDeadline } from "#base/deadline.ts";
import { KtError, messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { systemReason } from "#base/system-error.ts";
import type { UplinkDocument } from "#expose/host/uplink-document.ts";
import { connectPinned } from "#net/pinned-tls.ts";
import { type Identity, identityOf } from "#tls/identity.ts";
import { type UplinkGreeting, uplinkGreetings } from "#wire/uplink-frame.ts";
import { uplinkLimits } from "./limits.ts";

export interface ParkedEndOptions {
  /** PEM, PKCS#8, of EC P-256. */
  readonly keyFile: string;
  /** The edge asks for something on it; its request is still to be read. */
  readonly accept: (conn: Conn) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export class ParkedEnd {
  readonly #options: ParkedEndOptions;
  #document: UplinkDocument | undefined;
  /** Of the key as it was read last. */
  #identity: Identity | undefined;
  readonly #parked = new Set<Conn>();
  #dialling = 0;
  /** How many are to wait: bursts double it, and quiet halves it. */
  #wanted: number = uplinkLimits.fewestParked;
  #failure = "it has not reached its edge yet";
  #cancelRetry: (() => void) | undefined;
  #cancelQuiet: (() => void) | undefined;
  readonly #stop = new AbortController();

  constructor(options: ParkedEndOptions) {
    this.#options = options;
  }

  /** Why nothing can come through; undefined where it can. */
  get problem(): string | undefined {
    return this.#parked.size > 0 || this.#failure === "" ? undefined : this.#failure;
  }

  follow(document: UplinkDocument): void {
    const before = this.#document?.edge;
    this.#document = document;
    const { host, port, publicKey } = document.edge;
    const isElsewhere = before && (before.host !== host || before.port !== port || before.publicKey !== publicKey);
    if (isElsewhere) for (const conn of this.#parked) conn.abort();
    this.#fill();
  }

  /** One to the edge's page. Rejects with why not. */
  async connectPage(): Promise<Conn> {
    return await this.#connect("page");
  }

  /** Gives up what waits; what the edge has taken goes on. */
  close(): void {
    this.#stop.abort();
    this.#cancelRetry?.();
    this.#cancelQuiet?.();
    for (const conn of this.#parked) conn.abort();
  }

  #fill(): void {
    if (this.#stop.signal.aborted || !this.#document || this.#cancelRetry) return;
    // An edge that does not answer is asked once at a time.
    const most = this.#failure === "" ? uplinkLimits.parkedDials : 1;
    while (this.#parked.size + this.#dialling < this.#wanted && this.#dialling < most) void this.#dial();
  }

  async #dial(): Promise<void> {
    this.#dialling += 1;
    try {
      this.#park(await this.#connect("parked"));
      this.#failure = "";
    } catch (error) {
      this.#failed(error instanceof KtError ? messageOf(error) : systemReason(error));
    } finally {
      this.#dialling -= 1;
      this.#fill();
    }
  }

  #failed(problem: string): void {
    const { clock, log } = this.#options;
    if (this.#stop.signal.aborted) return;
    if (problem !== this.#failure) log("warn", "tunnel-failed", { text: problem });
    this.#failure = problem;
    this.#cancelRetry ??= clock.after(uplinkLimits.retryMs, () => {
      this.#cancelRetry = undefined;
      this.#fill();
    });
  }

  #park(conn: Conn): void {
    if (this.#stop.signal.aborted) {
      conn.abort();
      return;
    }
    this.#parked.add(conn);
    const leave = (): boolean => this.#parked.delete(conn);
    conn.start({
      onData: (bytes) => {
        conn.pause();
        conn.unread(bytes);
        leave();
        if (this.#parked.size === 0) this.#grow();
        this.#options.accept(conn);
        this.#fill();
      },
      onEnd: () => conn.abort(),
      onDrain() {},
      onClose: () => {
        if (leave()) this.#fill();
      },
    });
  }

  #grow(): void {
    this.#wanted = Math.min(this.#wanted * 2, uplinkLimits.mostParked);
    this.#cancelQuiet?.();
    this.#cancelQuiet = this.#options.clock.after(uplinkLimits.parkedQuietMs, () => this.#shrink());
  }

  /** Those that are too many are used up by and by: closing one might cut what the edge is about to ask. */
  #shrink(): void {
    this.#wanted = Math.max(Math.floor(this.#wanted / 2), uplinkLimits.fewestParked);
    const isLeast = this.#wanted === uplinkLimits.fewestParked;
    this.#cancelQuiet = isLeast ? undefined : this.#options.clock.after(uplinkLimits.parkedQuietMs, () => this.#shrink());
  }

  /** Its edge has shown its key and taken ours. */
  async #connect(greeting: UplinkGreeting): Promise<Conn> {
    const document = this.#document;
    if (!document) throw new KtError("connection-lost", "it has no document yet");
    const { host, port, publicKey: pin } = document.edge;
    const identity = await this.#readIdentity();
    const late = new KtError("connection-lost", `the edge ${host}:${port} does not answer`);
    const { clock } = this.#options;
    return await withDeadline(
      clock,
      uplinkLimits.edgeConnectMs,
      this.#stop.signal,
      () => late,
      async (signal) => {
        const conn = await connectPinned({ host, port, identity, pin, signal });
        conn.write(uplinkGreetings[greeting]);
        await welcomed(conn, signal);
        return conn;
      },
    );
  }

  async #readIdentity(): Promise<Identity> {
    const { keyFile } = this.#options;
    let pem: string;
    try {
      pem = await readFile(keyFile, "utf8");
    } catch (error) {
      throw new KtError("connection-lost", `its key "${keyFile}" cannot be read: ${systemReason(error)}`);
    }
    // Its certificate is signed once, and not for each connection.
    const identity = pem === this.#identity?.key ? this.#identity : identityOf(pem, this.#options.clock.wallMs());
    this.#identity = identity;
    if (!identity) throw new KtError("connection-lost", `"${keyFile}" is not a key of EC P-256 in PEM`);
    return identity;
  }
}

/** Resolves when the edge has said that it keeps the connection, which is paused then. Where it rejects, the Conn was aborted. */
function welcomed(conn: Conn, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      signal.removeEventListener("abort", onAbort);
      reject(error);
      conn.abort();
    };
    const onAbort = (): void => fail(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const refused = (): void => fail(new KtError("connection-lost", "the edge does not know this uplink's key"));
    conn.start({
      onData: (bytes) => {
        signal.removeEventListener("abort", onAbort);
        conn.pause();
        conn.unread(bytes.subarray(1));
        resolve();
      },
      onEnd: refused,
      onDrain() {},
      onClose: refused,
    });
  });
}
