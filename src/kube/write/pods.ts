/** Makes, marks and removes single pods: the only writes of kt to a cluster. */

import { collectionPath } from "#kube/objects/workload.ts";
import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import type { Api } from "#kube/api/api.ts";
import { type Access, kubectlScope, StatusError } from "#kube/api/api-problem.ts";
import type { KnownPod, PodManifest, Pods } from "#kube/objects/known-pod.ts";
import { pickPod, type RawObject } from "#kube/objects/objects.ts";
import { podState } from "#kube/objects/pod-state.ts";

/** The rest of a pod that only its maker reads. */
interface RawOwnPod extends RawObject {
  readonly metadata?: RawObject["metadata"] & {
    readonly uid?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly status?: RawObject["status"] & {
    readonly containerStatuses?: readonly {
      readonly state?: {
        readonly waiting?: { readonly message?: string };
        readonly terminated?: { readonly exitCode?: number; readonly reason?: string; readonly message?: string };
      };
    }[];
  };
}

export function parsePod(raw: RawOwnPod): KnownPod {
  const pod = pickPod(raw);
  const { uid = "", resourceVersion = "", labels = {}, annotations = {} } = raw.metadata ?? {};
  const isOver = pod.phase === "Succeeded" || pod.phase === "Failed";
  return {
    name: pod.name,
    uid,
    version: resourceVersion,
    labels,
    annotations,
    owner: pod.owner,
    terminating: pod.terminating,
    ended: isOver || pod.containers.some(({ init, kind }) => !init && kind === "terminated"),
    state: podState(pod),
    unschedulable: pod.unschedulable !== undefined,
    exitCode: raw.status?.containerStatuses?.[0]?.state?.terminated?.exitCode,
    reason: reasonOf(raw),
  };
}

function reasonOf({ status }: RawOwnPod): string | undefined {
  const { waiting, terminated } = status?.containerStatuses?.[0]?.state ?? {};
  if (terminated === undefined) return waiting?.message;
  const code = `its container ended with exit code ${terminated.exitCode ?? "unknown"}`;
  return terminated.message === undefined ? code : `${code}: ${terminated.message.trim()}`;
}

const hasStatus = (error: unknown, status: number): boolean => error instanceof StatusError && error.status === status;

export class ApiPods implements Pods {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  async get(namespace: string, name: string, signal: AbortSignal): Promise<KnownPod | undefined> {
    try {
      return this.#known(await this.#api.get(pathOf(namespace, name), access("get", namespace, name), signal));
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
  }

  async create(namespace: string, manifest: PodManifest, signal: AbortSignal): Promise<KnownPod | undefined> {
    const body = { type: "application/json", value: manifest } as const;
    try {
      return this.#known(await this.#api.write("POST", pathOf(namespace), body, access("create", namespace), signal));
    } catch (error) {
      if (hasStatus(error, 409)) return undefined;
      throw this.#refused(error, namespace, manifest.metadata.name);
    }
  }

  async annotate(
    namespace: string,
    { name, uid }: KnownPod,
    annotations: Readonly<Record<string, string | null>>,
    signal: AbortSignal,
  ): Promise<KnownPod | undefined> {
    // With the uid in it, the patch of another pod of that name is a conflict.
    const body = { type: "application/merge-patch+json", value: { metadata: { uid, annotations } } } as const;
    try {
      return this.#known(await this.#api.write("PATCH", pathOf(namespace, name), body, access("patch", namespace, name), signal));
    } catch (error) {
      if (hasStatus(error, 404) || hasStatus(error, 409)) return undefined;
      throw error;
    }
  }

  async remove(namespace: string, { name, uid, version }: KnownPod, graceSeconds: number, signal: AbortSignal): Promise<boolean> {
    const options = { kind: "DeleteOptions", apiVersion: "v1", gracePeriodSeconds: graceSeconds };
    const body = { type: "application/json", value: { ...options, preconditions: { uid, resourceVersion: version } } } as const;
    try {
      await this.#api.write("DELETE", pathOf(namespace, name), body, access("delete", namespace, name), signal);
      return true;
    } catch (error) {
      if (hasStatus(error, 404)) return true;
      if (hasStatus(error, 409)) return false;
      throw error;
    }
  }

  #known(answer: unknown): KnownPod {
    return parsePod(answer as RawOwnPod);
  }

  /** Quotas, Pod Security and webhooks answer with 403 too, but no permission is missing then. */
  #refused(error: unknown, namespace: string, name: string): unknown {
    if (!(error instanceof StatusError) || !error.fromKubernetes || error.status === 401 || error.status >= 500) return error;
    if (error.status === 403 && /\bcannot create resource\b/.test(error.words)) return error;
    return new KtError("jump-pod-failed", `the cluster does not take the pod "${namespace}/${name}": ${error.words}`, {
      hints: [command`kubectl describe namespace,quota ${kubectlScope(namespace, this.#api.requester.context)}`],
      cause: error,
    });
  }
}

function pathOf(namespace: string, name?: string): string {
  return `${collectionPath("", namespace, "pods")}${name === undefined ? "" : `/${name}`}`;
}

function access(verb: Access["verb"], namespace: string, name?: string): Access {
  return { verb, resource: "pods", group: "", namespace, name };
}
