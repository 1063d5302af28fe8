/** What to do next about an object of the public edge that is not ready: commands to paste. */

import { command } from "#base/shell.ts";
import type { ObjectName } from "#expose/resources/read-objects.ts";
import type { Reported } from "#operator/status/edge-report.ts";

/** By its reason, and its words that kt gave it: those of other operators lead to the object itself. `node` is the EdgeNode of a PortBinding. */
export function nextSteps(kind: "EdgeNode" | "PortBinding", object: ObjectName, { state, reason }: Reported, node?: ObjectName): string[] {
  if (state === "ready") return [];
  const edge = kind === "EdgeNode" ? object : node;
  if (state === "deleting") return kind === "EdgeNode" ? [command`kt edge logs ${object.name} -n ${object.namespace}`] : [];
  switch (reason) {
    case "NotObserved":
      return [
        "kubectl get deployments -A -l app.kubernetes.io/name=kt-operator",
        "kt edge manifests --image IMAGE | kubectl apply --server-side -f -",
      ];
    case "EdgeNodeNotFound":
      return ["kubectl get edgenodes -A"];
    case "SSHConnectionFailed":
    case "SecretError":
    case "ProvisioningFailed":
    case "ListenFailed":
      return edge === undefined ? [] : [command`kt edge doctor ${edge.name} -n ${edge.namespace}`];
    case "NoUplink":
    case "UplinksDegraded":
    case "VPSDegraded":
    case "Unknown":
      return edge === undefined ? [] : [command`kt edge logs ${edge.name} -n ${edge.namespace}`];
    case "Provisioning":
    case "NotYetApplied":
    case "Pending":
      return [];
    default:
      return [command`kubectl describe ${kind.toLowerCase()} ${object.name} -n ${object.namespace}`];
  }
}
