/** Makes and removes the Jobs that kt runs in a cluster: its relays. */

import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import type { Api } from "#kube/api/api.ts";
import { type Access, kubectlScope, StatusError } from "#kube/api/api-problem.ts";
import type { JobManifest, Jobs, KnownJob } from "#kube/objects/known-job.ts";
import { collectionPath, workloadApis } from "#kube/objects/workload.ts";

const { group, resource } = workloadApis.job;

interface RawJob {
  readonly metadata?: {
    readonly name?: string;
    readonly uid?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly status?: { readonly conditions?: readonly { readonly type?: string; readonly status?: string }[] };
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
  };
}

const hasStatus = (error: unknown, status: number): boolean => error instanceof StatusError && error.status === status;

export class ApiJobs implements Jobs {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  async get(namespace: string, name: string, signal: AbortSignal): Promise<KnownJob | undefined> {
    try {
      return knownJob((await this.#api.get(pathOf(namespace, name), access("get", namespace, name), signal)) as RawJob);
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
  }

  async list(namespace: string, selector: string, signal: AbortSignal): Promise<readonly KnownJob[]> {
    const path = `${pathOf(namespace)}?labelSelector=${encodeURIComponent(selector)}`;
    const { items = [] } = (await this.#api.get(path, access("list", namespace), signal)) as { items?: readonly RawJob[] };
    return items.map(knownJob);
  }

  async create(namespace: string, manifest: JobManifest, signal: AbortSignal): Promise<KnownJob | undefined> {
    const body = { type: "application/json", value: manifest } as const;
    try {
      return knownJob((await this.#api.write("POST", pathOf(namespace), body, access("create", namespace), signal)) as RawJob);
    } catch (error) {
      if (hasStatus(error, 409)) return undefined;
      throw this.#refused(error, namespace, manifest.metadata.name);
    }
  }

  async remove(namespace: string, { name, uid }: KnownJob, signal: AbortSignal): Promise<void> {
    const options = { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Background", preconditions: { uid } };
    const body = { type: "application/json", value: options } as const;
    try {
      await this.#api.write("DELETE", pathOf(namespace, name), body, access("delete", namespace, name), signal);
    } catch (error) {
      if (!hasStatus(error, 404) && !hasStatus(error, 409)) throw error;
    }
  }

  /** Quotas and webhooks answer with 403 too, but no permission is missing then. */
  #refused(error: unknown, namespace: string, name: string): unknown {
    if (!(error instanceof StatusError) || !error.fromKubernetes || error.status === 401 || error.status >= 500) return error;
    if (error.status === 403 && /\bcannot create resource\b/.test(error.words)) return error;
    return new KtError("relay-failed", `the cluster does not take the relay "${namespace}/${name}": ${error.words}`, {
      hints: [command`kubectl describe namespace,quota ${kubectlScope(namespace, this.#api.requester.context)}`],
      cause: error,
    });
  }
}

function pathOf(namespace: string, name?: string): string {
  return `${collectionPath(group, namespace, resource)}${name === undefined ? "" : `/${name}`}`;
}

function access(verb: Access["verb"], namespace: string, name?: string): Access {
  return { verb, resource, group, namespace, name };
}
