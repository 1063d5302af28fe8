/** Opens upgraded connections to pods, for forwarding and for commands: SPDY directly or a WebSocket, whichever gets through. */

import { CryptoHasher } from "bun";
import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { kubeLimits } from "#kube/limits.ts";
import type { Log } from "#base/log.ts";
import { type Header, headerValue, type ResponseHead } from "#wire/http-head.ts";
import { portForwardProtocols } from "#wire/portforward.ts";
import { wsAccept } from "#wire/ws-frame.ts";
import { type Api, isKubernetes } from "#kube/api/api.ts";
import type { ApiRequest } from "#kube/api/connection.ts";
import { type Access, forbidden, StatusError } from "#kube/api/api-problem.ts";
import { isAboutContainer } from "./exec-problem.ts";
import { type Answer, CutShort } from "#http/client.ts";
import { proveSpdy } from "./spdy-proof.ts";

type Way = "spdy" | "websocket";

/** RBAC sees POST as create and GET as get; from Kubernetes 1.35 the WebSocket needs both. */
const verbs = { spdy: "create", websocket: "get" } as const;

export interface UpgraderOptions {
  readonly api: Api;
  readonly clock: Clock;
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

/** Agreed to, and nothing has come: the other way may do better, and where it does not this one may still be slow. */
interface Silent {
  readonly upgraded: Upgraded;
  readonly problem: KtError;
}

/** Not answered so far, where the other way may be. */
class Unanswered extends KtError {}

const { spdy } = portForwardProtocols;

export class Upgrader {
  readonly #options: UpgraderOptions;
  /** The way that worked last, for a while; both are tried until one did. */
  #first: Way = "spdy";
  #firstUntilMs = Number.POSITIVE_INFINITY;
  /** Until when SPDY is known to let something pass. */
  #provenUntilMs = Number.NEGATIVE_INFINITY;
  /** Until when SPDY is known to be slow to answer, and the only way. */
  #slowUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: UpgraderOptions) {
    this.#options = options;
  }

  /** `query` is empty or begins with a question mark. Rejects as Cluster.portForward does. */
  async open(namespace: string, pod: string, query: string, signal: AbortSignal): Promise<Upgraded> {
    const path = `/api/v1/namespaces/${namespace}/pods/${pod}/${this.#options.subresource}${query}`;
    if (this.#options.clock.now() >= this.#firstUntilMs) this.#prefer("spdy");
    const first = this.#first;
    const second = first === "spdy" ? "websocket" : "spdy";
    const access = { resource: `pods/${this.#options.subresource}`, group: "", namespace, name: pod };
    const opened = await this.#try(first, path, { ...access, verb: verbs[first] }, signal, this.#patienceMs(first));
    if ("way" in opened) return opened;
    const silent = opened instanceof KtError ? undefined : opened.upgraded;
    const problem = opened instanceof KtError ? opened : opened.problem;
    try {
      const patienceMs = problem instanceof Unanswered ? kubeLimits.upgradeOtherAnswerMs : undefined;
      const fallback = await this.#try(second, path, { ...access, verb: verbs[second] }, signal, patienceMs);
      if (fallback instanceof KtError) {
        if (silent) return this.#unanswered(silent);
        if (problem instanceof Unanswered) return await this.#again(first, path, access, signal, fallback);
        throw this.#worse(access, problem, fallback);
      }
      this.#prefer(second);
      this.#options.log("info", "upgrade-fallback", { way: second, reason: problem.message });
      silent?.conn.abort();
      return "way" in fallback ? fallback : fallback.upgraded;
    } catch (error) {
      silent?.conn.abort();
      throw error;
    }
  }

  /** There is no other way: what answers no ping may still carry streams, and is not to be waited for each time. */
  #unanswered(silent: Upgraded): Upgraded {
    this.#provenUntilMs = this.#options.clock.now() + kubeLimits.upgradeProvenMs;
    return silent;
  }

  /** How long an answer is waited for before the other way is tried; undefined: as long as for any. */
  #patienceMs(first: Way): number | undefined {
    const nowMs = this.#options.clock.now();
    const isKnown = first === "websocket" || nowMs < this.#provenUntilMs || nowMs < this.#slowUntilMs;
    return isKnown ? undefined : kubeLimits.upgradeAnswerMs;
  }

  /** The other way has failed too: what did not answer at once may only be slow. */
  async #again(first: Way, path: string, access: Omit<Access, "verb">, signal: AbortSignal, fallback: KtError): Promise<Upgraded> {
    const opened = await this.#try(first, path, { ...access, verb: verbs[first] }, signal, undefined);
    if (opened instanceof KtError) throw this.#worse(access, opened, fallback);
    this.#slowUntilMs = this.#options.clock.now() + kubeLimits.upgradeWayMs;
    return "way" in opened ? opened : opened.upgraded;
  }

  #prefer(way: Way): void {
    this.#first = way;
    this.#firstUntilMs = way === "spdy" ? Number.POSITIVE_INFINITY : this.#options.clock.now() + kubeLimits.upgradeWayMs;
  }

  /** A KtError, or what is silent, when the other way may do better; rejects when it cannot. */
  async #try(
    way: Way,
    path: string,
    access: Access,
    signal: AbortSignal,
    patienceMs: number | undefined,
  ): Promise<Upgraded | Silent | KtError> {
    const { stream, webSocket } = this.#options;
    const key = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64");
    const wanted = way === "spdy" ? spdyRequest(path, stream) : webSocketRequest(path, key, webSocket);
    const accepts = way === "spdy" ? acceptsSpdy : (head: ResponseHead) => acceptsWebSocket(head, key, webSocket);
    try {
      const result = await this.#ask(wanted, accepts, signal, patienceMs);
      if (!("conn" in result)) return this.#refusal(result, access);
      const { head, conn } = result;
      return way === "spdy" ? await this.#proven(conn, signal) : { way, conn, protocol: agreedProtocol(head) };
    } catch (error) {
      if ((error instanceof CutShort || error instanceof Unanswered) && !signal.aborted) return error;
      throw error;
    }
  }

  /** Rejects with Unanswered when there is no answer so long after it was asked. */
  async #ask(
    wanted: ApiRequest,
    accepts: (head: ResponseHead) => boolean,
    signal: AbortSignal,
    patienceMs: number | undefined,
  ): ReturnType<Api["upgrade"]> {
    const { api, clock } = this.#options;
    const giveUp = new AbortController();
    let cancel = (): void => {};
    const onAsked = (): void => {
      cancel();
      if (patienceMs === undefined) return;
      const late = new Unanswered("cluster-unreachable", `${api.requester.server} did not answer within ${patienceMs / 1000} s`);
      cancel = clock.after(patienceMs, () => giveUp.abort(late));
    };
    try {
      return await api.upgrade(wanted, accepts, AbortSignal.any([signal, giveUp.signal]), onAsked);
    } finally {
      cancel();
    }
  }

  /** A proxy that agrees and then passes nothing on shows only so. */
  async #proven(conn: Conn, signal: AbortSignal): Promise<Upgraded | Silent | KtError> {
    const { clock, api } = this.#options;
    const upgraded = { way: "spdy", conn } as const;
    if (clock.now() < this.#provenUntilMs) return upgraded;
    const proof = await proveSpdy(conn, clock, kubeLimits.upgradeProofMs, signal);
    if (proof === "alive") {
      this.#provenUntilMs = clock.now() + kubeLimits.upgradeProvenMs;
      return upgraded;
    }
    const { server } = api.requester;
    if (proof === "silent")
      return { upgraded, problem: new KtError("cluster-unreachable", `${server} agreed to SPDY and then passed nothing on`) };
    conn.abort();
    const what = proof === "closed" ? "closed the connection" : "sent something else";
    return new KtError("cluster-unreachable", `${server} agreed to SPDY and then ${what}`);
  }

  /** Returns what the other way may mend; throws what it cannot. */
  #refusal(answer: Answer, access: Access): KtError {
    const problem = this.#options.api.problem(answer, access);
    if (answer.head.status === 401) throw problem;
    if (isKubernetes(answer) && problem.code === "pod-not-found") throw problem;
    if (isKubernetes(answer) && isAboutContainer(problem.words)) throw problem;
    if (/does not have a host assigned/.test(problem.words)) {
      throw new KtError("no-ready-pod", `pod "${access.namespace}/${access.name}" is waiting for a node`, { cause: problem });
    }
    return problem;
  }

  /** Of two failures the one that says more. */
  #worse(access: Omit<Access, "verb">, first: KtError, second: KtError): KtError {
    const refused = [first, second].filter(isForbidden);
    const [one, other] = refused;
    if (one && other) {
      // From 1.35 on the server may refuse the WebSocket for want of create: then get alone would not help.
      const missing = new Set(refused.map((problem) => /cannot (create|get) resource/.exec(problem.words)?.[1]));
      const named = missing.has(undefined)
        ? (["create", "get"] as const)
        : (["create", "get"] as const).filter((verb) => missing.has(verb));
      const accesses = named.map((verb): Access => ({ ...access, verb }));
      return forbidden(accesses, one.words, this.#options.api.requester);
    }
    return one ?? first;
  }
}

function isForbidden(problem: KtError): problem is StatusError {
  return problem instanceof StatusError && problem.code === "forbidden";
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
