/** A Service that leads to a relay instead of its own pods, and what makes it as it was: written on the Service itself. Pure. */

import type { KnownService, RawServicePort } from "./known-service.ts";

/** The selector of a relay's pod, by the name of its Job. */
export const reverseLabel = "kt.dev/reverse";

/** What the Service had before, as JSON. */
export const replacedKey = "kt.dev/replaced";
const madeByKey = "kt.dev/made-by";
/** The uid of the Job whose relay has to give it back: a later one of the same name is another. */
const replacedByKey = "kt.dev/replaced-by";

/** What a replacement changes of a spec. */
interface Before {
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly RawServicePort[];
}

export const relaySelector = (job: string): Readonly<Record<string, string>> => ({ [reverseLabel]: job });

/** The Job whose pod the Service leads to; undefined where it leads elsewhere. */
export function relayOf({ selector }: KnownService): string | undefined {
  return selector?.[reverseLabel];
}

/** What it had before, where it is replaced now. */
function beforeOf({ annotations }: KnownService): Before | undefined {
  const text = annotations[replacedKey];
  if (text === undefined) return undefined;
  try {
    const before: Partial<Before> | null = JSON.parse(text);
    return before?.selector && Array.isArray(before.ports) ? { selector: before.selector, ports: before.ports } : undefined;
  } catch {
    return undefined;
  }
}

/** The uid of the Job whose relay replaced it. */
export const replacedBy = ({ annotations }: KnownService): string | undefined => annotations[replacedByKey];

export const isReplaced = (service: KnownService): boolean => beforeOf(service) !== undefined;

/**
 * The change that leads a Service to a relay. `podPorts`: by port of the Service. One that leads to an earlier relay keeps what it had
 * before that.
 */
export function replacement(
  service: KnownService,
  job: { readonly name: string; readonly uid: string },
  madeBy: string,
  podPorts: ReadonlyMap<number, number>,
): object {
  const before = (relayOf(service) === undefined ? undefined : beforeOf(service)) ?? {
    selector: service.selector ?? {},
    ports: service.ports,
  };
  const ports = before.ports.map((port) => {
    const targetPort = isTcp(port) ? podPorts.get(port.port) : undefined;
    return targetPort === undefined ? port : { ...port, targetPort };
  });
  return {
    metadata: { annotations: { [replacedKey]: JSON.stringify(before), [replacedByKey]: job.uid, [madeByKey]: madeBy } },
    spec: { selector: { ...without(service.selector), ...relaySelector(job.name) }, ports },
  };
}

/**
 * The change that makes it as it was. Undefined where it is not replaced. Where another leads it elsewhere since, what that one wrote stays.
 */
export function restoration(service: KnownService): object | undefined {
  const before = beforeOf(service);
  if (before === undefined) return undefined;
  const metadata = { annotations: { [replacedKey]: null, [replacedByKey]: null, [madeByKey]: null } };
  if (relayOf(service) === undefined) return { metadata };
  return { metadata, spec: { selector: { ...without(service.selector), ...before.selector }, ports: before.ports } };
}

/** A merge patch keeps what it does not name. */
const without = (selector: Readonly<Record<string, string>> = {}): Readonly<Record<string, null>> =>
  Object.fromEntries(Object.keys(selector).map((key) => [key, null]));

export const isTcp = ({ protocol = "TCP" }: RawServicePort): boolean => protocol === "TCP";
