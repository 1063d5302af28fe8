/** What kt makes in a cluster for a service that leads to this machine: the relay's Job, the Service, and the rights to give one back. Pure. */

import type { JobManifest, KnownJob } from "#kube/objects/known-job.ts";
import type { GrantManifests, ServiceManifest } from "#kube/objects/known-service.ts";
import { relaySelector, reverseLabel } from "#kube/objects/replaced-service.ts";
import type { JumpPodHolder } from "#tunnel/jump-pod/manifest.ts";
import { digestOf, jobManifest, relayLabels, type RelayDefinition } from "#tunnel/relay/manifest.ts";

/** The relay ends when its user has not been heard for this long, which says something every 15 s. */
const ttlS = 40;

/** What it owns stays as long as what is left of it can be looked at. */
const leftoverS = 3;

/** Above what needs a privilege, and none of the relay's own ports. */
const firstPodPort = 9000;

/** One Service, as one hub has it in the cluster. */
export interface ReverseDefinition {
  readonly namespace: string;
  readonly service: string;
  /** Of the Service, in rising order. */
  readonly ports: readonly number[];
  readonly replace: boolean;
  readonly relay: RelayDefinition;
  readonly holder: JumpPodHolder;
}

/** The Job that was made for it. */
export type MadeJob = Pick<KnownJob, "name" | "uid">;

/** Each hub has a relay of its own for each Service: the hub that is connected gets the connections. */
export function reverseName({ relay, holder, service, ports, replace }: ReverseDefinition): string {
  return `kt-reverse-${digestOf(relay, holder.id, service, ports, replace)}`;
}

/** Where the relay listens for each port of the Service. */
export function podPorts(ports: readonly number[]): ReadonlyMap<number, number> {
  return new Map(ports.map((port, at) => [port, firstPodPort + at]));
}

/** One that replaces a Service has to give it back, for which it needs a token. */
export function reverseJob(definition: ReverseDefinition): JobManifest {
  const { namespace, service, ports, replace, relay, holder } = definition;
  const name = reverseName(definition);
  const pairs = [...podPorts(ports)].map(([port, podPort]) => `${podPort}:${port}`);
  return jobManifest({
    name,
    namespace,
    definition: relay,
    madeBy: holder.user,
    ttlS,
    leftoverS,
    labels: { [reverseLabel]: name },
    args: ["--reverse", pairs.join(","), ...(replace ? ["--restore", service] : [])],
    serviceAccount: replace ? name : undefined,
    // Its pod can only be made once there is its service account, which the Job owns.
    suspend: replace,
  });
}

/** The cluster removes what a Job owns once the Job is gone. */
const owned = (job: MadeJob) => ({
  ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name: job.name, uid: job.uid, controller: true }],
});

const marks = (madeBy: string) => ({ labels: relayLabels, annotations: { "kt.dev/made-by": madeBy } });

export function serviceManifest(definition: ReverseDefinition, job: MadeJob): ServiceManifest {
  const { namespace, service, ports, holder } = definition;
  const mapped = [...podPorts(ports)].map(([port, targetPort]) => ({ name: `port-${port}`, port, targetPort, protocol: "TCP" }));
  const manifest = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: service, namespace, ...marks(holder.user), ...owned(job) },
    spec: { selector: relaySelector(job.name), ports: mapped },
  };
  return manifest;
}

/** Leads a Service that an earlier relay of ours made to this one, and lets it end with this one. */
export function takeover(job: MadeJob): object {
  return { metadata: owned(job), spec: { selector: relaySelector(job.name) } };
}

/** To read and to change that one Service, and nothing else. */
export function grantManifests({ namespace, service, holder }: ReverseDefinition, job: MadeJob): GrantManifests {
  const metadata = { name: job.name, namespace, ...marks(holder.user), ...owned(job) };
  const group = "rbac.authorization.k8s.io";
  const role = {
    apiVersion: `${group}/v1`,
    kind: "Role",
    metadata,
    rules: [{ apiGroups: [""], resources: ["services"], resourceNames: [service], verbs: ["get", "patch"] }],
  };
  const roleBinding = {
    apiVersion: `${group}/v1`,
    kind: "RoleBinding",
    metadata,
    roleRef: { apiGroup: group, kind: "Role", name: job.name },
    subjects: [{ kind: "ServiceAccount", name: job.name, namespace }],
  };
  const serviceAccount = { apiVersion: "v1", kind: "ServiceAccount", metadata, automountServiceAccountToken: false };
  return { serviceAccount, role, roleBinding };
}
