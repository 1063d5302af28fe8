/** What the rest of kt sees of a cluster: requests, upgrades to a pod, and the endpoints behind a target as they change. */

import type { Conn } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";

/** One pod that may be dialled now, and the port number on it. */
export interface Endpoint {
  readonly pod: string;
  readonly port: number;
}

/** What is behind a target at this moment. */
export type Resolution =
  /** At least one endpoint, ready and not terminating; else Running pods where readiness cannot be known. */
  | { readonly kind: "ready"; readonly endpoints: readonly Endpoint[] }
  /** No pod is ready, but one is on its way (being scheduled, pulled, started, or failing its readiness probe); `problem` names the pod's own reason. */
  | { readonly kind: "coming"; readonly problem: KtError }
  /** There is no pod and none on its way: scaled to zero, selector matches nothing, ExternalName, no such service, crash loop. */
  | { readonly kind: "none"; readonly problem: KtError }
  /** It cannot be known: forbidden, credentials, unreachable. `follow` goes on trying by itself. */
  | { readonly kind: "failed"; readonly problem: KtError };

export interface FollowRequest {
  readonly kind: "service" | "pod" | "deployment" | "statefulset" | "replicaset" | "daemonset" | "job";
  readonly namespace: string;
  readonly name: string;
  /** Undefined where the pods themselves are meant, as of a jump host: endpoints then have the port 0. */
  readonly port: number | string | undefined;
}

/** A resolution that is kept fresh until closed. */
export interface Following {
  /** Undefined until the first answer. */
  current(): Resolution | undefined;
  /** Asks again now (somebody is waiting, or a dial failed), skipping any back-off. */
  refresh(): void;
  close(): void;
}

export interface Cluster {
  /** The kubeconfig context's name. */
  readonly context: string;
  /** The namespace of the context, else "default". */
  readonly namespace: string;
  /** The API server's URL, for people. */
  readonly server: string;
  /** Another object once the context leads to another server or user: sessions of before are not for new connections then. */
  readonly place: object;

  /** Follows what is behind a service port or pod port. `onChange` is called on every change, never from within `follow` itself. */
  follow(request: FollowRequest, onChange: (resolution: Resolution) => void): Following;

  /**
   * Opens an upgraded connection for port-forwarding to one pod. The Conn carries SPDY/3.1 bytes, whether directly or inside
   * WebSocket messages. Rejects with KtError: forbidden, unauthorized, pod-not-found, cluster-unreachable, proxy-failed, …
   */
  portForward(namespace: string, pod: string, signal: AbortSignal): Promise<Conn>;

  /** Ends all watches. */
  close(): void;
}
