/** What `[env]` says about routes: `${tcp.PORT.address}` and `${routes.HOST.url}`, which `kt run` and `kt env` fill in. */

import { normaliseHostname } from "#base/hostname.ts";
import { nearest } from "#base/nearest.ts";

export interface RouteReference {
  /** As written. */
  readonly text: string;
  readonly kind: "tcp" | "routes";
  /** The route as written there, or its normalised hostname. */
  readonly route: string;
  readonly field: string;
}

/** The fields of each kind of reference. */
export const referenceFields: Readonly<Record<RouteReference["kind"], readonly string[]>> = {
  tcp: ["address", "host", "port"],
  routes: ["url", "host", "port"],
};

const referenceForm = /\$\{(tcp|routes)\.([^}]*)\}/g;

function readReference(text: string, kind: string | undefined, inside: string): RouteReference {
  const dot = inside.lastIndexOf(".");
  const name = dot < 0 ? inside : inside.slice(0, dot);
  const field = dot < 0 ? "" : inside.slice(dot + 1);
  if (kind === "tcp") return { text, kind, route: name, field };
  return { text, kind: "routes", route: normaliseHostname(name) ?? name, field };
}

/** Every reference in a text, in order. */
export function findReferences(text: string): RouteReference[] {
  return [...text.matchAll(referenceForm)].map(([whole, kind, inside = ""]) => readReference(whole, kind, inside));
}

/** The text with a value in the place of each reference. */
export function fillReferences(text: string, fill: (reference: RouteReference) => string): string {
  return text.replaceAll(referenceForm, (whole, kind: string, inside: string) => fill(readReference(whole, kind, inside)));
}

export interface ReferenceProblem {
  readonly text: string;
  readonly message: string;
  readonly hint: string;
}

/** What is wrong with a text's references, given the routes there are (hostnames normalised). */
export function checkReferences(text: string, known: Readonly<Record<RouteReference["kind"], readonly string[]>>): ReferenceProblem[] {
  return findReferences(text).flatMap((reference) => {
    const { kind, route, field } = reference;
    const fields = referenceFields[kind];
    if (!fields.includes(field)) {
      const hint = `write \${${kind}.${kind === "tcp" ? "5432" : "grafana.localhost"}.${fields[0]}}: it ends in ${fields.join(", ")}`;
      return [{ text: reference.text, message: `"${reference.text}" does not say what of the route is meant`, hint }];
    }
    if (known[kind].includes(route)) return [];
    const near = nearest(route, known[kind]);
    const hint = near === undefined ? `add it under [${kind}]` : `did you mean "\${${kind}.${near}.${field}}"?`;
    return [{ text: reference.text, message: `"${reference.text}" names a route that is not there`, hint }];
  });
}
