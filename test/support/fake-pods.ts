/** The pods of a cluster in memory, for tests of what makes them: each becomes what the test says. */

import { KtError } from "#base/errors.ts";
import type { KnownPod, PodManifest, Pods } from "#kube/objects/known-pod.ts";

type Verb = "get" | "create" | "patch" | "delete";

export class FakePods implements Pods {
  readonly #pods = new Map<string, KnownPod>();
  #version = 0;
  /** Every manifest that was created, oldest first. */
  readonly made: PodManifest[] = [];
  /** Every pod that was removed, with its grace. */
  readonly removed: { readonly uid: string; readonly graceSeconds: number }[] = [];
  readonly asked: Verb[] = [];
  /** Verbs that are not allowed. */
  readonly denied = new Set<Verb>();
  /** What a new pod looks like; an error is what the cluster answers instead. */
  becomes: (manifest: PodManifest) => Partial<KnownPod> | KtError = () => ({});
  /** Called before each answer. */
  before: (verb: Verb) => void = () => {};

  pod(namespace: string, name: string): KnownPod | undefined {
    return this.#pods.get(`${namespace}/${name}`);
  }

  /** Puts a pod there, or changes the one that is there. */
  set(namespace: string, name: string, change: Partial<KnownPod>): KnownPod {
    const key = `${namespace}/${name}`;
    const version = String(++this.#version);
    const fresh = {
      name,
      uid: `uid-${version}`,
      labels: {},
      annotations: {},
      owner: undefined,
      terminating: false,
      ended: false,
      unschedulable: false,
      reason: undefined,
    };
    const pod: KnownPod = {
      ...fresh,
      exitCode: undefined,
      reason: undefined,
      state: { kind: "ready" },
      ...this.#pods.get(key),
      ...change,
      version,
    };
    this.#pods.set(key, pod);
    return pod;
  }

  delete(namespace: string, name: string): void {
    this.#pods.delete(`${namespace}/${name}`);
  }

  get(namespace: string, name: string): Promise<KnownPod | undefined> {
    return this.#answer("get", () => this.pod(namespace, name));
  }

  create(namespace: string, manifest: PodManifest): Promise<KnownPod | undefined> {
    return this.#answer("create", () => {
      const { name } = manifest.metadata;
      if (this.pod(namespace, name)) return undefined;
      const becomes = this.becomes(manifest);
      if (becomes instanceof KtError) throw becomes;
      this.made.push(manifest);
      return this.set(namespace, name, { ...manifest.metadata, ...becomes });
    });
  }

  annotate(namespace: string, { name, uid }: KnownPod, changes: Readonly<Record<string, string | null>>): Promise<KnownPod | undefined> {
    return this.#answer("patch", () => {
      const pod = this.pod(namespace, name);
      if (pod?.uid !== uid) return undefined;
      const merged = Object.entries({ ...pod.annotations, ...changes });
      const annotations = Object.fromEntries(merged.filter((entry): entry is [string, string] => entry[1] !== null));
      return this.set(namespace, name, { annotations });
    });
  }

  remove(namespace: string, { name, uid, version }: KnownPod, graceSeconds: number): Promise<boolean> {
    return this.#answer("delete", () => {
      const pod = this.pod(namespace, name);
      if (pod && (pod.uid !== uid || pod.version !== version)) return false;
      if (pod) this.removed.push({ uid, graceSeconds });
      this.delete(namespace, name);
      return true;
    });
  }

  async #answer<T>(verb: Verb, run: () => T): Promise<T> {
    this.asked.push(verb);
    await Promise.resolve();
    this.before(verb);
    if (this.denied.has(verb)) throw new KtError("forbidden", `not allowed to ${verb} pods`);
    return run();
  }
}
