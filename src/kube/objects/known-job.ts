/** What the maker of Jobs knows of one, and what it may do with them: the contract that the cluster keeps. */

/** A Job at one moment, as far as its maker must know it. */
export interface KnownJob {
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** It has completed or failed, or is being deleted: no pod of it will serve any more. */
  readonly isOver: boolean;
  /** A pod of it is ready. */
  readonly isRunning: boolean;
  /** By the time of day. */
  readonly createdMs: number;
}

export interface JobManifest {
  readonly metadata: { readonly name: string };
}

export interface Jobs {
  /** Undefined when there is none. */
  get(namespace: string, name: string, signal: AbortSignal): Promise<KnownJob | undefined>;
  /** By labels, as the API takes them. */
  list(namespace: string, selector: string, signal: AbortSignal): Promise<readonly KnownJob[]>;
  /** Why it gets no pod, in the cluster's words, as a quota; undefined where it has one, or nothing says so. Never rejects. */
  whyNoPod(namespace: string, job: { readonly name: string; readonly uid: string }, signal: AbortSignal): Promise<string | undefined>;
  /** Undefined when there is one of that name. Rejects with `relay-failed` where the cluster does not take it. */
  create(namespace: string, manifest: JobManifest, signal: AbortSignal): Promise<KnownJob | undefined>;
  /** Lets the pods of one that was made suspended begin; harmless when it is gone, or is not suspended. */
  resume(namespace: string, job: KnownJob, signal: AbortSignal): Promise<void>;
  /** That very Job, and its pods with it; harmless when it is gone. */
  remove(namespace: string, job: Pick<KnownJob, "name" | "uid">, signal: AbortSignal): Promise<void>;
}
