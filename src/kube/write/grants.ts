/** Makes what lets the pods of one Job act in the cluster: a service account, a role, and their binding. */

import type { Api } from "#kube/api/api.ts";
import type { GrantManifests, Grants } from "#kube/objects/known-service.ts";
import { OwnObjects } from "./own-objects.ts";

const group = "rbac.authorization.k8s.io";
const code = "reverse-failed";

export class ApiGrants implements Grants {
  readonly #accounts: OwnObjects;
  readonly #roles: OwnObjects;
  readonly #bindings: OwnObjects;

  constructor(api: Api) {
    this.#accounts = new OwnObjects(api, { group: "", resource: "serviceaccounts", what: "service account", code });
    this.#roles = new OwnObjects(api, { group, resource: "roles", what: "role", code });
    this.#bindings = new OwnObjects(api, { group, resource: "rolebindings", what: "role binding", code });
  }

  async create(namespace: string, { serviceAccount, role, roleBinding }: GrantManifests, signal: AbortSignal): Promise<void> {
    await this.#roles.create(namespace, role, signal);
    await this.#accounts.create(namespace, serviceAccount, signal);
    await this.#bindings.create(namespace, roleBinding, signal);
  }
}
