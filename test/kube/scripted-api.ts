/** A server that plays the API server as a test says, remembers what it was asked, and a kubeconfig that leads to it. */

import { type Server, serve, write } from "bun";
import type { KtError } from "#base/errors.ts";
import { type Clock, systemClock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { selfSigned } from "#tls/self-signed.ts";
import { openCluster } from "#kube/kube-cluster.ts";
import type { Cluster, FollowRequest, Following, Resolution } from "#kube/objects/types.ts";
import { tempDir } from "#test/support/temp-dir.ts";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
}

type Handler = (asked: Asked, request: Request) => Response | undefined | Promise<Response | undefined>;

export const status = (code: number, message: string, reason = ""): Response =>
  Response.json({ kind: "Status", apiVersion: "v1", status: "Failure", message, reason, code }, { status: code });

export const list = (items: readonly object[], resourceVersion = "1"): Response =>
  Response.json({ kind: "List", metadata: { resourceVersion }, items });

/** A watch that the test feeds. */
export class WatchScript {
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  readonly cancelled: Promise<void>;
  readonly response: Response;

  constructor() {
    const cancelled = Promise.withResolvers<void>();
    this.cancelled = cancelled.promise;
    this.response = new Response(
      new ReadableStream<Uint8Array>({
        start: (controller) => {
          this.#controller = controller;
        },
        cancel: () => cancelled.resolve(),
      }),
      { headers: { "Content-Type": "application/json" } },
    );
  }

  send(type: string, object: object): void {
    this.#controller?.enqueue(new TextEncoder().encode(`${JSON.stringify({ type, object })}\n`));
  }

  sendRaw(text: string): void {
    this.#controller?.enqueue(new TextEncoder().encode(text));
  }

  end(): void {
    this.#controller?.close();
  }
}

/** Hands out what a test waits for, in order. */
export class Queue<T> {
  readonly #items: T[] = [];
  readonly #waiting: ((item: T) => void)[] = [];

  push(item: T): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(item);
    else this.#items.push(item);
  }

  next(): Promise<T> {
    const item = this.#items.shift();
    return item === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(item);
  }

  /** The first that fits; the others are dropped. */
  async nextWhere(fits: (item: T) => boolean): Promise<T> {
    for (;;) {
      const item = await this.next();
      if (fits(item)) return item;
    }
  }
}

const certificate = selfSigned("kube.test", Date.now());

export class ScriptedApi {
  readonly #server: Server<undefined>;
  readonly asked: Asked[] = [];
  /** Every watch that was opened, with the request that opened it. */
  readonly watches = new Queue<{ readonly asked: Asked; readonly script: WatchScript }>();
  handler: Handler;
  /** What a kubeconfig's `cluster` needs to trust it. */
  trust: object = {};

  /** Over TLS: credentials are sent to no other. */
  static secure(handler: Handler): ScriptedApi {
    const api = new ScriptedApi(handler, certificate);
    api.trust = { "certificate-authority-data": btoa(certificate.cert), "tls-server-name": "kube.test" };
    return api;
  }

  constructor(handler: Handler, tls?: { readonly cert: string; readonly key: string }, port = 0) {
    this.handler = handler;
    this.#server = serve({
      port,
      hostname: "127.0.0.1",
      idleTimeout: 0,
      ...(tls ? { tls } : {}),
      fetch: (request) => this.#answer(request),
    });
  }

  get port(): number {
    return this.#server.port ?? 0;
  }

  get url(): string {
    return this.#server.url.origin;
  }

  /** The requests to paths that match. */
  requests(pattern: RegExp): Asked[] {
    return this.asked.filter(({ path }) => pattern.test(path));
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const asked = { method: request.method, path: pathname, query: searchParams, headers: request.headers };
    this.asked.push(asked);
    const answer = await this.handler(asked, request);
    if (answer) return answer;
    if (searchParams.get("watch") !== "1") return status(404, `nothing at ${pathname}`, "NotFound");
    const script = new WatchScript();
    this.watches.push({ asked, script });
    return script.response;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }
}

export interface HarnessOptions {
  /** JSON of kubeconfig's `user`. */
  readonly user?: object;
  /** More fields of kubeconfig's `cluster`. */
  readonly cluster?: object;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
  readonly server?: string;
}

export interface Reach {
  readonly reachable: boolean;
  readonly problem: KtError | undefined;
}

/** A cluster on a scripted API, and what it says. */
export class Harness {
  readonly cluster: Cluster;
  readonly reached = new Queue<Reach>();
  readonly logged: string[];
  readonly folder: string;
  readonly #remove: () => Promise<void>;

  private constructor(
    cluster: (onReachable: (reachable: boolean, problem: KtError | undefined) => void) => Cluster,
    folder: string,
    logged: string[],
    remove: () => Promise<void>,
  ) {
    this.folder = folder;
    this.logged = logged;
    this.#remove = remove;
    this.cluster = cluster((reachable, problem) => this.reached.push({ reachable, problem }));
  }

  static async open(api: ScriptedApi | undefined, options: HarnessOptions = {}): Promise<Harness> {
    const folder = await tempDir();
    const kubeconfig = `${folder.path}/config`;
    await writeKubeconfig(kubeconfig, options.server ?? api?.url ?? "", { ...options, cluster: { ...api?.trust, ...options.cluster } });
    const logged: string[] = [];
    const log: Log = (_level, event, fields) => void logged.push(`${event} ${JSON.stringify(fields ?? {})}`);
    const { environment = {}, clock = systemClock } = options;
    try {
      return new Harness(
        (onReachable) => openCluster({ kubeconfig: [kubeconfig], context: undefined, environment, clock, log, onReachable }),
        folder.path,
        logged,
        () => folder[Symbol.asyncDispose](),
      );
    } catch (error) {
      await folder[Symbol.asyncDispose]();
      throw error;
    }
  }

  follow(request: Partial<FollowRequest> = {}): { readonly following: Following; readonly changes: Queue<Resolution> } {
    const changes = new Queue<Resolution>();
    const following = this.cluster.follow({ kind: "service", namespace: "shop", name: "web", port: 80, ...request }, (resolution) =>
      changes.push(resolution),
    );
    return { following, changes };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cluster.close();
    await this.#remove();
  }
}

export async function writeKubeconfig(path: string, server: string, options: Pick<HarnessOptions, "user" | "cluster"> = {}): Promise<void> {
  await write(
    path,
    JSON.stringify({
      "current-context": "test",
      contexts: [{ name: "test", context: { cluster: "c", user: "u" } }],
      clusters: [{ name: "c", cluster: { server, ...options.cluster } }],
      users: [{ name: "u", user: options.user ?? {} }],
    }),
  );
}

export const webService = {
  metadata: { name: "web", namespace: "shop", resourceVersion: "1" },
  spec: { selector: { app: "web" }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
};

/** A slice of service "web" with these ready pods. */
export function webSlice(pods: readonly string[], resourceVersion = "1", port = 8080): object {
  return {
    metadata: { name: "web-1", namespace: "shop", resourceVersion, labels: { "kubernetes.io/service-name": "web" } },
    ports: [{ name: "http", port, protocol: "TCP" }],
    endpoints: pods.map((name) => ({ addresses: ["10.0.0.1"], conditions: { ready: true }, targetRef: { kind: "Pod", name } })),
  };
}

/** One line that says it all. */
export function shown(resolution: Resolution | undefined): string {
  if (!resolution) return "unknown";
  if (resolution.kind === "ready") return `ready ${resolution.endpoints.map(({ pod, port }) => `${pod}:${port}`).join(" ")}`;
  return `${resolution.kind} ${resolution.problem.code}: ${resolution.problem.message}`;
}
