/** What is asked about one service: itself, its slices, and the pods that its selector matches. */

import { KtError, withHints } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { nearest } from "#base/nearest.ts";
import type { Api } from "#kube/api/api.ts";
import { type Access, forbidden, isStatus, type StatusError } from "#kube/api/api-problem.ts";
import { listAll } from "#kube/api/listing.ts";
import { listNames } from "./names.ts";
import { collectionPath } from "#kube/objects/workload.ts";
import type { NamespaceReads } from "./namespace-reads.ts";
import { type Pod, pickPod, type Service, type Slice } from "#kube/objects/objects.ts";
import type { FollowRequest } from "#kube/objects/types.ts";

export interface ServiceReaderOptions {
  readonly reads: NamespaceReads;
  readonly api: Api;
  readonly log: Log;
  readonly request: Pick<FollowRequest, "namespace" | "name">;
  /** Whether it is worth a request to find the name that was meant. */
  readonly suggests: () => boolean;
}

/** Requests reject as `Api.get` does, unless they say otherwise. */
export class ServiceReader {
  readonly #api: Api;
  readonly #log: Log;
  readonly #namespace: string;
  readonly #name: string;
  readonly #reads: NamespaceReads;
  readonly #suggests: () => boolean;
  /** Why its pods are looked for without slices. */
  #slicesProblem: StatusError | undefined;

  constructor({ reads, api, log, request, suggests }: ServiceReaderOptions) {
    this.#reads = reads;
    this.#api = api;
    this.#log = log;
    this.#namespace = request.namespace;
    this.#name = request.name;
    this.#suggests = suggests;
  }

  /** The service, or the KtError that says there is none. */
  async service(signal: AbortSignal): Promise<Service | KtError> {
    const reads = this.#reads;
    try {
      return await reads.service(this.#name, signal);
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
      if (!this.#suggests()) return error;
      const close = nearest(this.#name, await listNames(this.#api, reads.servicesPath, reads.serviceAccess(this.#name), signal));
      if (close === undefined) return error;
      return withHints(error, [`did you mean "${close}"?`, ...error.hints]);
    }
  }

  /** "unavailable": they may not be listed, or the server does not have that part of the API. */
  async slices(signal: AbortSignal): Promise<readonly Slice[] | "unavailable"> {
    try {
      return await this.#reads.slices(this.#name, signal);
    } catch (error) {
      if (!isStatus(error, 403) && !isStatus(error, 404)) throw error;
      this.#slicesProblem = error;
      const event = error.status === 403 ? "slices-forbidden" : "slices-missing";
      this.#log("info", event, { namespace: this.#namespace, service: this.#name, reason: error.message });
      return "unavailable";
    }
  }

  async pods(selector: string, signal: AbortSignal): Promise<readonly Pod[]> {
    try {
      const path = collectionPath("", this.#namespace, "pods");
      const wanted = { api: this.#api, path, query: { labelSelector: selector }, access: this.#podsAccess(), pick: pickPod };
      return (await listAll(wanted, signal)).items;
    } catch (error) {
      if (!isStatus(error, 403)) throw error;
      const slicesWouldDo = this.#slicesProblem?.status !== 404;
      const accesses = slicesWouldDo ? [this.#reads.slicesAccess, this.#podsAccess()] : [this.#podsAccess()];
      throw forbidden(accesses, error.message, this.#api.requester);
    }
  }

  /** For a service whose pods only slices could name. */
  slicesNeeded(): KtError {
    const words = `service "${this.#name}" has no selector, so its pods cannot be found without them`;
    if (this.#slicesProblem?.status === 404)
      return new KtError("cluster-error", `the API server has no EndpointSlices: ${words}`, { cause: this.#slicesProblem });
    return forbidden([this.#reads.slicesAccess], words, this.#api.requester);
  }

  #podsAccess(): Access {
    return { verb: "list", resource: "pods", group: "", namespace: this.#namespace };
  }
}
