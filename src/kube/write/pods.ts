/** Makes, marks and removes single pods: the jump pods. */

import type { Api } from "#kube/api/api.ts";
import type { KnownPod, PodManifest, Pods } from "#kube/objects/known-pod.ts";
import { pickPod, type RawObject } from "#kube/objects/objects.ts";
import { podState } from "#kube/objects/pod-state.ts";
import { OwnObjects } from "./own-objects.ts";

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

export class ApiPods implements Pods {
  readonly #objects: OwnObjects;

  constructor(api: Api) {
    this.#objects = new OwnObjects(api, { group: "", resource: "pods", what: "pod", code: "jump-pod-failed" });
  }

  async get(namespace: string, name: string, signal: AbortSignal): Promise<KnownPod | undefined> {
    return known(await this.#objects.get(namespace, name, signal));
  }

  async create(namespace: string, manifest: PodManifest, signal: AbortSignal): Promise<KnownPod | undefined> {
    return known(await this.#objects.create(namespace, manifest, signal));
  }

  async annotate(
    namespace: string,
    { name, uid }: KnownPod,
    annotations: Readonly<Record<string, string | null>>,
    signal: AbortSignal,
  ): Promise<KnownPod | undefined> {
    // With the uid in it, the patch of another pod of that name is a conflict.
    return known(await this.#objects.patch(namespace, name, { metadata: { uid, annotations } }, signal));
  }

  async remove(namespace: string, { name, uid, version }: KnownPod, graceSeconds: number, signal: AbortSignal): Promise<boolean> {
    const options = { gracePeriodSeconds: graceSeconds, preconditions: { uid, resourceVersion: version } };
    return await this.#objects.remove(namespace, name, options, signal);
  }
}

function known(answer: unknown): KnownPod | undefined {
  return answer === undefined ? undefined : parsePod(answer as RawOwnPod);
}
