/** An embedded Kubernetes API server: enough of one to resolve services and forward to pods, and every fault of a real one on demand. */

import { listen, type Socket, type TCPSocketListener } from "bun";
import { type Clock, systemClock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { type Certificate, selfSigned } from "#tls/self-signed.ts";
import { SocketConn, type SocketState, socketEvents } from "#net/tcp.ts";
import { AccessControl } from "./access.ts";
import { type ApiPath, kinds, parseApiPath } from "./api-paths.ts";
import { DemoCluster } from "./cluster.ts";
import { Gate } from "./gate.ts";
import { type ServerAnswer, type ServerRequest, serveHttp } from "#http/server.ts";
import { kubeconfigText } from "./kubeconfig.ts";
import { PortForward } from "./port-forward.ts";
import { isTrue, jsonAnswer, listAnswer, objectAnswer, statusAnswer, textAnswer, watchRequest } from "./resource-answers.ts";
import {
  forbidden,
  forbiddenWithoutReason,
  internalError,
  methodNotAllowed,
  notFound,
  noSuchResource,
  type ResourceName,
  tooOldToWatch,
  unauthorized,
} from "./status.ts";
import { type UpgradeWay, upgradeAnswer, upgradeWay } from "./upgrade.ts";
import { Watch } from "./watch.ts";

export interface ApiServerOptions {
  readonly clock?: Clock;
  /** Default 0, any. */
  readonly port?: number;
  /** How long the node waits for a connection's second half; containerd's 1 s by default. */
  readonly graceMs?: number;
  /** Ways to upgrade that the server does not know: an API server before 1.30 has no "websocket", some proxies let no "spdy" pass. */
  readonly withoutWays?: readonly UpgradeWay[];
}

/** How the next watch fails: with a version that is too old, with a server error, or cut off after the head. */
export type WatchFault = "expired" | "error" | "cut";

/** The name that the server's certificate is for. */
const serverName = "localhost";
const unopened: SocketState = { conn: undefined, onOpen() {}, onFail() {} };
const containerdGraceMs = 1000;
const rememberedRequests = 1000;

export class ApiServer {
  readonly cluster = new DemoCluster();
  readonly access: AccessControl;
  /** The token of the owner, as the kubeconfig has it. */
  readonly token = crypto.randomUUID();
  readonly #options: ApiServerOptions;
  readonly #clock: Clock;
  readonly #certificate: Certificate;
  readonly #inner: TCPSocketListener<SocketState>;
  readonly #gate: Gate;
  readonly #watches = new Set<Watch>();
  readonly #forwards = new Map<PortForward, string>();
  #watchFaults: WatchFault[] = [];
  /** The latest requests, as "METHOD /path?query". */
  readonly requests: string[] = [];

  constructor(options: ApiServerOptions = {}) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.access = new AccessControl("demo", this.token);
    this.#certificate = selfSigned(serverName, Date.now());
    this.#inner = this.#listenTls();
    this.#gate = new Gate({ port: options.port ?? 0, backendPort: this.#inner.port });
    this.cluster.onPodEnded((namespace, name) => this.#podEnded(`${namespace}/${name}`));
  }

  get port(): number {
    return this.#gate.port;
  }

  /** A kubeconfig with one context. */
  kubeconfig(options: { readonly context?: string; readonly namespace?: string; readonly token?: string } = {}): string {
    return kubeconfigText({
      context: options.context ?? "demo",
      namespace: options.namespace ?? "default",
      server: `https://127.0.0.1:${this.port}`,
      serverName,
      ca: this.#certificate.cert,
      token: options.token ?? this.token,
    });
  }

  /** Sessions for port-forwarding that are open now. */
  get openForwards(): number {
    return this.#forwards.size;
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  /** Connections of any kind that are open now, and that there ever were. */
  get openConnections(): number {
    return this.#gate.open;
  }

  get acceptedConnections(): number {
    return this.#gate.accepted;
  }

  /** Applies to the watches that begin next, in this order. */
  failNextWatch(...faults: readonly WatchFault[]): void {
    this.#watchFaults.push(...faults);
  }

  /** Faults that no watch has had yet. */
  get watchFaultsLeft(): number {
    return this.#watchFaults.length;
  }

  /** Ends all watches as the server does when their time is up. */
  endWatches(): void {
    for (const watch of [...this.#watches]) watch.end();
    this.#watches.clear();
  }

  /** Tells all watches, where they asked for it, up to where they have heard everything. */
  sendBookmarks(): void {
    for (const watch of this.#watches) watch.bookmark();
  }

  /** Resets the data stream of every forwarded connection; the sessions live on. */
  resetStreams(): void {
    for (const forward of this.#forwards.keys()) forward.resetDataStreams();
  }

  /** Resets every connection; the server goes on. */
  dropConnections(): void {
    this.#gate.cut();
  }

  /** Refuses and resets everything, as when the process ends. */
  stop(): void {
    this.#gate.stop();
  }

  /** Is there again, on the same port. */
  start(): void {
    this.#gate.start();
  }

  /** Bytes vanish from now on, without a reset. */
  freeze(): void {
    this.#gate.freeze();
  }

  /** New connections get through again; frozen ones never will. */
  thaw(): void {
    this.#gate.thaw();
  }

  close(): void {
    for (const watch of this.#watches) watch.stop();
    for (const forward of [...this.#forwards.keys()]) forward.close();
    this.#gate.stop();
    this.#inner.stop(true);
  }

  #listenTls(): TCPSocketListener<SocketState> {
    const { cert, key } = this.#certificate;
    return listen<SocketState>({
      hostname: "127.0.0.1",
      port: 0,
      allowHalfOpen: true,
      tls: { cert, key },
      // A handshake that is broken off is reported without the socket having been opened.
      data: unopened,
      socket: {
        ...socketEvents,
        open: (socket) => this.#accept(socket),
      },
    });
  }

  #accept(socket: Socket<SocketState>): void {
    const conn = new SocketConn(socket);
    socket.data = { ...unopened, conn };
    serveHttp(conn, (request) => this.#answer(request));
  }

  #answer(request: ServerRequest): ServerAnswer {
    this.requests.push(`${request.head.method} ${request.head.target}`);
    if (this.requests.length > rememberedRequests) this.requests.shift();
    const path = parseApiPath(request.path);
    const user = this.access.userOf(request);
    if (user === undefined) return statusAnswer(unauthorized);
    switch (path.kind) {
      case "version":
        return jsonAnswer(200, { major: "1", minor: "35", gitVersion: "v1.35.4+kt-demo", platform: "linux/amd64" });
      case "health":
        return textAnswer(200, "ok");
      case "access-review":
        return this.#review(request, user);
      case "collection":
        return this.#collection(request, user, path);
      case "object":
        return this.#object(request, user, path);
      case "port-forward":
        return this.#portForward(request, user, path);
      case "no-such-resource":
        return statusAnswer(noSuchResource);
      case "unknown":
        return textAnswer(404, "404 page not found\n");
    }
  }

  #review(request: ServerRequest, user: string): ServerAnswer {
    if (request.head.method !== "POST") return statusAnswer(methodNotAllowed);
    const review: AccessReview = JSON.parse(Buffer.from(request.body).toString());
    const { verb = "", resource = "", subresource = "" } = review.spec?.resourceAttributes ?? {};
    const allowed = this.access.allows(user, verb, { resource: subresource === "" ? resource : `${resource}/${subresource}` });
    return jsonAnswer(201, { ...review, metadata: {}, status: { allowed } });
  }

  #collection(request: ServerRequest, user: string, { collection, namespace }: PathOf<"collection">): ServerAnswer {
    if (request.head.method !== "GET") return statusAnswer(methodNotAllowed);
    const verb = isTrue(request.query.get("watch")) ? "watch" : "list";
    const refusal = this.#refusal(user, verb, kinds[collection], namespace, undefined);
    if (refusal) return refusal;
    const { store } = this.cluster;
    if (verb === "list") return listAnswer(store, collection, namespace, request.query);
    const wanted = watchRequest(collection, namespace, request.query);
    if ("code" in wanted) return statusAnswer(wanted);
    return {
      kind: "stream",
      status: 200,
      headers: [["Content-Type", "application/json"]],
      begin: (stream) => {
        const watch = new Watch(wanted, store, this.#clock, stream);
        this.#watches.add(watch);
        this.#applyWatchFault(watch);
        return () => {
          watch.stop();
          this.#watches.delete(watch);
        };
      },
    };
  }

  #applyWatchFault(watch: Watch): void {
    switch (this.#watchFaults.shift()) {
      case "expired":
        watch.fail(tooOldToWatch(1, this.cluster.store.version));
        break;
      case "error":
        watch.fail(internalError);
        break;
      case "cut":
        watch.cut();
        break;
      case undefined:
    }
  }

  #object(request: ServerRequest, user: string, { collection, namespace, name }: PathOf<"object">): ServerAnswer {
    if (request.head.method !== "GET") return statusAnswer(methodNotAllowed);
    const refusal = this.#refusal(user, "get", kinds[collection], namespace, name);
    return refusal ?? objectAnswer(this.cluster.store, collection, namespace, name);
  }

  #portForward({ head }: ServerRequest, user: string, { namespace, name }: PathOf<"port-forward">): ServerAnswer {
    const way = this.#options.withoutWays?.includes(upgradeWay(head)) ? "none" : upgradeWay(head);
    const resource = { group: "", resource: "pods/portforward" };
    const refusal = this.#refusal(user, head.method === "POST" ? "create" : "get", resource, namespace, name);
    if (refusal) return refusal;
    // From 1.35 on a GET needs what POST needs as well.
    if (!this.access.allows(user, "create", resource)) return statusAnswer(forbiddenWithoutReason(kinds.pods, name));
    if (way === "none") return upgradeAnswer(head, way, () => {});
    const pod = this.cluster.runtimePod(namespace, name);
    if (!pod) return statusAnswer(notFound(kinds.pods, name));
    return upgradeAnswer(head, way, (conn) => this.#forward(conn, namespace, name, pod.sandbox));
  }

  #forward(conn: Conn, namespace: string, name: string, sandbox: string): void {
    const forward = new PortForward({
      conn,
      // A new pod of the same name is another one.
      pod: () => {
        const pod = this.cluster.runtimePod(namespace, name);
        return pod?.sandbox === sandbox ? pod : undefined;
      },
      sandbox,
      clock: this.#clock,
      graceMs: this.#options.graceMs ?? containerdGraceMs,
      onClosed: (session) => this.#forwards.delete(session),
    });
    this.#forwards.set(forward, `${namespace}/${name}`);
  }

  #podEnded(pod: string): void {
    for (const [forward, its] of this.#forwards) if (its === pod) forward.podEnded();
  }

  #refusal(
    user: string,
    verb: string,
    { group, resource }: ResourceName,
    namespace: string | undefined,
    name: string | undefined,
  ): ServerAnswer | undefined {
    const wanted = { group, resource };
    if (this.access.allows(user, verb, wanted)) return undefined;
    return statusAnswer(forbidden({ user, verb, resource: wanted, namespace, name }));
  }
}

type PathOf<Kind extends ApiPath["kind"]> = Extract<ApiPath, { kind: Kind }>;

interface AccessReview {
  readonly spec?: { readonly resourceAttributes?: Readonly<Partial<Record<"verb" | "resource" | "subresource", string>>> };
}
