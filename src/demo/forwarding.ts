/** One forwarded connection on the node: from a pair of streams to a port of the pod, ending the way containerd ends it. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";
import type { SessionEvent } from "#mux/events.ts";
import { connectTcp } from "#net/tcp.ts";
import type { RuntimePod } from "./cluster.ts";

export interface ForwardingOptions {
  readonly dataStream: number;
  readonly errorStream: number;
  readonly port: number;
  readonly pod: RuntimePod | undefined;
  readonly sandbox: string;
  readonly clock: Clock;
  readonly graceMs: number;
  /** Writes to the data stream; false asks to stop until `drained`. */
  readonly write: (bytes: Uint8Array) => boolean;
  /** Ends both streams, with what went wrong on the error stream. */
  readonly finish: (errorText: string | undefined) => void;
  /** Stops and restarts reading from the session: the program in the pod does not keep up. */
  readonly hold: () => void;
  readonly release: () => void;
}

type State =
  | { readonly kind: "connecting" }
  | { readonly kind: "open"; readonly conn: Conn }
  /** One direction has ended; the other gets a little time. */
  | { readonly kind: "grace"; readonly conn: Conn; readonly errorText: string | undefined; readonly cancel: () => void }
  | { readonly kind: "over" };

const inNamespace = 'failed to execute portforward in network namespace "/var/run/netns/cni-demo": ';

export class Forwarding {
  readonly dataStream: number;
  readonly errorStream: number;
  readonly #options: ForwardingOptions;
  readonly #abort = new AbortController();
  #state: State = { kind: "connecting" };
  /** What the client sent before the connection to the pod was there. */
  #early: Uint8Array[] = [];
  #clientEnded = false;
  #holding = false;

  constructor(options: ForwardingOptions) {
    this.#options = options;
    this.dataStream = options.dataStream;
    this.errorStream = options.errorStream;
  }

  begin(): void {
    const { pod, port, sandbox } = this.#options;
    const hostPort = pod?.backends.get(port);
    if (!pod || pod.ended) this.#finish(this.#text(`network namespace for sandbox "${sandbox}" is closed`));
    else if (hostPort === undefined) this.#finish(this.#refused());
    else this.#connect(hostPort);
  }

  #connect(hostPort: number): void {
    connectTcp({ host: "127.0.0.1", port: hostPort, signal: this.#abort.signal }).then(
      (conn) => this.#connected(conn),
      () => this.#finish(this.#refused()),
    );
  }

  /** Data or a reset on one of the two streams. */
  heard(event: Extract<SessionEvent, { type: "data" | "reset" }>): void {
    if (event.stream !== this.dataStream || this.#state.kind === "over") return;
    if (event.type === "data" && event.bytes.length > 0) this.#toPod(event.bytes);
    if (event.type === "reset" || event.fin) this.#endClient();
  }

  /** The session can take more. */
  drained(): void {
    if (this.#state.kind === "open" || this.#state.kind === "grace") this.#state.conn.resume();
  }

  /** The program in the pod has ended, and its sockets with it. */
  podEnded(): void {
    this.#finish(undefined);
  }

  /** The session is over, or the streams were reset: no peer is left to notify. */
  abandon(): void {
    const state = this.#become({ kind: "over" });
    this.#abort.abort();
    if (state.kind === "grace") state.cancel();
    if (state.kind === "open" || state.kind === "grace") state.conn.abort();
    this.#letGo();
  }

  #become(next: State): State {
    const before = this.#state;
    this.#state = next;
    return before;
  }

  #connected(conn: Conn): void {
    if (this.#state.kind !== "connecting") {
      conn.abort();
      return;
    }
    this.#become({ kind: "open", conn });
    conn.start({
      onData: (bytes) => {
        if (!this.#options.write(bytes)) conn.pause();
      },
      onEnd: () => this.#directionEnded(undefined),
      onDrain: () => this.#letGo(),
      onClose: (error) => this.#closed(error),
    });
    for (const bytes of this.#early) this.#toPod(bytes);
    this.#early = [];
    if (this.#clientEnded) this.#directionEnded(undefined);
  }

  #toPod(bytes: Uint8Array): void {
    if (this.#state.kind === "connecting") this.#early.push(bytes);
    if (this.#state.kind !== "open" && this.#state.kind !== "grace") return;
    if (this.#state.conn.write(bytes) || this.#holding) return;
    this.#holding = true;
    this.#options.hold();
  }

  #letGo(): void {
    if (!this.#holding) return;
    this.#holding = false;
    this.#options.release();
  }

  #endClient(): void {
    if (this.#clientEnded) return;
    this.#clientEnded = true;
    this.#directionEnded(undefined);
  }

  #closed(error: KtError | undefined): void {
    this.#letGo();
    if (error)
      this.#directionEnded(
        this.#text(`${inNamespace}read tcp4 127.0.0.1:40000->127.0.0.1:${this.#options.port}: read: connection reset by peer`),
      );
  }

  /**
   * The first direction that ends starts the grace, after which containerd closes both; the second closes at once. A client's
   * half-close never reaches the program in the pod.
   */
  #directionEnded(errorText: string | undefined): void {
    const state = this.#state;
    if (state.kind === "grace") this.#finish(state.errorText ?? errorText);
    if (state.kind !== "open") return;
    const cancel = this.#options.clock.after(this.#options.graceMs, () => this.#finish(errorText));
    this.#become({ kind: "grace", conn: state.conn, errorText, cancel });
  }

  #finish(errorText: string | undefined): void {
    if (this.#state.kind === "over") return;
    const state = this.#become({ kind: "over" });
    this.#abort.abort();
    if (state.kind === "grace") state.cancel();
    if (state.kind === "open" || state.kind === "grace") this.#closeOrderly(state.conn);
    this.#letGo();
    this.#options.finish(errorText);
  }

  /** The program sees the end of its input; whatever it still says is thrown away. */
  #closeOrderly(conn: Conn): void {
    conn.end();
    this.#options.clock.after(this.#options.graceMs, () => conn.abort());
  }

  #refused(): string {
    const { port, sandbox } = this.#options;
    const tries = `IPv4: dial tcp4 127.0.0.1:${port}: connect: connection refused IPv6 dial tcp6: address localhost: no suitable address found `;
    return this.#text(`${inNamespace}failed to connect to localhost:${port} inside namespace "${sandbox}", ${tries}`);
  }

  #text(reason: string): string {
    return `error forwarding port ${this.#options.port} to pod ${this.#options.sandbox}, uid : ${reason}`;
  }
}
