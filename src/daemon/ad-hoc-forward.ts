/** Ports of this machine that lead to pods, in the process that asks for them and without a hub: what `kt forward` runs. */

import { type Clock, sleep, systemClock } from "#base/clock.ts";
import { mayCome } from "#base/error-facts.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { daemonLimits } from "./limits.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import type { Log } from "#base/log.ts";
import { Scope } from "#base/scope.ts";
import type { Endpoint } from "#kube/objects/types.ts";
import { logEvent } from "#observe/describe.ts";
import type { KtEvent, Problem } from "#observe/events.ts";
import { formatListen } from "#profile/values/listen.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import { TcpDoor } from "#proxy/tcp-door.ts";
import { formatPodSource, formatTarget, type PodSourceKind, type PodTarget, type PortRef } from "#route/target.ts";
import { problemOf } from "#tunnel/standing.ts";
import { catalogueOf } from "./catalogue.ts";
import type { ClusterView } from "#daemon/plans/clusters.ts";
import { Engine } from "./engine.ts";
import { isOptional, listenProblem } from "#daemon/listening/listen-problem.ts";
import { portHolding } from "#daemon/listening/port-holding.ts";
import type { Providers } from "./providers.ts";

export interface ForwardPort {
  /** 0 is any free one; undefined is the same as the remote one. */
  readonly local: number | undefined;
  readonly remote: PortRef;
}

export interface ForwardRequest {
  readonly kind: PodSourceKind;
  readonly name: string;
  /** Undefined is the context's. */
  readonly namespace: string | undefined;
  /** Undefined is the current one. */
  readonly context: string | undefined;
  readonly ports: readonly ForwardPort[];
  /** IP addresses to listen on; for each port one of them is enough. */
  readonly hosts: readonly string[];
  /** How long a pod may take to be ready at the beginning. */
  readonly readyTimeoutMs: number;
  /** Whether to end with the pods that were ready at the beginning. */
  readonly exitsWhenGone: boolean;
}

export interface ForwardOptions {
  readonly request: ForwardRequest;
  readonly view: ClusterView;
  readonly providers: Pick<Providers, "prepare" | "openCluster" | "relays" | "tunnels">;
  readonly log: Log;
  /** `podPort` is the number on the pod. */
  readonly onListening: (address: ListenAddress, podPort: number) => void;
  readonly onConnection: (localPort: string) => void;
  /** Something failed, and the rest goes on. */
  readonly onProblem: (problem: Problem) => void;
  /** No pod is ready yet, and it is waited for. */
  readonly onWaiting: (problem: Problem) => void;
  /** The user's command with another port argument, for hints. */
  readonly command: (port: string) => string;
  readonly clock?: Clock;
}

/** Tunnels have a profile that they belong to; here it is this word. */
const profile = "kt forward";

export class AdHocForward {
  readonly #options: ForwardOptions;
  readonly #clock: Clock;
  readonly #scope = new Scope();
  readonly #closing = new AbortController();
  readonly #engine: Engine<{ tcp: TcpDoor }>;
  readonly #gone = Promise.withResolvers<never>();
  #isOpen = false;

  constructor(options: ForwardOptions) {
    const { view, providers, log, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    // Idle tunnels stay: a forwarded port is used now and then.
    const timeouts = { idleTimeoutMs: 0, startTimeoutMs: daemonLimits.forwardStartMs };
    this.#engine = new Engine({
      providers,
      doors: (context) => ({ tcp: new TcpDoor(context) }),
      viewOf: () => view,
      timeoutsFor: () => timeouts,
      clock,
      log,
      report: (event) => this.#report(event),
    });
    this.#gone.promise.catch(() => {});
    this.#scope.add(() => this.#engine.close());
  }

  /**
   * Resolves once every port leads to a ready pod and as many as can be are listened on. Rejects with why no pod can be had, or
   * why none of the ports can.
   */
  async open(): Promise<void> {
    const { request, providers } = this.#options;
    await providers.prepare();
    const targets = request.ports.map(({ remote }) => this.#target(remote));
    const endpoints = await this.#ready(targets);
    const ready = endpoints.map(({ port }) => port);
    const locals = await this.#localPorts(ready);
    const problems: Problem[] = [];
    for (const [index, target] of targets.entries()) {
      const problem = await this.#listen(target, locals[index] ?? 0, ready[index] ?? 0);
      if (problem) problems.push(problem);
    }
    const last = problems.length === targets.length ? problems.pop() : undefined;
    for (const problem of problems) this.#options.onProblem(problem);
    if (last) throw new KtError(last.code, last.message, last);
    this.#isOpen = true;
    if (request.exitsWhenGone) for (const pod of new Set(endpoints.map((endpoint) => endpoint.pod))) this.#watchPod(pod);
  }

  /** Rejects when a pod is gone, where that is wanted; else never settles. */
  gone(): Promise<never> {
    return this.#gone.promise;
  }

  #watchPod(pod: string): void {
    const { namespace, context } = this.#options.request;
    const cluster = this.#engine.clusterFor({ profile, context });
    const wanted = { kind: "pod", namespace: namespace ?? cluster.namespace, name: pod, port: undefined } as const;
    const following = cluster.follow(wanted, (resolution) => {
      if (resolution.kind !== "none") return;
      const { message, hints } = resolution.problem;
      this.#gone.reject(new KtError("connection-lost", `lost connection to pod: ${message}`, { hints: [...hints] }));
    });
    this.#scope.add(() => following.close());
  }

  /** Stops accepting and ends what is open. */
  async stop(): Promise<void> {
    this.#closing.abort(new KtError("shutting-down", "kt forward is ending"));
    await this.#engine.drain(0);
    await this.#scope.close();
  }

  #target(port: PortRef): PodTarget {
    const { kind, name, namespace, context } = this.#options.request;
    return { kind, name, namespace, port, cluster: { profile, context } };
  }

  /** A ready pod for each target, with the number of its port there. */
  async #ready(targets: readonly PodTarget[]): Promise<Endpoint[]> {
    const { readyTimeoutMs, ...request } = this.#options.request;
    const late = new AbortController();
    const seconds = readyTimeoutMs / 1000;
    const reason = () => targets.map((target) => problemOf(this.#engine.tunnel(target)?.standing)).find((problem) => problem);
    const tooLate = (): KtError => {
      const { message = "the cluster has not said why", hints = [], detail } = reason() ?? {};
      const title = formatPodSource(request);
      return new KtError("start-timeout", `${title} had no ready pod within ${seconds} s: ${message}`, { hints, detail });
    };
    const cancels = [
      this.#clock.after(readyTimeoutMs, () => late.abort(tooLate())),
      // Long enough for a cluster that answers to have said so.
      this.#clock.after(tunnelLimits.noPodAnswerMs, () => {
        const problem = reason();
        if (problem && mayCome(problem.code)) this.#options.onWaiting(problem);
      }),
    ];
    try {
      return await Promise.all(targets.map((target) => this.#readyOne(target, AbortSignal.any([late.signal, this.#closing.signal]))));
    } finally {
      for (const cancel of cancels) cancel();
    }
  }

  /** Goes on waiting while the problem may end by itself. */
  async #readyOne(target: PodTarget, signal: AbortSignal): Promise<Endpoint> {
    for (;;) {
      try {
        return await this.#engine.prepare(target, signal);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const problem = toKtError(error, "internal", `reach ${formatTarget(target)}`);
        if (!mayCome(problem.code)) throw problem;
      }
      await sleep(this.#clock, sharedLimits.backoffMinMs, signal);
    }
  }

  /** Where to listen for each port, 0 for anywhere. Names may turn out to be a number that another port has. */
  async #localPorts(podPorts: readonly number[]): Promise<number[]> {
    const { ports } = this.#options.request;
    const locals: number[] = [];
    for (const [index, port] of ports.entries()) {
      const local = await this.#localPort(port, podPorts[index] ?? 0);
      if (local !== 0 && locals.includes(local))
        throw new KtError("usage", `local port ${local} is requested twice`, { hints: [this.#options.command(`:${port.remote}`)] });
      locals.push(local);
    }
    return locals;
  }

  /** A name alone stands for the number that it has: of a service its own port, else the pod's. */
  async #localPort({ local, remote }: ForwardPort, podPort: number): Promise<number> {
    if (local !== undefined) return local;
    if (typeof remote === "number") return remote;
    const { kind, name, namespace, context } = this.#options.request;
    if (kind !== "service") return podPort;
    try {
      const catalogue = catalogueOf(this.#options.view, context);
      const services = await catalogue.services(namespace ?? catalogue.namespace);
      return services.find((service) => service.name === name)?.ports.find((port) => port.name === remote)?.port ?? podPort;
    } catch (thrown) {
      const { code, message, hints } = toKtError(thrown, "cluster-error", "list the services");
      const hint = this.#options.command(`${podPort}:${remote}`);
      throw new KtError(code, `look up the number of port "${remote}": ${message}`, { hints: [hint, ...hints], cause: thrown });
    }
  }

  /** Why none of the addresses can be listened on, if so. */
  async #listen(target: PodTarget, local: number, podPort: number): Promise<Problem | undefined> {
    let port = local;
    const problems: Problem[] = [];
    let opened = 0;
    for (const host of this.#options.request.hosts) {
      try {
        port = this.#openDoor({ host, port }, target).port;
        opened += 1;
        this.#options.onListening({ host, port }, podPort);
      } catch (thrown) {
        const error = toKtError(thrown, "listen-failed", `listen on ${formatListen({ host, port })}`);
        if (opened === 0 || !isOptional({ host, port }, error)) problems.push(await this.#explain({ host, port }, error, target));
      }
    }
    if (opened === 0) return problems[0];
    for (const problem of problems) this.#options.onProblem(problem);
    return undefined;
  }

  #openDoor(address: ListenAddress, target: PodTarget): { readonly port: number } {
    const route = (port: number) => ({ profile, route: String(port), target });
    const handle = this.#engine.doors.tcp.listen(address, route(address.port));
    handle.leadTo(route(handle.port));
    return handle;
  }

  #explain(address: ListenAddress, error: KtError, { port }: PodTarget): Promise<Problem> {
    const { command } = this.#options;
    const advice = { otherPort: command(`:${port}`), openPort: command(`${8000 + address.port}:${port}`) };
    return listenProblem(address, error, advice, portHolding);
  }

  #report(event: KtEvent): void {
    const { log, onConnection, onProblem } = this.#options;
    logEvent(log, event);
    // What ends with this command is not reported.
    if (this.#closing.signal.aborted) return;
    if (event.type === "connection-opened") onConnection(event.name);
    if (
      event.type === "refused" ||
      event.type === "connection-closed" ||
      event.type === "overload" ||
      (event.type === "cluster" && this.#isOpen)
    )
      if (event.problem) onProblem(event.problem);
  }
}
