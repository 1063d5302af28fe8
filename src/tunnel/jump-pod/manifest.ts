/** The pod that kt makes for a jump host, and what can be read from one that is there. Pure. */

import type { KnownPod, PodManifest } from "#kube/objects/known-pod.ts";
import type { JumpPodDefinition } from "#route/target.ts";
import { watchdogScript } from "./watchdog.ts";

/** Who makes or uses a pod: one hub of one user. */
export interface JumpPodHolder {
  /** Short, and the same after a restart of the hub. */
  readonly id: string;
  /** `ann@laptop`, for people. */
  readonly user: string;
}

export interface JumpPodRequest {
  readonly name: string;
  readonly namespace: string;
  readonly create: JumpPodDefinition;
  readonly holder: JumpPodHolder;
  /** Why: names of profiles, and of their routes. */
  readonly profiles: readonly string[];
  readonly routes: readonly string[];
  /** Until when the holder's lease goes, by the time of day. */
  readonly leaseUntilMs: number;
  /** Without the script that ends the pod: for images without a shell. */
  readonly plain: boolean;
}

const managedBy = "app.kubernetes.io/managed-by";
const definitionKey = "kt.dev/definition";
const plainKey = "kt.dev/plain";
const leasePrefix = "kt.dev/lease-";

const dayS = 24 * 60 * 60;

/** Rounded up: 0 would mean at once. */
const secondsOf = (ms: number): number => Math.max(1, Math.ceil(ms / 1000));

/** Equal for definitions that the same pod fulfils. Readable, since people find it on the pod. */
export function definitionText({ image, command, ttlMs }: JumpPodDefinition): string {
  return JSON.stringify({ image, command, ttl: `${secondsOf(ttlMs)}s` });
}

/** Fits the restricted Pod Security Standard. */
export function jumpPodManifest(request: JumpPodRequest): PodManifest {
  const { name, namespace, create, plain } = request;
  const ttlS = secondsOf(create.ttlMs);
  const command = plain ? create.command : ["/bin/sh", "-c", watchdogScript, "kt-jump", String(ttlS), ...(create.command ?? [])];
  const manifest = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels: labelsOf(request), annotations: annotationsOf(request) },
    spec: {
      restartPolicy: "Never",
      // The hard end. Without the script it is the only one.
      activeDeadlineSeconds: plain ? ttlS : Math.max(dayS, ttlS),
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      nodeSelector: { "kubernetes.io/os": "linux" },
      securityContext: { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: "jump",
          image: create.image,
          ...(command === undefined ? {} : { command: command.map(literal) }),
          resources,
          securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
        },
      ],
    },
  };
  return manifest;
}

/**
 * Each connection is a process that the runtime starts inside these limits, at the cost of some 16 ms of a CPU; a hundred at
 * once took 96 MB. With a tenth of a CPU one alone would take a fifth of a second.
 */
const resources = { requests: { cpu: "10m", memory: "16Mi" }, limits: { cpu: "500m", memory: "256Mi" } };

/** The kubelet fills in `$(VAR)` and takes `$$` for one `$`; what is written here is meant as it stands. */
function literal(argument: string): string {
  return argument.replaceAll("$", "$$$$");
}

function labelsOf({ holder }: JumpPodRequest): Readonly<Record<string, string>> {
  return {
    "app.kubernetes.io/name": "kt-jump",
    [managedBy]: "kt",
    "kt.dev/made-by": labelValue(holder.user),
    // A sidecar would outlive the script, and the pod with it.
    "sidecar.istio.io/inject": "false",
  };
}

function annotationsOf({ create, holder, profiles, routes, leaseUntilMs, plain }: JumpPodRequest): Readonly<Record<string, string>> {
  return {
    "kt.dev/made-by": holder.user,
    "kt.dev/profile": profiles.join(", "),
    "kt.dev/routes": routes.join(", "),
    [definitionKey]: definitionText(create),
    ...(plain ? { [plainKey]: "the image has no /bin/sh" } : {}),
    ...leaseOf(holder, leaseUntilMs),
    "linkerd.io/inject": "disabled",
  };
}

/** What Kubernetes takes as the value of a label. */
function labelValue(text: string): string {
  return text
    .replaceAll(/[^A-Za-z0-9._-]+/g, "_")
    .slice(0, 63)
    .replaceAll(/^[._-]+|[._-]+$/g, "");
}

/** The annotation by which a holder says that it uses the pod; without a time, the one that takes it back. */
export function leaseOf({ id }: JumpPodHolder, untilMs: number): Readonly<Record<string, string>>;
export function leaseOf({ id }: JumpPodHolder, untilMs: undefined): Readonly<Record<string, null>>;
export function leaseOf({ id }: JumpPodHolder, untilMs: number | undefined): Readonly<Record<string, string | null>> {
  return { [`${leasePrefix}${id}`]: untilMs === undefined ? null : new Date(untilMs).toISOString() };
}

/** Made by kt, this one or another's: with its label and definition, and by no controller. */
export function isOurs({ labels, annotations, owner }: KnownPod): boolean {
  return labels[managedBy] === "kt" && annotations[definitionKey] !== undefined && owner === undefined;
}

export function isPlain({ annotations }: KnownPod): boolean {
  return annotations[plainKey] !== undefined;
}

export function definitionOf({ annotations }: KnownPod): string | undefined {
  return annotations[definitionKey];
}

/** Whether another hub has marked the pod as in use, not too long ago. */
export function isHeldByOthers({ annotations }: KnownPod, { id }: JumpPodHolder, nowMs: number): boolean {
  return Object.entries(annotations).some(
    ([key, until]) => key.startsWith(leasePrefix) && key !== `${leasePrefix}${id}` && Date.parse(until) > nowMs,
  );
}

/** The runtime did not find the shell that the script needs. */
export function lacksShell({ reason }: KnownPod): boolean {
  return reason !== undefined && /\/bin\/sh\b.*(no such file|not found)/i.test(reason);
}
