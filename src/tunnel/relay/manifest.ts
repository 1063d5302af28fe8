/** The Job that kt runs as its relay. Pure. */

import type { JobManifest, KnownJob } from "#kube/objects/known-job.ts";
import type { RelaySettings } from "#route/relay-settings.ts";
import { relayVersion } from "#wire/relay-frame.ts";

/** Where `kt relay` listens, on the pod's loopback. */
export const relayPort = 8990;

/** The relay ends when no user has been heard for this long. */
const relayTtlS = 60;

/** How long what is left of a relay that has ended can be looked at: kt must still see why. */
const relayLeftoverS = 5;

/** The hard end, should everything else fail: a connection may last for days. */
const deadlineS = 7 * 24 * 60 * 60;

/** What a relay is: users who mean the same share one. */
export type RelayDefinition = Omit<RelaySettings, "mode" | "image" | "namespace"> & { readonly image: string };

/** The Job that is a relay. */
export interface RelayJob {
  readonly name: string;
  readonly image: string;
  readonly manifest: JobManifest;
  /** Gives one that was made, or found, what its pod needs to begin. */
  readonly prepare?: (job: KnownJob, signal: AbortSignal) => Promise<void>;
}

export const relayLabels = { "app.kubernetes.io/name": "kt-relay", "app.kubernetes.io/managed-by": "kt" } as const;

/** Another definition, or a kt of another protocol version, has a relay of its own: none is ever misunderstood or taken from others. */
export function relayName(definition: RelayDefinition): string {
  return `kt-relay-${digestOf(definition)}`;
}

/** Ten digits that differ for whatever differs in the definition, and in what else the relay is. */
export function digestOf(definition: RelayDefinition, ...rest: readonly unknown[]): string {
  const { image, nodeSelector, tolerations, resources, labels } = definition;
  const sorted = (record: object): readonly unknown[] => Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const text = [
    relayVersion,
    image,
    sorted(nodeSelector),
    tolerations,
    sorted(resources.requests),
    sorted(resources.limits),
    sorted(labels),
    ...rest,
  ];
  return hash(JSON.stringify(text));
}

/** FNV-1a, 52 bits of it as hex: names only have to differ, and two that do not are of no use to an attacker. */
function hash(text: string): string {
  let value = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) value = ((value ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return value.toString(16).padStart(16, "0").slice(0, 10);
}

/** The relay of all who ask for the same. */
export function relayJob(definition: RelayDefinition, namespace: string, madeBy: string): RelayJob {
  const name = relayName(definition);
  return { name, image: definition.image, manifest: jobManifest({ name, namespace, definition, madeBy }) };
}

/** What is said of a Job's purpose. */
export interface JobRequest {
  readonly name: string;
  readonly namespace: string;
  readonly definition: RelayDefinition;
  readonly madeBy: string;
  /** The relay ends when no user has been heard for this long; default: a minute. */
  readonly ttlS?: number;
  /** How long what is left of it can be looked at once it has ended; default: 10 s. */
  readonly leftoverS?: number;
  /** Besides those of every relay. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Whose token its pod has; default: none. */
  readonly serviceAccount?: string | undefined;
  /** Its pod waits until the Job is resumed. */
  readonly suspend?: boolean;
}

/** Fits the restricted Pod Security Standard. */
export function jobManifest(request: JobRequest): JobManifest {
  const { name, namespace, definition, madeBy, suspend = false, leftoverS = relayLeftoverS } = request;
  const labels = { ...definition.labels, ...relayLabels, ...request.labels };
  const annotations = { "kt.dev/made-by": madeBy };
  const manifest = {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace, labels, annotations },
    spec: {
      ...(suspend && { suspend }),
      // A relay that failed is made anew by who needs it, and says why to who waits.
      backoffLimit: 0,
      activeDeadlineSeconds: deadlineS,
      ttlSecondsAfterFinished: leftoverS,
      template: {
        metadata: {
          labels: { ...labels, "sidecar.istio.io/inject": "false" },
          annotations: { ...annotations, "linkerd.io/inject": "disabled" },
        },
        spec: podSpec(request),
      },
    },
  };
  return manifest;
}

function podSpec({ definition, args = [], ttlS = relayTtlS, serviceAccount }: JobRequest): object {
  const { image, nodeSelector, tolerations, resources } = definition;
  return {
    restartPolicy: "Never",
    // Open connections may go on for a while when the node is drained.
    terminationGracePeriodSeconds: 30,
    automountServiceAccountToken: serviceAccount !== undefined,
    ...(serviceAccount !== undefined && { serviceAccountName: serviceAccount }),
    enableServiceLinks: false,
    nodeSelector: { "kubernetes.io/os": "linux", ...nodeSelector },
    ...(tolerations.length === 0 ? {} : { tolerations }),
    securityContext: { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, seccompProfile: { type: "RuntimeDefault" } },
    containers: [
      {
        name: "relay",
        image,
        imagePullPolicy: "IfNotPresent",
        ...(serviceAccount !== undefined && { env: [jobUid] }),
        args: ["relay", "--port", String(relayPort), "--ttl", `${ttlS}s`, ...args],
        resources: {
          requests: { ...defaultResources.requests, ...resources.requests },
          limits: { ...defaultResources.limits, ...resources.limits },
        },
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
      },
    ],
  };
}

/** By the label that the cluster gives to pods of Jobs since 1.27: "" in an older one. */
const jobUid = { name: "KT_JOB_UID", valueFrom: { fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/controller-uid']" } } };

/**
 * No limit of processor time: throttling would stall every connection at once. What is requested is also its share of a busy node: with
 * a tenth of it the relay was the slowest hop. Idle it takes some 30 MB.
 */
const defaultResources = { requests: { cpu: "100m", memory: "64Mi" }, limits: { memory: "512Mi" } };
