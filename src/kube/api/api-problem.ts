/** What the API server's refusals mean, in words for people. */

import type { ErrorCode } from "#base/error-facts.ts";
import { KtError, type KtErrorOptions } from "#base/errors.ts";
import { command, type Words } from "#base/shell.ts";
import type { Answer } from "#http/client.ts";
import { complainsOfPlainHttp } from "#wire/foreign-protocol.ts";
import { headerValue } from "#wire/http-head.ts";

/** What a request wants, in RBAC's terms. */
export interface Access {
  readonly verb: "get" | "list" | "watch" | "create" | "patch" | "delete";
  /** Plural, with the subresource: "pods", "pods/portforward". */
  readonly resource: string;
  /** "" is the core group. */
  readonly group: string;
  /** "" for what is in no namespace. */
  readonly namespace: string;
  readonly name?: string | undefined;
}

/** Whose request it was, for hints. */
export interface Requester {
  readonly context: string;
  readonly server: string;
  readonly user: string | undefined;
}

/** An answer of the API server with a status of failure. */
export class StatusError extends KtError {
  readonly status: number;
  /** True when the API server itself said so, not something on the way. */
  readonly fromKubernetes: boolean;
  /** What the answer said, without what we were doing: the server's text, none of ours. */
  readonly words: string;

  constructor(
    code: ErrorCode,
    message: string,
    status: number,
    fromKubernetes: boolean,
    { words, ...options }: KtErrorOptions & { readonly words: string },
  ) {
    super(code, message, options);
    this.status = status;
    this.fromKubernetes = fromKubernetes;
    this.words = words;
  }
}

export function isStatus(error: unknown, status: number): error is StatusError {
  return error instanceof StatusError && error.status === status;
}

interface Status {
  readonly kind?: string;
  readonly message?: string;
}

/** The message of a Kubernetes Status, or undefined when the answer is something else. */
export function statusMessage(body: string): string | undefined {
  try {
    const parsed: Status | null = JSON.parse(body);
    return parsed?.kind === "Status" ? (parsed.message ?? "") : undefined;
  } catch {
    return undefined;
  }
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

/** The error for an answer with a status of failure. */
export function answerProblem(answer: Answer, access: Access, requester: Requester): StatusError {
  const { status, reason } = answer.head;
  const told = statusMessage(answer.body);
  const words = told ? lowerFirst(told) : `${status} ${reason}`.trim();
  const known = told !== undefined;
  if (status === 401) return unauthorized(words, known, requester);
  if (status === 403 && known) return forbidden([access], words, requester);
  if (status === 404 && known && access.name !== undefined) {
    const code =
      access.resource === "services" ? "service-not-found" : access.resource.startsWith("pods") ? "pod-not-found" : "cluster-error";
    const kind = access.resource === "services" ? "service" : "pod";
    return new StatusError(code, `there is no ${kind} "${access.name}" in namespace "${access.namespace}"`, status, known, {
      words,
      hints: [command`kubectl get ${`${kind}s`} ${kubectlScope(access.namespace, requester.context)}`],
    });
  }
  if (status === 400 && complainsOfPlainHttp(Buffer.from(answer.body))) return plainToTls(status, words, requester);
  const away = status === 502 || status === 503 || status === 504;
  const message = known ? `${requester.server} answered ${status}: ${words}` : `${requester.server} answered ${words}${leadingTo(answer)}`;
  return new StatusError(away ? "cluster-unreachable" : "cluster-error", message, status, known, { words });
}

function plainToTls(status: number, words: string, { server }: Requester): StatusError {
  return new StatusError("cluster-error", `${server} speaks TLS, and was asked without`, status, false, {
    words,
    hints: [`write ${server.replace(/^http:/, "https:")} in the kubeconfig`],
  });
}

/** Where a redirect leads, without what may be a secret. It is not followed: credentials are not sent to where a proxy wants. */
function leadingTo({ head }: Answer): string {
  const location = headerValue(head.headers, "location")?.replace(/[?#].*$/, "");
  const isRedirect = location !== undefined && head.status >= 300 && head.status < 400;
  return isRedirect ? ` and leads to "${location}": is there a login page in between, or another address to use?` : "";
}

function unauthorized(words: string, known: boolean, { user, server }: Requester): StatusError {
  const who = user === undefined ? "a request without credentials" : `the credentials of user "${user}"`;
  const hint = server.startsWith("http:")
    ? "credentials are sent over https only, as kubectl does: write https in the kubeconfig's server"
    : "log in again, then try again: kt reads the kubeconfig anew when it changes";
  return new StatusError("unauthorized", `${server} refused ${who}: ${words}`, 401, known, { words, hints: [hint] });
}

/** One error for everything that would have done, e.g. the two verbs of port-forwarding. */
export function forbidden(accesses: readonly Access[], words: string, requester: Requester): StatusError {
  const wanted = accesses.map(({ verb, resource }) => `${verb} ${resource}`).join(" or ");
  const namespace = accesses[0]?.namespace ?? "";
  const where = namespace === "" ? "" : ` in namespace "${namespace}"`;
  return new StatusError("forbidden", `not allowed to ${wanted}${where}: ${words}`, 403, true, {
    words,
    hints: accesses.map((access) => canICommand(access, requester.context)),
  });
}

/** The command that asks the cluster whether we may: `pods/portforward` would be a pod of that name to kubectl. */
export function canICommand(access: { readonly [Key in "verb" | "resource" | "group" | "namespace"]: string }, context: string): string {
  const { verb, group, namespace } = access;
  const [resource, subresource] = access.resource.split("/");
  const what = [`${resource}${group === "" ? "" : `.${group}`}`, ...(subresource === undefined ? [] : [`--subresource=${subresource}`])];
  return command`kubectl auth can-i ${verb} ${what} ${kubectlScope(namespace, context)}`;
}

/** What makes a pasted kubectl command ask the right cluster. */
export function kubectlScope(namespace: string, context: string): Words {
  return [...(namespace === "" ? [] : ["-n", namespace]), "--context", context];
}
