/** The certificates of bindings that end TLS, as files that are named by what they hold; a pair that cannot work is refused here. */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { messageOf } from "#base/errors.ts";
import type { Certificates } from "#expose/host/edge-document.ts";
import type { EdgePlan, PlannedBinding, RefusedBinding } from "#expose/plan/edge-plan.ts";
import type { TlsSettings } from "#expose/plan/settings.ts";
import { formatName, type ObjectName } from "#expose/resources/read-objects.ts";
import { type CertificateFile, certificateFile } from "#operator/host/wanted/wanted-host.ts";

/** What a Secret holds. */
export type SecretData = ReadonlyMap<string, Uint8Array>;

export interface Certified {
  /** Without the bindings whose Secret holds nothing that works: those are refused. */
  readonly plan: EdgePlan;
  readonly certificates: Certificates;
  readonly files: readonly CertificateFile[];
}

interface Names {
  readonly certificate: string;
  readonly clientCa: string | undefined;
}

/** `secrets` by `namespace/name`. */
export function withCertificates(plan: EdgePlan, secrets: ReadonlyMap<string, SecretData>): Certified {
  const files = new Map<string, Uint8Array>();
  const names = new Map<string, Names>();
  const bindings: PlannedBinding[] = [];
  const refused: RefusedBinding[] = [...plan.refused];
  for (const binding of plan.bindings) {
    const tls = binding.settings.protocol === "TCP" ? binding.settings.tls : undefined;
    const made = tls?.secret === undefined ? "none" : packed(tls, tls.secret, secrets);
    if (typeof made === "object" && "message" in made) {
      const { id, object, name, listenPort } = binding;
      refused.push({ id, object, name, listenPort, protocol: "TCP", ...made });
      continue;
    }
    bindings.push(binding);
    if (made === "none") continue;
    const [certificate, clientCa] = made.map((parts) => keep(files, parts));
    if (certificate !== undefined) names.set(binding.id, { certificate, clientCa });
  }
  return {
    plan: { ...plan, bindings, refused },
    certificates: { of: (id) => names.get(id) },
    files: [...files].map(([name, bytes]) => ({ name, bytes })),
  };
}

/** The chain with its key, and for mutual TLS whose certificates clients show; or why there is no such thing. */
function packed(
  { mode }: TlsSettings,
  secret: ObjectName,
  secrets: ReadonlyMap<string, SecretData>,
): readonly (readonly string[])[] | Pick<RefusedBinding, "state" | "message"> {
  const data = secrets.get(formatName(secret));
  const text = (key: string): string => new TextDecoder().decode(data?.get(key)).trim();
  const wrong = (key: string, why: string): Pick<RefusedBinding, "state" | "message"> => {
    return { state: "TLSSecretInvalid", message: `${key} of Secret "${formatName(secret)}" ${why}` };
  };
  const [chain, key, clientCa] = [text("tls.crt"), text("tls.key"), text("ca.crt")];
  try {
    if (!new X509Certificate(chain).checkPrivateKey(createPrivateKey(key))) return wrong("tls.key", "is not the key of tls.crt");
  } catch (error) {
    return wrong("tls.crt or tls.key", `cannot be read: ${messageOf(error)}`);
  }
  if (mode !== "mutual") return [[chain, key]];
  try {
    new X509Certificate(clientCa);
  } catch (error) {
    return wrong("ca.crt", `cannot be read: ${messageOf(error)}`);
  }
  return [[chain, key], [clientCa]];
}

function keep(files: Map<string, Uint8Array>, parts: readonly string[]): string {
  const { name, bytes } = certificateFile(...parts);
  files.set(name, bytes);
  return name;
}
