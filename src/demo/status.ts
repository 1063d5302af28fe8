/** The answers of an API server that refuses something: Status objects, word for word as the real one writes them. */

/** A resource as paths and messages name it. */
export interface ResourceName {
  /** API group, "" for the core group. */
  readonly group: string;
  /** Plural, with the subresource behind a slash where there is one: "pods/portforward". */
  readonly resource: string;
}

/** metav1.Status, as far as clients read it. */
export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: Readonly<Record<string, never>>;
  readonly status: "Failure";
  readonly message: string;
  readonly reason?: string;
  readonly details?: Readonly<Record<string, string>>;
  readonly code: number;
}

function failure(code: number, message: string, more: Pick<Status, "reason" | "details"> = {}): Status {
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, ...more, code };
}

const qualified = ({ group, resource }: ResourceName): string => (group === "" ? resource : `${resource}.${group}`);

function details({ group, resource }: ResourceName, name: string | undefined): Record<string, string> {
  const kind = resource.split("/")[0] ?? resource;
  return { ...(name === undefined ? {} : { name }), ...(group === "" ? {} : { group }), kind };
}

export function notFound(resource: ResourceName, name: string): Status {
  const plain = { ...resource, resource: resource.resource.split("/")[0] ?? "" };
  return failure(404, `${qualified(plain)} "${name}" not found`, { reason: "NotFound", details: details(plain, name) });
}

/** For a collection that the server does not have. */
export const noSuchResource: Status = failure(404, "the server could not find the requested resource", { reason: "NotFound", details: {} });

export const methodNotAllowed: Status = failure(405, "the server does not allow this method on the requested resource", {
  reason: "MethodNotAllowed",
  details: {},
});

export const unauthorized: Status = failure(401, "Unauthorized", { reason: "Unauthorized" });

export interface Denied {
  readonly user: string;
  readonly verb: string;
  readonly resource: ResourceName;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

export function forbidden({ user, verb, resource, namespace, name }: Denied): Status {
  const plain = { ...resource, resource: resource.resource.split("/")[0] ?? "" };
  const what = name === undefined ? qualified(plain) : `${qualified(plain)} "${name}"`;
  const where = namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const may = `User "${user}" cannot ${verb} resource "${resource.resource}" in API group "${resource.group}" ${where}`;
  return failure(403, `${what} is forbidden: ${may}`, { reason: "Forbidden", details: details(resource, name) });
}

/** The real server says no more when a GET wants to forward without the permission that POST needs. */
export function forbiddenWithoutReason(resource: ResourceName, name: string): Status {
  return failure(403, `${qualified(resource)} "${name}" is forbidden: `, { reason: "Forbidden", details: details(resource, name) });
}

export function badRequest(message: string): Status {
  return failure(400, message, { reason: "BadRequest" });
}

/** Comes inside a watch that began too far back. */
export function tooOldToWatch(version: number, oldest: number): Status {
  return failure(410, `too old resource version: ${version} (${oldest})`, { reason: "Expired" });
}

export const tooOldToList: Status = failure(410, "The resourceVersion for the provided list is too old.", { reason: "Expired" });

export function invalidVersion(text: string): Status {
  return failure(500, `resourceVersion: Invalid value: "${text}": strconv.ParseUint: parsing "${text}": invalid syntax`);
}

export const internalError: Status = failure(500, "Internal error occurred: told to fail", { reason: "InternalError", details: {} });
