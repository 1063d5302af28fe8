/** Reads and writes single objects: what the operator does to a cluster, in five verbs. */

import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import type { ObjectName } from "#expose/resources/read-objects.ts";
import type { Api, WriteBody } from "#kube/api/api.ts";
import { type Access, isStatus } from "#kube/api/api-problem.ts";
import { type KubeKind, type KubeObject, kindPath } from "./kinds.ts";

/** Whose fields they are, for those who look at `managedFields`. */
export const fieldManager = "kt-operator";

export type Manifest = Pick<KubeObject, "metadata"> & Readonly<Record<string, unknown>>;

/** Each rejects as `Api.write` does, and so after the signal. */
export class ClusterObjects {
  readonly #api: Pick<Api, "get" | "write">;
  readonly #signal: AbortSignal;

  constructor(api: Pick<Api, "get" | "write">, signal: AbortSignal) {
    this.#api = api;
    this.#signal = signal;
  }

  /** Undefined when there is none. */
  async get(kind: KubeKind, name: ObjectName): Promise<KubeObject | undefined> {
    try {
      return (await this.#api.get(pathOf(kind, name), accessOf("get", kind, name), this.#signal)) as KubeObject;
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      throw error;
    }
  }

  /** As it now is. What is as wanted already is not written by the API server. */
  async apply(kind: KubeKind, { metadata, ...rest }: Manifest): Promise<KubeObject> {
    const name = { namespace: metadata.namespace ?? "", name: metadata.name };
    const value = { apiVersion: kind.apiVersion, kind: kind.kind, metadata, ...rest };
    const path = `${pathOf(kind, name)}?fieldManager=${fieldManager}&force=true`;
    return await this.#write("PATCH", path, { type: "application/apply-patch+yaml", value }, accessOf("patch", kind, name));
  }

  /** Undefined when there is one of that name already. */
  async create(kind: KubeKind, { metadata, ...rest }: Manifest): Promise<KubeObject | undefined> {
    const { namespace = "", name } = metadata;
    const value = { apiVersion: kind.apiVersion, kind: kind.kind, metadata, ...rest };
    try {
      const access = accessOf("create", kind, { namespace, name });
      return await this.#write(
        "POST",
        `${kindPath(kind, namespace)}?fieldManager=${fieldManager}`,
        { type: "application/json", value },
        access,
      );
    } catch (error) {
      if (isStatus(error, 409)) return undefined;
      if (isStatus(error, 404)) throw noNamespace(namespace, error);
      throw error;
    }
  }

  /** Undefined when it is gone, or is not the one or not of the version that the patch says. */
  async merge(kind: KubeKind, name: ObjectName, value: object, subresource: "" | "status" = ""): Promise<KubeObject | undefined> {
    const path = `${pathOf(kind, name)}${subresource === "" ? "" : `/${subresource}`}?fieldManager=${fieldManager}`;
    const resource = subresource === "" ? kind.resource : `${kind.resource}/${subresource}`;
    try {
      const access = { ...accessOf("patch", kind, name), resource };
      return await this.#write("PATCH", path, { type: "application/merge-patch+json", value }, access);
    } catch (error) {
      if (isStatus(error, 404) || isStatus(error, 409)) return undefined;
      throw error;
    }
  }

  /** Also when it is gone already. */
  async remove(kind: KubeKind, name: ObjectName): Promise<void> {
    const value = { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Background" };
    try {
      await this.#write("DELETE", pathOf(kind, name), { type: "application/json", value }, accessOf("delete", kind, name));
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
    }
  }

  async #write(method: "POST" | "PATCH" | "DELETE", path: string, body: WriteBody, access: Access): Promise<KubeObject> {
    return (await this.#api.write(method, path, body, access, this.#signal)) as KubeObject;
  }
}

/** All that something new can lack. */
function noNamespace(namespace: string, cause: unknown): KtError {
  return new KtError("cluster-error", `there is no namespace "${namespace}"`, {
    hints: [command`kubectl create namespace ${namespace}`],
    cause,
  });
}

function pathOf(kind: KubeKind, { namespace, name }: ObjectName): string {
  return `${kindPath(kind, namespace)}/${encodeURIComponent(name)}`;
}

function accessOf(verb: Access["verb"], { resource, group }: KubeKind, { namespace, name }: ObjectName): Access {
  return { verb, resource, group, namespace, name };
}
