/** The profiles that come with kt, embedded in the binary, for `extends = ["kt:NAME"]`. */

import argocd from "#profiles/argocd.toml" with { type: "text" };
import jaeger from "#profiles/jaeger.toml" with { type: "text" };
import kubePrometheusStack from "#profiles/kube-prometheus-stack.toml" with { type: "text" };
import kubernetesDashboard from "#profiles/kubernetes-dashboard.toml" with { type: "text" };
import loki from "#profiles/loki.toml" with { type: "text" };
import minio from "#profiles/minio.toml" with { type: "text" };
import postgresql from "#profiles/postgresql.toml" with { type: "text" };
import rabbitmq from "#profiles/rabbitmq.toml" with { type: "text" };
import redis from "#profiles/redis.toml" with { type: "text" };
import vault from "#profiles/vault.toml" with { type: "text" };

/** By name, as in `kt:NAME`. */
export const shippedProfiles: ReadonlyMap<string, string> = new Map<string, string>([
  ["argocd", argocd],
  ["jaeger", jaeger],
  ["kube-prometheus-stack", kubePrometheusStack],
  ["kubernetes-dashboard", kubernetesDashboard],
  ["loki", loki],
  ["minio", minio],
  ["postgresql", postgresql],
  ["rabbitmq", rabbitmq],
  ["redis", redis],
  ["vault", vault],
]);
