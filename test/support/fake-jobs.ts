/** The Jobs of a cluster in memory, for tests of what makes them. */

import type { JobManifest, Jobs, KnownJob } from "#kube/objects/known-job.ts";

export class FakeJobs implements Jobs {
  readonly #jobs = new Map<string, KnownJob>();
  #made = 0;
  /** Every manifest that was created, oldest first. */
  readonly made: JobManifest[] = [];
  readonly removed: string[] = [];
  readonly resumed: string[] = [];
  /** Why none of them gets a pod. */
  noPod: string | undefined;

  set(namespace: string, name: string, change: Partial<KnownJob>): void {
    const fresh = { name, uid: `uid-${++this.#made}`, labels: {}, annotations: {}, isOver: false, isRunning: true, createdMs: 0 };
    this.#jobs.set(`${namespace}/${name}`, { ...fresh, ...this.#jobs.get(`${namespace}/${name}`), ...change });
  }

  async get(namespace: string, name: string): Promise<KnownJob | undefined> {
    return this.#jobs.get(`${namespace}/${name}`);
  }

  async list(namespace: string): Promise<readonly KnownJob[]> {
    return [...this.#jobs].flatMap(([key, job]) => (key.startsWith(`${namespace}/`) ? [job] : []));
  }

  async whyNoPod(): Promise<string | undefined> {
    return this.noPod;
  }

  async create(namespace: string, manifest: JobManifest): Promise<KnownJob | undefined> {
    const { name } = manifest.metadata;
    if (this.#jobs.has(`${namespace}/${name}`)) return undefined;
    this.made.push(manifest);
    this.set(namespace, name, {});
    return this.#jobs.get(`${namespace}/${name}`);
  }

  async resume(_: string, { name }: KnownJob): Promise<void> {
    this.resumed.push(name);
  }

  async remove(namespace: string, { name, uid }: Pick<KnownJob, "name" | "uid">): Promise<void> {
    const key = `${namespace}/${name}`;
    if (this.#jobs.get(key)?.uid !== uid) return;
    this.removed.push(name);
    this.#jobs.delete(key);
  }
}
