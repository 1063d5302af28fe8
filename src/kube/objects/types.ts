/** What the rest of kt sees of a cluster: requests, upgrades to a pod, and the endpoints behind a target as they change. */

import type { Conn } from "#base/conn.ts";
import type { Datagrams } from "#base/datagrams.ts";
import type { KtError } from "#base/errors.ts";
import type { ExecCommand, ExecEnd } from "#wire/exec.ts";
import type { Jobs } from "./known-job.ts";
import type { Pods } from "./known-pod.ts";
import type { Grants, Services } from "./known-service.ts";
import type { Service, Slice } from "./objects.ts";

/** One pod that may be dialled now, and the port number on it. */
export interface Endpoint {
  readonly pod: string;
  readonly port: number;
  /** The pod's own, where it is known. */
  readonly address?: string;
  /** What the service says that its port speaks, as written. */
  readonly appProtocol?: string;
}

/** An IP address without brackets, or a name, and a port. */
export interface NetworkAddress {
  readonly host: string;
  readonly port: number;
}

/** What kt connects to itself where it runs in a pod. */
export interface PodNetwork {
  /** The pod that kt runs in. */
  readonly pod: string;
  /** A connection that is being made. Where it cannot be, or not in time, it closes with a RelayStreamError. */
  connect(to: NetworkAddress, withinMs: number): Conn & { readonly isOpened: boolean };
  /** Rejects with a RelayStreamError. */
  openFlow(to: NetworkAddress): Promise<Datagrams>;
}

/** As the API writes them. */
export type Protocol = "TCP" | "UDP";

/** What is behind a target at this moment. */
export type Resolution =
  /** At least one endpoint, ready and not terminating; else Running pods where readiness cannot be known. */
  | { readonly kind: "ready"; readonly endpoints: readonly Endpoint[] }
  /** No pod is ready, but one is being scheduled, pulled or started, or fails its readiness probe: `problem` has the pod's own reason. */
  | { readonly kind: "coming"; readonly problem: KtError }
  /** There is no pod and none on its way: scaled to zero, selector matches nothing, ExternalName, no such service, crash loop. */
  | { readonly kind: "none"; readonly problem: KtError }
  /** It cannot be known: forbidden, credentials, unreachable. `follow` goes on trying by itself. */
  | { readonly kind: "failed"; readonly problem: KtError };

export interface FollowRequest {
  readonly kind: "service" | "pod" | "deployment" | "statefulset" | "replicaset" | "daemonset" | "job" | "replicationcontroller";
  readonly namespace: string;
  readonly name: string;
  /** Undefined where the pods themselves are meant, as of a jump host: endpoints then have the port 0. */
  readonly port: number | string | undefined;
  /** Of the port; default: TCP. A service may have one number for both. */
  readonly protocol?: Protocol;
  /** The name of the port that is meant where the service has not the one that is asked for; else its only one is. */
  readonly otherwise?: string;
  /** A name that stands in no profile: it is looked for first, by one request, and nothing is watched unless it is there. */
  readonly isGuess?: boolean;
}

/** A resolution that is kept fresh until closed. */
export interface Following {
  /** Undefined until the first answer. */
  current(): Resolution | undefined;
  /** Asks again now (a client waits, or a dial failed), skipping any back-off. */
  refresh(): void;
  close(): void;
}

/** How a command in a container ended. */
export type ExecExit =
  | ExecEnd
  /** Its connection broke: what became of the command is not known. */
  | { readonly kind: "lost"; readonly error: KtError };

/** What hears a command. No method may throw. */
export interface ExecHandler {
  onStdout(bytes: Uint8Array): void;
  /** The command closed its stdout. Not always reported before `onExit`. */
  onStdoutEnd(): void;
  onStderr(bytes: Uint8Array): void;
  onDrain(): void;
  /** Once, and last. */
  onExit(exit: ExecExit): void;
}

/** A command in a container, on a connection of its own. The holder ends it by `abort`, or waits for `onExit`. */
export interface Exec {
  /** True where nothing runs until `start`; the node gives up waiting after 30 s (StreamCreationTimeout). */
  readonly waits: boolean;
  /** False where stdin can only end together with everything else. */
  readonly canEndStdin: boolean;
  /** False once nothing can come any more. */
  readonly open: boolean;
  /** When something last came, by the clock. */
  readonly heardMs: number;
  /** Runs the command, or tells of the one that runs. Once. */
  start(handler: ExecHandler): void;
  /** To stdin. As `Conn.write`; only after `start`. */
  write(bytes: Uint8Array): boolean;
  /** Closes stdin after everything written. */
  end(): void;
  /** Stops everything that comes, which stops the command by and by. Calls from the same read may still be made. */
  pause(): void;
  resume(): void;
  /** Asks the peer for a sign of life now, which shows in `heardMs`. */
  ping(): void;
  /**
   * Called about every second: asks a silent peer for a sign of life, and reports one that gives none by `onExit`. `pathAlive`:
   * others on the same way were heard, so this one may only be waiting for a command that does not read its stdin.
   */
  tick(nowMs: number, pathAlive: boolean): void;
  /** Leaves at once: the command sees the end of its stdin. No further call is made. */
  abort(): void;
}

export interface OpenedExec {
  readonly exec: Exec;
  /** The container that was chosen; undefined where the pod has only one. */
  readonly container: string | undefined;
}

/** How objects are followed where they may not be watched. */
export interface Polling {
  readonly everyMs: number;
  /** Where they may not be listed either: those that are asked for one by one. */
  readonly names?: readonly string[];
  /** Of those that are wanted, which may not be read. */
  readonly refused: readonly string[];
  /** And which are too many to ask for. */
  readonly left: readonly string[];
}

/** What hears of the objects of a collection. */
export interface CollectionListener<Item> {
  /** All of them, after the first list, after every change, and once what was wrong is over. */
  onItems(items: readonly Item[]): void;
  /** They cannot be listed or watched now; trying goes on. What is known stays. */
  onProblem(problem: KtError): void;
  /** They may not be watched: from now on they are asked for every few seconds; undefined where they may be again. */
  onPolled(polling: Polling | undefined): void;
}

/** All services of a namespace that a label selector matches, the slices of its headless ones, or all namespaces. */
export type CollectionRequest =
  | {
      readonly kind: "services";
      readonly namespace: string;
      readonly selector: string | undefined;
      /** The services that are wanted of all, where their names are known: for where none may be listed. */
      readonly names?: readonly string[] | undefined;
      readonly listener: CollectionListener<Service>;
    }
  | { readonly kind: "headless-slices"; readonly namespace: string; readonly listener: CollectionListener<Slice> }
  | { readonly kind: "namespaces"; readonly listener: CollectionListener<{ readonly name: string }> };

/** A pod for people: how it stands, and what there is to look into. */
export interface PodDetail {
  readonly name: string;
  readonly state: "ready" | "coming" | "stuck" | "gone";
  /** "is ready", "is in CrashLoopBackOff (exit code 1)". */
  readonly says: string;
  /** Of all its containers. */
  readonly restarts: number;
  /** Those of init containers stand last. */
  readonly containers: readonly string[];
}

export interface PodLogRequest {
  readonly namespace: string;
  readonly pod: string;
  /** Undefined: the only one. */
  readonly container: string | undefined;
  /** So many of the latest lines come first. */
  readonly lines: number;
  /** Goes on with those to come. */
  readonly follow: boolean;
}

export interface Cluster {
  /** The kubeconfig context's name. */
  readonly context: string;
  /** The namespace of the context, else "default". */
  readonly namespace: string;
  /** The API server's URL, for people. */
  readonly server: string;
  /** Why no request can succeed now, by the latest one: unreachable, or the credentials do not do; and since when (1970). */
  readonly trouble: { readonly problem: KtError; readonly sinceMs: number } | undefined;
  /** Another object once the context leads to another server or user: earlier sessions are not used for new connections then. */
  readonly place: object;

  /** Undefined where kt is outside of the cluster. */
  readonly podNetwork: PodNetwork | undefined;

  /** Follows what is behind a service port or pod port. `onChange` is called on every change, never from within `follow` itself. */
  follow(request: FollowRequest, onChange: (resolution: Resolution) => void): Following;

  /** Keeps a whole collection, over one list and one watch, until the returned function is called. */
  collect(request: CollectionRequest): () => void;

  /** Whether there is such a namespace; undefined where that may not be known. */
  hasNamespace(name: string, signal: AbortSignal): Promise<boolean | undefined>;

  /**
   * Opens an upgraded connection for port-forwarding to one pod. The Conn carries SPDY/3.1 bytes, whether directly or inside
   * WebSocket messages. Rejects with KtError: forbidden, unauthorized, pod-not-found, cluster-unreachable, proxy-failed, …
   */
  portForward(namespace: string, pod: string, signal: AbortSignal): Promise<Conn>;

  /**
   * Prepares a command in a container of a pod: the only one, the one that is named, or else the one that kubectl would take.
   * Rejects like `portForward`, and with `container-not-found`. That the container has no such program is reported by `onExit`.
   */
  exec(namespace: string, pod: string, command: ExecCommand, signal: AbortSignal): Promise<OpenedExec>;

  /** The pods behind a service, a workload or a name, ready or not, by name; the first `podsShown` of them. Rejects with KtError. */
  podsBehind(request: Pick<FollowRequest, "kind" | "namespace" | "name">, signal: AbortSignal): Promise<readonly PodDetail[]>;

  /** What a container has written and writes, until its end or the signal. Rejects like `portForward`, and `container-not-found`. */
  podLog(request: PodLogRequest, onBytes: (bytes: Uint8Array) => void, signal: AbortSignal): Promise<void>;

  /** For the pods that kt makes. They can also be removed once the cluster is closed. */
  readonly pods: Pods;
  /** As for pods, for the relays. */
  readonly jobs: Jobs;
  /** As for pods, for the services that lead to this machine, and what their relays need to make them as they were. */
  readonly services: Services;
  readonly grants: Grants;

  /** Ends all watches. */
  close(): void;
}
