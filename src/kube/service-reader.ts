/** What is asked about one service: itself, its slices, and the pods that its selector matches. */

import { KtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { nearest } from "#base/nearest.ts";
import type { Api } from "./api.ts";
import { type Access, forbidden, StatusError } from "./api-problem.ts";
import { listNames } from "./names.ts";
import {
  type Pod,
  pickPod,
  pickService,
  pickSlice,
  type RawList,
  type RawObject,
  type Service,
  type Slice,
  sliceServiceLabel,
} from "./objects.ts";
import { slicesPath } from "./slice-watch.ts";

const isStatus = (error: unknown, status: number): error is StatusError => error instanceof StatusError && error.status === status;

/** Requests reject as `Api.get` does, unless they say otherwise. */
export class ServiceReader {
  readonly #api: Api;
  readonly #log: Log;
  readonly #namespace: string;
  readonly #name: string;

  constructor(api: Api, log: Log, namespace: string, name: string) {
    this.#api = api;
    this.#log = log;
    this.#namespace = namespace;
    this.#name = name;
  }

  /** The service, or the KtError that says there is none. */
  async service(signal: AbortSignal): Promise<Service | KtError> {
    const path = `/api/v1/namespaces/${this.#namespace}/services`;
    const access = { verb: "get", resource: "services", group: "", namespace: this.#namespace, name: this.#name } as const;
    try {
      return pickService((await this.#api.get(`${path}/${this.#name}`, access, signal)) as RawObject);
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
      const close = nearest(this.#name, await listNames(this.#api, path, access, signal));
      if (close === undefined) return error;
      return new KtError(error.code, error.message, { hints: [`did you mean "${close}"?`, ...error.hints] });
    }
  }

  async slices(signal: AbortSignal): Promise<readonly Slice[] | "forbidden"> {
    const search = new URLSearchParams({ labelSelector: `${sliceServiceLabel}=${this.#name}` });
    try {
      const list = await this.#api.get(`${slicesPath(this.#namespace)}?${search}`, this.#slicesAccess(), signal);
      return ((list as RawList<RawObject>).items ?? []).map(pickSlice);
    } catch (error) {
      if (!isStatus(error, 403)) throw error;
      this.#log("info", "slices-forbidden", { namespace: this.#namespace, service: this.#name, reason: error.message });
      return "forbidden";
    }
  }

  async pods(selector: string, signal: AbortSignal): Promise<readonly Pod[]> {
    try {
      const search = new URLSearchParams({ labelSelector: selector });
      const list = await this.#api.get(`/api/v1/namespaces/${this.#namespace}/pods?${search}`, this.#podsAccess(), signal);
      return ((list as RawList<RawObject>).items ?? []).map(pickPod);
    } catch (error) {
      if (!isStatus(error, 403)) throw error;
      throw forbidden([this.#slicesAccess(), this.#podsAccess()], error.message, this.#api.requester);
    }
  }

  /** For a service whose pods only slices could name. */
  slicesNeeded(): KtError {
    const words = `service "${this.#name}" has no selector, so its pods cannot be found without them`;
    return forbidden([this.#slicesAccess()], words, this.#api.requester);
  }

  #slicesAccess(): Access {
    return { verb: "list", resource: "endpointslices", group: "discovery.k8s.io", namespace: this.#namespace };
  }

  #podsAccess(): Access {
    return { verb: "list", resource: "pods", group: "", namespace: this.#namespace };
  }
}
