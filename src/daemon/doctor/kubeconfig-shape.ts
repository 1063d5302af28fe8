/** A kubeconfig with everything masked that is not known to be harmless; pure. */

import { YAML } from "bun";
import { mask, type Masker } from "./mask.ts";

/** Settings whose values are shown: names, paths and switches. */
const harmless: ReadonlySet<string> = new Set([
  "apiVersion",
  "kind",
  "current-context",
  "name",
  "cluster",
  "user",
  "namespace",
  "server",
  "tls-server-name",
  "insecure-skip-tls-verify",
  "disable-compression",
  "proxy-url",
  "certificate-authority",
  "client-certificate",
  "client-key",
  "tokenFile",
  "command",
  "installHint",
  "interactiveMode",
  "provideClusterInfo",
  "idp-issuer-url",
]);

/** What is masked is told to the masker, so that it is masked wherever else it appears. */
export function kubeconfigShape(text: string, masker: Masker): unknown {
  try {
    return shape(YAML.parse(text), undefined, masker);
  } catch {
    return "no YAML";
  }
}

/** Lists take the name of their setting: `args` is masked, `contexts` is walked. */
function shape(value: unknown, key: string | undefined, masker: Masker): unknown {
  if (Array.isArray(value)) return value.map((item) => shape(item, key, masker));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([inner, item]) => [inner, shape(item, inner, masker)]));
  }
  if (typeof value !== "string" || (key !== undefined && harmless.has(key))) return value;
  // Flags of a plugin say much and give nothing away, their values may.
  if (key === "args" && value.startsWith("-")) return hideValue(value, masker);
  masker.learn(value);
  return mask;
}

function hideValue(flag: string, masker: Masker): string {
  const at = flag.indexOf("=");
  if (at < 0) return flag;
  masker.learn(flag.slice(at + 1));
  return `${flag.slice(0, at)}=${mask}`;
}
