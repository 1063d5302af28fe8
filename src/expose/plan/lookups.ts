/** What a plan asks about the cluster, and what it makes of the answers. Pure. */

import type { BindingDefinition } from "#expose/resources/port-binding.ts";
import { formatName, type ObjectName } from "#expose/resources/read-objects.ts";
import { bare } from "#expose/values/hosts.ts";
import type { TlsSettings } from "./settings.ts";

export interface SeenService {
  /** Its address in the cluster; undefined for one without, and why: `it is headless`. */
  readonly address: string | undefined;
  readonly without: string;
  readonly ports: readonly { readonly port: number; readonly protocol: string }[];
}

/** Undefined is "not there", and "unknown" where that was not looked at, or may not be. */
export interface Lookups {
  readonly service: (name: ObjectName) => SeenService | undefined | "unknown";
  /** The keys of its data; never what they hold. */
  readonly secretKeys: (name: ObjectName) => ReadonlySet<string> | undefined | "unknown";
}

/** For files: nothing is looked up. */
export const noLookups: Lookups = { service: () => "unknown", secretKeys: () => "unknown" };

export interface TargetSettings {
  /** An IP address, IPv6 without brackets; undefined where the Service was not looked up. */
  readonly address: string | undefined;
  readonly port: number;
  readonly service: ObjectName | undefined;
}

/** Why a binding is not on the host, in one word and in words. */
export interface Refusal {
  readonly state: string;
  readonly message: string;
}

export function targetOf({ target, protocol }: BindingDefinition, lookups: Lookups): TargetSettings | Refusal {
  const { service, address = "", port = 0 } = target;
  if (service === undefined) return { address: bare(address), port, service: undefined };
  const name = { namespace: service.namespace, name: service.name };
  const found = lookups.service(name);
  if (found === "unknown") return { address: undefined, port: service.port, service: name };
  const shown = `Service "${formatName(name)}"`;
  if (found === undefined) return { state: "ServiceNotFound", message: `there is no ${shown}` };
  if (found.address === undefined) {
    return { state: "ServiceUnusable", message: `${shown} has no address in the cluster: ${found.without}` };
  }
  if (!found.ports.some((each) => each.port === service.port && each.protocol === protocol)) {
    const ports = found.ports.map((each) => `${each.port}/${each.protocol}`).join(", ");
    return { state: "ServicePortNotFound", message: `${shown} has no port ${service.port}/${protocol}: it has ${ports || "none"}` };
  }
  return { address: found.address, port: service.port, service: name };
}

const neededKeys = { passthrough: [], offload: ["tls.crt", "tls.key"], mutual: ["tls.crt", "tls.key", "ca.crt"] } as const;

/** Undefined where the Secret has what the mode needs. */
export function secretRefusal(tls: TlsSettings | undefined, lookups: Lookups): Refusal | undefined {
  if (tls?.secret === undefined) return undefined;
  const keys = lookups.secretKeys(tls.secret);
  if (keys === "unknown") return undefined;
  const shown = `Secret "${formatName(tls.secret)}"`;
  if (keys === undefined) return { state: "SecretNotFound", message: `there is no ${shown}` };
  const lacking = neededKeys[tls.mode].filter((key) => !keys.has(key));
  if (lacking.length === 0) return undefined;
  return { state: "TLSSecretIncomplete", message: `${shown} has no ${lacking.join(" and no ")}, which tls.mode ${tls.mode} needs` };
}
