/** What the operator's pods and the pods of an EdgeNode's uplinks write, for people who look for a fault. */

import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import type { ObjectName } from "#expose/resources/read-objects.ts";
import type { Api } from "#kube/api/api.ts";
import type { ContextSourceOptions } from "#kube/api/context-source.ts";
import { listAll } from "#kube/api/listing.ts";
import { kindPath, type KubeObject, kubeKinds, type ObjectMeta } from "#operator/cluster/kinds.ts";
import { nameOf, seenPod } from "#operator/cluster/seen.ts";
import { selectorOf } from "#operator/cluster/names.ts";
import { operatorLimits } from "#operator/limits.ts";
import { withApi } from "./listed-edge.ts";

export interface LogsRequest {
  /** So many of each pod's latest lines. */
  readonly lines: number;
  /** Only what came later; default: all. */
  readonly sinceMs: number | undefined;
  /** Goes on with what comes, and with the pods that come. */
  readonly follow: boolean;
}

export interface PodLogs {
  /** A pod that is found: what takes its bytes, each line with its time in front, as the API server writes it. */
  onPod(pod: ObjectName): { push(bytes: Uint8Array): void; end(): void };
  onProblem(what: string, error: unknown): void;
}

/** Resolves at the end of all logs, or after the signal. `onProblem` gets those of single pods. Rejects as the API does where no pods can be listed. */
export async function uplinkLogs(
  options: ContextSourceOptions,
  node: ObjectName,
  namespace: string,
  request: LogsRequest,
  logs: PodLogs,
  signal: AbortSignal,
): Promise<void> {
  const labels = Object.entries(selectorOf(node));
  await podLogs(options, { namespace, labels }, request, logs, signal);
}

/** Of every operator of the cluster: which one leads is not asked. The same otherwise. */
export async function operatorLogs(options: ContextSourceOptions, request: LogsRequest, logs: PodLogs, signal: AbortSignal): Promise<void> {
  await podLogs(options, { namespace: undefined, labels: [["app.kubernetes.io/name", "kt-operator"]] }, request, logs, signal);
}

interface Selected {
  /** Default: all. */
  readonly namespace: string | undefined;
  readonly labels: readonly (readonly [string, string])[];
}

async function podLogs(
  options: ContextSourceOptions,
  selected: Selected,
  request: LogsRequest,
  logs: PodLogs,
  signal: AbortSignal,
): Promise<void> {
  await withApi(options, async (api) => {
    const reading = new Map<string, Promise<void>>();
    do {
      const pods = await podsOf(api, selected, signal);
      if (pods.length === 0 && reading.size === 0) throw noPod(selected);
      for (const meta of pods) {
        const uid = meta.uid ?? "";
        if (!reading.has(uid)) reading.set(uid, readPod(api, meta, request, logs, signal));
      }
      if (request.follow) await pause(options.clock, operatorLimits.newPodsMs, signal);
    } while (request.follow && !signal.aborted);
    if (!request.follow) await Promise.all(reading.values());
  });
}

async function podsOf(api: Api, { namespace, labels }: Selected, signal: AbortSignal): Promise<ObjectMeta[]> {
  const access = { verb: "list", resource: "pods", group: "", namespace: namespace ?? "" } as const;
  const query = { labelSelector: labels.map(([key, value]) => `${key}=${value}`).join(",") };
  const path = kindPath(kubeKinds.pod, namespace);
  const pick = (raw: object): ObjectMeta => seenPod(raw as KubeObject).meta;
  return [...(await listAll({ api, path, query, access, pick }, signal)).items];
}

/** Never rejects. */
async function readPod(
  api: Api,
  meta: ObjectMeta,
  { lines, sinceMs, follow }: LogsRequest,
  logs: PodLogs,
  signal: AbortSignal,
): Promise<void> {
  const pod = nameOf(meta);
  const query = new URLSearchParams({
    timestamps: "true",
    tailLines: String(lines),
    follow: String(follow),
    ...(sinceMs !== undefined && { sinceTime: new Date(sinceMs).toISOString() }),
  });
  const path = `${kindPath(kubeKinds.pod, pod.namespace)}/${encodeURIComponent(pod.name)}/log?${query}`;
  const reader = logs.onPod(pod);
  try {
    await api.tail(path, { verb: "get", resource: "pods/log", group: "", ...pod }, (bytes) => reader.push(bytes), signal);
  } catch (error) {
    if (!signal.aborted) logs.onProblem(`pod ${pod.namespace}/${pod.name}`, error);
  }
  reader.end();
}

function noPod({ namespace, labels }: Selected): KtError {
  const where = namespace === undefined ? "the cluster" : `namespace "${namespace}"`;
  return new KtError("no-ready-pod", `no pod of ${where} has the label ${labels.map(([key, value]) => `${key}=${value}`).join(",")}`);
}

function pause(clock: Clock, waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(waitMs, resolve);
    const stop = (): void => {
      cancel();
      resolve();
    };
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
  });
}
