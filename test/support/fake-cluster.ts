/** A Cluster in memory: pods that speak SPDY over memory pairs, and a resolution that tests set. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import type {
  Cluster,
  CollectionRequest,
  Following,
  FollowRequest,
  OpenedExec,
  PodDetail,
  PodLogRequest,
  PodNetwork,
  Resolution,
} from "#kube/objects/types.ts";
import { SpdyExec } from "#kube/stream/exec-spdy.ts";
import type { SessionEvent } from "#mux/events.ts";
import { SpdySession } from "#mux/session.ts";
import { type MemoryConn, memoryPair } from "./memory-conn.ts";
import type { ExecCommand } from "#wire/exec.ts";
import { type FakeProgram, missing, serveExec } from "./fake-exec.ts";
import { ManualClock } from "./manual-clock.ts";
import { FakeJobs } from "./fake-jobs.ts";
import { FakeGrants, FakeServices } from "./fake-services.ts";
import { FakePods } from "./fake-pods.ts";

/** What a pod does with one connection to a port. */
export interface PodConnection {
  readonly port: number;
  write(bytes: Uint8Array): void;
  end(): void;
  /** Ends the forward with a text on the error stream. */
  fail(text: string): void;
  onData: (bytes: Uint8Array) => void;
  onEnd: () => void;
  onReset: () => void;
}

export type PodServer = (connection: PodConnection) => void;

/** Sends everything back, and ends when the client does. */
export const echo: PodServer = (connection) => {
  connection.onData = (bytes) => connection.write(bytes);
  connection.onEnd = () => connection.end();
};

/** Answers as the container runtime does when nothing listens on the port. */
export const refuse: PodServer = ({ port, fail }) =>
  fail(
    `error forwarding port ${port} to pod abc, uid : failed to execute portforward in network namespace "/var/run/netns/cni-1": failed to connect to localhost:${port} inside namespace "abc", IPv4: dial tcp4 127.0.0.1:${port}: connect: connection refused IPv6 dial tcp6 [::1]:${port}: connect: connection refused `,
  );

/** The peer of one session, as kubelet keeps it. */
class PodEnd {
  readonly #conn: MemoryConn;
  readonly #mux = new SpdySession({ role: "server" });
  readonly #errors = new Map<string, number>();
  readonly #connections = new Map<number, PodConnection>();

  constructor(conn: MemoryConn, serve: PodServer) {
    this.#conn = conn;
    conn.start({
      onData: (bytes) => {
        this.#mux.receive(bytes, (event) => this.#on(event, serve));
        this.#flush();
      },
      onEnd: () => conn.end(),
      onDrain() {},
      onClose() {},
    });
  }

  #flush(): void {
    for (const chunk of this.#mux.take()) this.#conn.write(chunk);
  }

  #on(event: SessionEvent, serve: PodServer): void {
    if (event.type === "opened") this.#opened(event.stream, event.headers, serve);
    else if (event.type === "reset") this.#connections.get(event.stream)?.onReset();
    else if (event.type === "data") {
      const connection = this.#connections.get(event.stream);
      if (event.bytes.length > 0) connection?.onData(new Uint8Array(event.bytes));
      if (event.fin) connection?.onEnd();
    }
  }

  #opened(stream: number, headers: ReadonlyMap<string, string>, serve: PodServer): void {
    this.#mux.reply(stream);
    const request = headers.get("requestid") ?? "";
    if (headers.get("streamtype") === "error") {
      this.#errors.set(request, stream);
      return;
    }
    const errorStream = this.#errors.get(request) as number;
    const finish = (text: string): void => {
      this.#mux.end(stream);
      if (text !== "") this.#mux.write(errorStream, new TextEncoder().encode(text));
      this.#mux.end(errorStream);
      this.#flush();
    };
    const connection: PodConnection = {
      port: Number(headers.get("port")),
      write: (bytes) => {
        this.#mux.write(stream, bytes);
        this.#flush();
      },
      end: () => finish(""),
      fail: finish,
      onData() {},
      onEnd() {},
      onReset() {},
    };
    this.#connections.set(stream, connection);
    serve(connection);
  }
}

export class FakeCluster implements Cluster {
  readonly context = "fake";
  readonly namespace = "default";
  readonly server = "memory";
  podNetwork: PodNetwork | undefined;
  readonly pods = new FakePods();
  readonly jobs = new FakeJobs();
  readonly services = new FakeServices();
  readonly grants = new FakeGrants();
  place: object = {};
  trouble: Cluster["trouble"];
  readonly #pods = new Map<string, PodServer>();
  readonly #followers = new Set<(resolution: Resolution) => void>();
  /** The near ends of every session that was opened, oldest first. */
  readonly sessions: { readonly pod: string; readonly near: MemoryConn; readonly far: MemoryConn }[] = [];
  /** The near ends of every command that was prepared, oldest first. */
  readonly execs: { readonly pod: string; readonly command: readonly string[]; readonly near: MemoryConn; readonly far: MemoryConn }[] = [];
  readonly #programs = new Map<string, Readonly<Record<string, FakeProgram>>>();
  /** Of the commands' connections. */
  clock: Clock = new ManualClock();
  #resolution: Resolution | undefined;
  follows = 0;
  refreshes = 0;

  setPod(name: string, serve: PodServer): void {
    this.#pods.set(name, serve);
  }

  /** What the pod's image has, by the command's first word. */
  setPrograms(pod: string, programs: Readonly<Record<string, FakeProgram>>): void {
    this.#programs.set(pod, programs);
  }

  removePod(name: string): void {
    this.#pods.delete(name);
    this.#programs.delete(name);
    for (const session of [...this.sessions, ...this.execs]) if (session.pod === name) session.far.abort();
  }

  resolve(resolution: Resolution): void {
    this.#resolution = resolution;
    for (const follower of this.#followers) follower(resolution);
  }

  /** The context leads to another cluster, which has not answered yet. */
  move(): void {
    this.#resolution = undefined;
    this.place = {};
  }

  ready(...pods: string[]): void {
    this.resolve({ kind: "ready", endpoints: pods.map((pod) => ({ pod, port: 8080 })) });
  }

  follow(_request: FollowRequest, onChange: (resolution: Resolution) => void): Following {
    this.follows += 1;
    this.#followers.add(onChange);
    return {
      current: () => this.#resolution,
      refresh: () => {
        this.refreshes += 1;
      },
      close: () => this.#followers.delete(onChange),
    };
  }

  /** Of collections that are kept now, oldest first. */
  readonly collections = new Set<CollectionRequest>();
  /** Namespaces that are not there. */
  readonly missing = new Set<string>();

  collect(request: CollectionRequest): () => void {
    this.collections.add(request);
    return () => this.collections.delete(request);
  }

  hasNamespace(name: string): Promise<boolean | undefined> {
    return Promise.resolve(!this.missing.has(name));
  }

  /** What `podsBehind` finds. */
  details: readonly PodDetail[] = [];
  /** Who reads a log now, by pod and container: tests write to them. */
  readonly logs = new Map<
    string,
    { readonly onBytes: (bytes: Uint8Array) => void; readonly end: () => void; readonly signal: AbortSignal }
  >();

  podsBehind(): Promise<readonly PodDetail[]> {
    return Promise.resolve(this.details);
  }

  podLog({ pod, container }: PodLogRequest, onBytes: (bytes: Uint8Array) => void, signal: AbortSignal): Promise<void> {
    return new Promise((end) => this.logs.set(`${pod} ${container ?? ""}`.trim(), { onBytes, end, signal }));
  }

  portForward(_namespace: string, pod: string): Promise<Conn> {
    const serve = this.#pods.get(pod);
    if (!serve) return Promise.reject(new KtError("pod-not-found", `pods "${pod}" not found`));
    const [near, far] = memoryPair();
    new PodEnd(far, serve);
    this.sessions.push({ pod, near, far });
    return Promise.resolve(near);
  }

  exec(_namespace: string, pod: string, command: ExecCommand): Promise<OpenedExec> {
    const programs = this.#programs.get(pod);
    if (!programs) return Promise.reject(new KtError("pod-not-found", `pods "${pod}" not found`));
    const [near, far] = memoryPair();
    serveExec(far, command, (process) => (this.#programs.get(pod)?.[command.command[0] ?? ""] ?? missing)(process));
    this.execs.push({ pod, command: command.command, near, far });
    return Promise.resolve({ exec: new SpdyExec(near, this.clock), container: command.container });
  }

  close(): void {
    this.#followers.clear();
  }
}
