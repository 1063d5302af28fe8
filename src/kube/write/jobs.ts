/** Makes and removes the Jobs that kt runs in a cluster: its relays. */

import type { Api } from "#kube/api/api.ts";
import type { JobManifest, Jobs, KnownJob } from "#kube/objects/known-job.ts";
import { workloadApis } from "#kube/objects/workload.ts";
import { OwnObjects } from "./own-objects.ts";

interface RawJob {
  readonly metadata?: {
    readonly name?: string;
    readonly uid?: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly status?: {
    readonly active?: number;
    readonly ready?: number;
    readonly conditions?: readonly { readonly type?: string; readonly status?: string }[];
  };
}

const endings: ReadonlySet<string> = new Set(["Complete", "SuccessCriteriaMet", "Failed", "FailureTarget"]);

function knownJob({ metadata, status }: RawJob): KnownJob {
  const hasEnded = status?.conditions?.some(({ type = "", status: is }) => is === "True" && endings.has(type)) ?? false;
  return {
    name: metadata?.name ?? "",
    uid: metadata?.uid ?? "",
    labels: metadata?.labels ?? {},
    annotations: metadata?.annotations ?? {},
    isOver: hasEnded || metadata?.deletionTimestamp !== undefined,
    isRunning: (status?.ready ?? 0) > 0,
    createdMs: Date.parse(metadata?.creationTimestamp ?? ""),
  };
}

interface RawEvent {
  readonly message?: string;
}

export class ApiJobs implements Jobs {
  readonly #api: Api;
  readonly #objects: OwnObjects;

  constructor(api: Api) {
    this.#api = api;
    this.#objects = new OwnObjects(api, { ...workloadApis.job, what: "relay", code: "relay-failed" });
  }

  async get(namespace: string, name: string, signal: AbortSignal): Promise<KnownJob | undefined> {
    return known(await this.#objects.get(namespace, name, signal));
  }

  async list(namespace: string, selector: string, signal: AbortSignal): Promise<readonly KnownJob[]> {
    const { items = [] } = (await this.#objects.list(namespace, selector, signal)) as { items?: readonly RawJob[] };
    return items.map(knownJob);
  }

  async whyNoPod(namespace: string, { name, uid }: Pick<KnownJob, "name" | "uid">, signal: AbortSignal): Promise<string | undefined> {
    try {
      const job = (await this.#objects.get(namespace, name, signal)) as RawJob | undefined;
      if (!job || (job.status?.active ?? 0) > 0) return undefined;
      const fields = encodeURIComponent(`involvedObject.uid=${uid},reason=FailedCreate`);
      const path = `/api/v1/namespaces/${namespace}/events?fieldSelector=${fields}`;
      const access = { verb: "list", resource: "events", group: "", namespace } as const;
      const { items = [] } = (await this.#api.get(path, access, signal)) as { items?: readonly RawEvent[] };
      return items.at(-1)?.message;
    } catch {
      // A user who may not read events learns only that there is no pod.
      return undefined;
    }
  }

  async create(namespace: string, manifest: JobManifest, signal: AbortSignal): Promise<KnownJob | undefined> {
    return known(await this.#objects.create(namespace, manifest, signal));
  }

  async resume(namespace: string, { name, uid }: KnownJob, signal: AbortSignal): Promise<void> {
    await this.#objects.patch(namespace, name, { metadata: { uid }, spec: { suspend: false } }, signal);
  }

  async remove(namespace: string, { name, uid }: Pick<KnownJob, "name" | "uid">, signal: AbortSignal): Promise<void> {
    await this.#objects.remove(namespace, name, { propagationPolicy: "Background", preconditions: { uid } }, signal);
  }
}

function known(answer: unknown): KnownJob | undefined {
  return answer === undefined ? undefined : knownJob(answer as RawJob);
}
