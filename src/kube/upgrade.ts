/** Opens upgraded connections to pods, for forwarding and for commands: SPDY directly or a WebSocket, whichever gets through. */

import { CryptoHasher } from "bun";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { type Header, headerValue, type ResponseHead } from "#wire/http-head.ts";
import { portForwardProtocols } from "#wire/portforward.ts";
import { wsAccept } from "#wire/ws-frame.ts";
import { type Api, isKubernetes } from "./api.ts";
import { type Access, forbidden } from "./api-problem.ts";
import { isAboutContainer } from "./exec-problem.ts";
import { type Answer, CutShort } from "./http.ts";

type Way = "spdy" | "websocket";

/** RBAC sees POST as create and GET as get; from Kubernetes 1.35 the WebSocket needs both. */
const verbs = { spdy: "create", websocket: "get" } as const;

export interface UpgraderOptions {
  readonly api: Api;
  readonly log: Log;
  readonly subresource: "portforward" | "exec";
  /** `X-Stream-Protocol-Version` of the direct way. */
  readonly stream: string;
  /** `Sec-WebSocket-Protocol`, best first. */
  readonly webSocket: readonly string[];
}

export type Upgraded =
  /** The Conn carries SPDY/3.1. */
  | { readonly way: "spdy"; readonly conn: Conn }
  /** The Conn carries WebSocket frames of that protocol. */
  | { readonly way: "websocket"; readonly conn: Conn; readonly protocol: string };

const { spdy } = portForwardProtocols;

export class Upgrader {
  readonly #options: UpgraderOptions;
  /** The way that worked last; both are tried until one did. */
  #first: Way = "spdy";

  constructor(options: UpgraderOptions) {
    this.#options = options;
  }

  /** `query` is empty or begins with a question mark. Rejects as Cluster.portForward does. */
  async open(namespace: string, pod: string, query: string, signal: AbortSignal): Promise<Upgraded> {
    const path = `/api/v1/namespaces/${namespace}/pods/${pod}/${this.#options.subresource}${query}`;
    const first = this.#first;
    const second = first === "spdy" ? "websocket" : "spdy";
    const access = { resource: `pods/${this.#options.subresource}`, group: "", namespace, name: pod };
    const opened = await this.#try(first, path, { ...access, verb: verbs[first] }, signal);
    if (!(opened instanceof KtError)) return opened;
    const fallback = await this.#try(second, path, { ...access, verb: verbs[second] }, signal);
    if (fallback instanceof KtError) throw this.#worse(access, opened, fallback);
    this.#first = second;
    this.#options.log("info", "upgrade-fallback", { way: second, reason: opened.message });
    return fallback;
  }

  /** A KtError when the other way may do better; rejects when it cannot. */
  async #try(way: Way, path: string, access: Access, signal: AbortSignal): Promise<Upgraded | KtError> {
    const { api, stream, webSocket } = this.#options;
    const key = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64");
    const wanted = way === "spdy" ? spdyRequest(path, stream) : webSocketRequest(path, key, webSocket);
    const accepts = way === "spdy" ? acceptsSpdy : (head: ResponseHead) => acceptsWebSocket(head, key, webSocket);
    try {
      const result = await api.upgrade(wanted, accepts, signal);
      if (!("conn" in result)) return this.#refusal(result, access);
      const { head, conn } = result;
      return way === "spdy" ? { way, conn } : { way, conn, protocol: agreedProtocol(head) };
    } catch (error) {
      if (error instanceof CutShort && !signal.aborted) return error;
      throw error;
    }
  }

  /** Returns what the other way may mend; throws what it cannot. */
  #refusal(answer: Answer, access: Access): KtError {
    const problem = this.#options.api.problem(answer, access);
    if (answer.head.status === 401) throw problem;
    if (isKubernetes(answer) && problem.code === "pod-not-found") throw problem;
    if (isKubernetes(answer) && isAboutContainer(problem.message)) throw problem;
    if (/does not have a host assigned/.test(problem.message)) {
      throw new KtError("no-ready-pod", `pod "${access.namespace}/${access.name}" is waiting for a node`, { cause: problem });
    }
    return problem;
  }

  /** Of two failures the one that says more. */
  #worse(access: Omit<Access, "verb">, first: KtError, second: KtError): KtError {
    const refused = [first, second].filter((problem) => problem.code === "forbidden");
    if (refused.length === 2) {
      // From 1.35 on the server may refuse the WebSocket for want of create: then get alone would not help.
      const missing = new Set(refused.map((problem) => /cannot (create|get) resource/.exec(problem.message)?.[1]));
      const named = missing.has(undefined)
        ? (["create", "get"] as const)
        : (["create", "get"] as const).filter((verb) => missing.has(verb));
      const words = first.message.slice(first.message.indexOf(": ") + 2);
      const accesses = named.map((verb): Access => ({ ...access, verb }));
      return forbidden(accesses, words, this.#options.api.requester);
    }
    return refused[0] ?? first;
  }
}

const upgradeHeader: Header = ["Connection", "Upgrade"];

function spdyRequest(path: string, stream: string) {
  const headers: Header[] = [upgradeHeader, ["Upgrade", spdy], ["X-Stream-Protocol-Version", stream]];
  return { method: "POST", path, headers, body: "" } as const;
}

function webSocketRequest(path: string, key: string, protocols: readonly string[]) {
  const headers: Header[] = [
    upgradeHeader,
    ["Upgrade", "websocket"],
    ["Sec-WebSocket-Version", "13"],
    ["Sec-WebSocket-Key", key],
    ["Sec-WebSocket-Protocol", protocols.join(", ")],
  ];
  return { method: "GET", path, headers } as const;
}

const acceptsSpdy = (head: ResponseHead): boolean => head.status === 101 && head.upgrade?.toLowerCase() === spdy.toLowerCase();

const agreedProtocol = (head: ResponseHead): string => headerValue(head.headers, "sec-websocket-protocol") ?? "";

function acceptsWebSocket(head: ResponseHead, key: string, protocols: readonly string[]): boolean {
  const sha1 = (text: string): Uint8Array => new CryptoHasher("sha1").update(text).digest();
  return (
    head.status === 101 &&
    head.upgrade?.toLowerCase() === "websocket" &&
    protocols.includes(agreedProtocol(head)) &&
    headerValue(head.headers, "sec-websocket-accept") === wsAccept(key, sha1)
  );
}
