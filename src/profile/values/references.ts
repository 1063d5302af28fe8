/** What `[env]` says about routes, for `kt run` and `kt env`: `${tcp.PORT.address}`, `${routes.HOST.url}`, `${forward.NAME:PORT.port}`. */

import { normaliseHostname } from "#base/hostname.ts";
import { nearest } from "#base/nearest.ts";

export interface RouteReference {
  /** As written. */
  readonly text: string;
  readonly kind: "tcp" | "udp" | "routes" | "forward";
  /** The route as written there, its normalised hostname, or what `kt status` calls a port of a [[forward]]: "db.shop:5432". */
  readonly route: string;
  readonly field: string;
}

/** The fields of each kind of reference. */
export const referenceFields: Readonly<Record<RouteReference["kind"], readonly string[]>> = {
  tcp: ["address", "host", "port"],
  udp: ["address", "host", "port"],
  routes: ["url", "address", "host", "port"],
  forward: ["address", "host", "port"],
};

/** Those of a hostname's route that only exist where it has an address of its own. */
const ownAddressFields: ReadonlySet<string> = new Set(["address", "host", "port"]);

/** The hostnames, normalised, of the routes that these texts want an address of their own for. */
export function hostsWithAddress(texts: Iterable<string>): ReadonlySet<string> {
  const references = [...texts].flatMap(findReferences);
  return new Set(references.filter(({ kind, field }) => kind === "routes" && ownAddressFields.has(field)).map(({ route }) => route));
}

/** Or two dollars, which stand for one: so that `$${` is not the beginning of one. */
const referenceForm = /\$\$|\$\{(tcp|udp|routes|forward)\.([^}]*)\}/g;

function readReference(text: string, kind: string | undefined, inside: string): RouteReference {
  const dot = inside.lastIndexOf(".");
  const name = dot < 0 ? inside : inside.slice(0, dot);
  const field = dot < 0 ? "" : inside.slice(dot + 1);
  if (kind === "tcp" || kind === "udp" || kind === "forward") return { text, kind, route: name, field };
  return { text, kind: "routes", route: normaliseHostname(name) ?? name, field };
}

/** Every reference in a text, in order. */
export function findReferences(text: string): RouteReference[] {
  return [...text.matchAll(referenceForm)]
    .filter(([, kind]) => kind !== undefined)
    .map(([whole, kind, inside = ""]) => readReference(whole, kind, inside));
}

/** The text with a value in the place of each reference, and a dollar in that of two. */
export function fillReferences(text: string, fill: (reference: RouteReference) => string): string {
  return text.replaceAll(referenceForm, (whole, kind?: string, inside?: string) =>
    kind === undefined ? "$" : fill(readReference(whole, kind, inside ?? "")),
  );
}

export interface ReferenceProblem {
  readonly text: string;
  readonly message: string;
  readonly hint: string;
}

/** Those that stand in the file; what is forwarded only the cluster knows. */
type KnownRoutes = Readonly<Record<Exclude<RouteReference["kind"], "forward">, readonly string[]>>;

/** What is wrong with a text's references, given the routes there are (hostnames normalised). */
export function checkReferences(text: string, known: KnownRoutes): ReferenceProblem[] {
  return findReferences(text).flatMap((reference) => {
    const { kind, route, field } = reference;
    if (kind === "forward") return checkForward(reference);
    if (!referenceFields[kind].includes(field)) return [wrongField(reference, known[kind])];
    if (known[kind].includes(route)) return [];
    const near = nearest(route, known[kind]);
    const hint = near === undefined ? `add it under [${kind}]` : `did you mean "\${${kind}.${near}.${field}}"?`;
    return [{ text: reference.text, message: `"${reference.text}" names a route that is not there`, hint }];
  });
}

function checkForward(reference: RouteReference): ReferenceProblem[] {
  const { route, field } = reference;
  // Of one that ends with its port, that is what was read as the field.
  if (!referenceFields.forward.includes(field)) return [wrongField(reference, field.includes(":") ? [`${route}.${field}`] : [])];
  return /^[^:]+:[0-9]+$/.test(route) ? [] : [withoutPort(reference)];
}

function withoutPort({ text, route, field }: RouteReference): ReferenceProblem {
  const message = `"${text}" does not say which port of the service is meant`;
  return { text, message, hint: `write "\${forward.${route.replace(/:.*$/, "")}:PORT.${field}}", as kt status names it` };
}

/** The field is mistyped or left out; the route is kept as it was written. */
function wrongField({ text, kind, route, field }: RouteReference, known: readonly string[]): ReferenceProblem {
  const fields = referenceFields[kind];
  const inside = `${route}.${field}`;
  const named = known.includes(inside) ? inside : route;
  const near = named === route ? nearest(field, fields) : undefined;
  const endings = `it ends in ${fields.map((each) => `.${each}`).join(", ")}`;
  const hint =
    near === undefined
      ? `write "\${${kind}.${named}.${fields[0]}}": ${endings}`
      : `did you mean "\${${kind}.${named}.${near}}"? ${endings}`;
  return { text, message: `"${text}" does not say what of the route is meant`, hint };
}
