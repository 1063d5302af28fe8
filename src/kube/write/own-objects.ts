/** Makes, changes and removes objects of one kind that are kt's own: the only writes of kt to a cluster. */

import type { ErrorCode } from "#base/error-facts.ts";
import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import type { Api, WriteBody } from "#kube/api/api.ts";
import { type Access, kubectlScope, StatusError } from "#kube/api/api-problem.ts";
import { collectionPath } from "#kube/objects/workload.ts";

export interface OwnKind {
  /** "" is the core API. */
  readonly group: string;
  readonly resource: string;
  /** What it is to users, for what the cluster says against it. */
  readonly what: string;
  /** Of the error for one that the cluster does not take. */
  readonly code: ErrorCode;
}

const hasStatus = (error: unknown, status: number): boolean => error instanceof StatusError && error.status === status;

/** Raw objects, as the API answers them. Each method rejects like `Api.get` and `Api.write`. */
export class OwnObjects {
  readonly #api: Api;
  readonly #kind: OwnKind;

  constructor(api: Api, kind: OwnKind) {
    this.#api = api;
    this.#kind = kind;
  }

  /** Undefined when there is none. */
  async get(namespace: string, name: string, signal: AbortSignal): Promise<unknown> {
    try {
      return await this.#api.get(this.#path(namespace, name), this.#access("get", namespace, name), signal);
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
  }

  /** By labels, as the API takes them. */
  async list(namespace: string, selector: string, signal: AbortSignal): Promise<unknown> {
    const path = `${this.#path(namespace)}?labelSelector=${encodeURIComponent(selector)}`;
    return await this.#api.get(path, this.#access("list", namespace), signal);
  }

  /** Undefined when there is one of that name. Rejects with the kind's own error where the cluster does not take it. */
  async create(namespace: string, manifest: { readonly metadata: { readonly name: string } }, signal: AbortSignal): Promise<unknown> {
    const body = { type: "application/json", value: manifest } as const;
    try {
      return await this.#api.write("POST", this.#path(namespace), body, this.#access("create", namespace), signal);
    } catch (error) {
      if (hasStatus(error, 409)) return undefined;
      throw this.#refused(error, namespace, manifest.metadata.name);
    }
  }

  /** Undefined when it is gone, or is not the one that the patch says by its uid. */
  async patch(namespace: string, name: string, value: object, signal: AbortSignal): Promise<unknown> {
    const body = { type: "application/merge-patch+json", value } as const;
    try {
      return await this.#api.write("PATCH", this.#path(namespace, name), body, this.#access("patch", namespace, name), signal);
    } catch (error) {
      if (hasStatus(error, 404) || hasStatus(error, 409)) return undefined;
      throw error;
    }
  }

  /** False where it is not as the preconditions among the options say; true also when it is gone. */
  async remove(namespace: string, name: string, options: object, signal: AbortSignal): Promise<boolean> {
    const body: WriteBody = { type: "application/json", value: { kind: "DeleteOptions", apiVersion: "v1", ...options } };
    try {
      await this.#api.write("DELETE", this.#path(namespace, name), body, this.#access("delete", namespace, name), signal);
      return true;
    } catch (error) {
      if (hasStatus(error, 404)) return true;
      if (hasStatus(error, 409)) return false;
      throw error;
    }
  }

  /** Quotas, Pod Security and webhooks answer with 403 too, but no permission is missing then. */
  #refused(error: unknown, namespace: string, name: string): unknown {
    if (!(error instanceof StatusError) || !error.fromKubernetes || error.status === 401 || error.status >= 500) return error;
    if (error.status === 403 && /\bcannot create resource\b/.test(error.words)) return error;
    const { code, what } = this.#kind;
    return new KtError(code, `the cluster does not take the ${what} "${namespace}/${name}": ${error.words}`, {
      hints: [command`kubectl describe namespace,quota ${kubectlScope(namespace, this.#api.requester.context)}`],
      cause: error,
    });
  }

  #path(namespace: string, name?: string): string {
    return `${collectionPath(this.#kind.group, namespace, this.#kind.resource)}${name === undefined ? "" : `/${name}`}`;
  }

  #access(verb: Access["verb"], namespace: string, name?: string): Access {
    const { resource, group } = this.#kind;
    return { verb, resource, group, namespace, name };
  }
}
