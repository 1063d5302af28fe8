/** Makes what lets the pods of one Job act in the cluster: a service account, a role, and their binding. */

import { type Clock, sleep } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import type { Api } from "#kube/api/api.ts";
import type { GrantManifests, Grants, OwnedManifest } from "#kube/objects/known-service.ts";
import { kubeLimits } from "#kube/limits.ts";
import { type OwnKind, OwnObjects } from "./own-objects.ts";

const group = "rbac.authorization.k8s.io";
const code = "reverse-failed";

interface RawOwned {
  readonly metadata?: { readonly ownerReferences?: readonly { readonly uid?: string }[] };
}

export class ApiGrants implements Grants {
  readonly #api: Api;
  readonly #clock: Clock;

  constructor(api: Api, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
  }

  async create(namespace: string, { serviceAccount, role, roleBinding }: GrantManifests, signal: AbortSignal): Promise<void> {
    await this.#create({ group, resource: "roles", what: "role", code }, namespace, role, signal);
    await this.#create({ group: "", resource: "serviceaccounts", what: "service account", code }, namespace, serviceAccount, signal);
    await this.#create({ group, resource: "rolebindings", what: "role binding", code }, namespace, roleBinding, signal);
  }

  /** The cluster may take a moment to remove what an earlier Job of that name owned: that would go while it is in use. */
  async #create(kind: OwnKind, namespace: string, manifest: OwnedManifest, signal: AbortSignal): Promise<void> {
    const objects = new OwnObjects(this.#api, kind);
    const { name, ownerReferences } = manifest.metadata;
    const untilMs = this.#clock.now() + kubeLimits.grantLeftMs;
    for (;;) {
      if (await objects.create(namespace, manifest, signal)) return;
      const there = (await objects.get(namespace, name, signal)) as RawOwned | undefined;
      const owners = there?.metadata?.ownerReferences ?? [];
      if (owners.some(({ uid }) => uid === ownerReferences[0]?.uid)) return;
      if (there && this.#clock.now() >= untilMs) throw leftover(kind.what, namespace, name);
      await sleep(this.#clock, kubeLimits.grantLookMs, signal);
      signal.throwIfAborted();
    }
  }
}

function leftover(what: string, namespace: string, name: string): KtError {
  return new KtError(code, `the ${what} "${namespace}/${name}" is left of an earlier relay, and the cluster does not remove it`);
}
