/** A kubeconfig with everything masked that is not known to be harmless; pure. */

import { parseYaml, plainValue } from "#kube/config/yaml.ts";
import { mask, type Masker } from "#base/mask.ts";

/** Where values are shown: names, paths and switches. What the items of a list have stands at the list's own name. */
const harmless: ReadonlySet<string> = new Set([
  "apiVersion",
  "kind",
  "current-context",
  "clusters.name",
  "clusters.cluster.server",
  "clusters.cluster.tls-server-name",
  "clusters.cluster.insecure-skip-tls-verify",
  "clusters.cluster.disable-compression",
  "clusters.cluster.proxy-url",
  "clusters.cluster.certificate-authority",
  "contexts.name",
  "contexts.context.cluster",
  "contexts.context.user",
  "contexts.context.namespace",
  "users.name",
  "users.user.client-certificate",
  "users.user.client-key",
  "users.user.tokenFile",
  "users.user.auth-provider.name",
  "users.user.auth-provider.config.idp-issuer-url",
  "users.user.exec.apiVersion",
  "users.user.exec.command",
  "users.user.exec.env.name",
  "users.user.exec.installHint",
  "users.user.exec.interactiveMode",
  "users.user.exec.provideClusterInfo",
]);

/** What is masked is passed to the masker, so that it is masked wherever else it appears. */
export function kubeconfigShape(text: string, masker: Masker): unknown {
  try {
    return shape(plainValue(parseYaml(text)), "", masker);
  } catch {
    return "no YAML";
  }
}

function shape(value: unknown, path: string, masker: Masker): unknown {
  if (Array.isArray(value)) return value.map((item) => shape(item, path, masker));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shape(item, path === "" ? key : `${path}.${key}`, masker)]));
  }
  if (value === null || harmless.has(path)) return value;
  const text = String(value);
  return path === "users.user.exec.args" ? shownArgument(text, masker) : hidden(text, masker);
}

function hidden(text: string, masker: Masker): string {
  masker.learn(text);
  return mask;
}

/** Flags of a plugin say much and give nothing away, their values may: `--flag=value`, or `-fvalue`. */
function shownArgument(text: string, masker: Masker): string {
  const [, flag, rest] = /^(--[A-Za-z][\w-]*=?|-[A-Za-z]=?)(.*)$/s.exec(text) ?? [];
  if (flag === undefined) return hidden(text, masker);
  return rest ? `${flag}${hidden(rest, masker)}` : flag;
}
