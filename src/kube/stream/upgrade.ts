/** Opens upgraded connections to pods, for forwarding and for commands: SPDY directly or a WebSocket, whichever gets through. */

import { collectionPath } from "#kube/objects/workload.ts";
import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { kubeLimits } from "#kube/limits.ts";
import { sha1 } from "#base/sha1.ts";
import type { Log } from "#base/log.ts";
import { type Header, headerValue, type ResponseHead } from "#wire/http-head.ts";
import { portForwardProtocols } from "#wire/portforward.ts";
import { wsAccept } from "#wire/ws-frame.ts";
import { type Api, isKubernetes } from "#kube/api/api.ts";
import { type Access, forbidden, StatusError } from "#kube/api/api-problem.ts";
import { isAboutContainer } from "./exec-problem.ts";
import { type Answer, CutShort } from "#http/client.ts";
import { WsConn } from "#http/ws-conn.ts";
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
  /** The Conn carries SPDY/3.1 where that is the protocol, else WebSocket frames of it. */
  | { readonly way: "websocket"; readonly conn: Conn; readonly protocol: string };

/** Agreed to, and nothing has come: the other way may do better, and where it does not this one may still be slow. */
interface Silent {
  readonly silent: Upgraded;
  readonly problem: KtError;
}

/** A KtError: the other way may do better. */
type Tried = Upgraded | Silent | KtError;

/** What both ways are tried for. */
interface Wanted {
  readonly path: string;
  readonly access: Omit<Access, "verb">;
  readonly signal: AbortSignal;
  /** Called when one is on its way. */
  readonly onAsked: () => void;
}

const { spdy, webSocketTunnel } = portForwardProtocols;

export class Upgrader {
  readonly #options: UpgraderOptions;
  /** The way that worked last, for a while; both are tried until one did. */
  #first: Way = "spdy";
  #firstUntilMs = Number.POSITIVE_INFINITY;
  /** Until when each is known to let something pass. */
  readonly #provenUntilMs: Record<Way, number> = { spdy: Number.NEGATIVE_INFINITY, websocket: Number.NEGATIVE_INFINITY };
  /** Until when SPDY is known to be slow to answer, and the only way. */
  #slowUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: UpgraderOptions) {
    this.#options = options;
  }

  /** `query` is empty or begins with a question mark. Rejects as Cluster.portForward does. */
  async open(namespace: string, pod: string, query: string, signal: AbortSignal): Promise<Upgraded> {
    const { clock, subresource } = this.#options;
    if (clock.now() >= this.#firstUntilMs) this.#prefer("spdy");
    const ending = new AbortController();
    const late = Promise.withResolvers<"late">();
    const timers: (() => void)[] = [];
    const onAsked = (): void => {
      if (timers.length > 0) return;
      timers.push(clock.after(kubeLimits.upgradeAnyAnswerMs, () => ending.abort(this.#noAnswer())));
      if (!this.#isKnown(this.#first)) timers.push(clock.after(kubeLimits.upgradeAnswerMs, () => late.resolve("late")));
    };
    const path = `${collectionPath("", namespace, "pods")}/${pod}/${subresource}${query}`;
    const access = { resource: `pods/${subresource}`, group: "", namespace, name: pod };
    try {
      return await this.#openEither({ path, access, signal: AbortSignal.any([signal, ending.signal]), onAsked }, late.promise);
    } finally {
      for (const cancel of timers) cancel();
      // What is still under way has lost.
      ending.abort();
    }
  }

  /** The second way is tried beside the first where that is late, and in its place where it has failed. */
  async #openEither(wanted: Wanted, late: Promise<"late">): Promise<Upgraded> {
    const first = this.#first;
    const second = first === "spdy" ? "websocket" : "spdy";
    const one = this.#try(first, wanted, kubeLimits.upgradeProofMs);
    const early = await Promise.race([one, late]);
    if (early !== "late" && "way" in early) return early;
    const two = this.#try(second, wanted, kubeLimits.upgradeAnyAnswerMs);
    let opened: Upgraded | undefined;
    try {
      opened = (await firstOpened([one, two])) ?? this.#neither(wanted.access, await one, await two);
      if (opened.way === second) this.#fellBack(second, early);
      else if (early === "late") this.#slowUntilMs = this.#options.clock.now() + kubeLimits.upgradeWayMs;
      return opened;
    } finally {
      for (const tried of [one, two]) void abortUnless(opened, tried);
    }
  }

  #fellBack(way: Way, early: Exclude<Tried, Upgraded> | "late"): void {
    const late = `${this.#options.api.requester.server} did not answer within ${kubeLimits.upgradeAnswerMs / 1000} s`;
    const { message: reason } = early === "late" ? { message: late } : early instanceof KtError ? early : early.problem;
    this.#prefer(way);
    this.#options.log("info", "upgrade-fallback", { way, reason });
  }

  /** Where the other way fails, a silent one may do: it may carry streams although it answers no ping. It is trusted for a while. */
  #neither(access: Wanted["access"], one: Tried, two: Tried): Upgraded {
    if (one instanceof KtError && two instanceof KtError) throw this.#worse(access, one, two);
    const opened = upgraded(one instanceof KtError ? two : one);
    this.#provenUntilMs[opened.way] = this.#options.clock.now() + kubeLimits.upgradeProvenMs;
    return opened;
  }

  /** Whether an answer is waited for as long as any, before the other way is tried. */
  #isKnown(first: Way): boolean {
    const nowMs = this.#options.clock.now();
    return first === "websocket" || nowMs < this.#provenUntilMs.spdy || nowMs < this.#slowUntilMs;
  }

  #noAnswer(): KtError {
    const { server } = this.#options.api.requester;
    const within = `within ${kubeLimits.upgradeAnyAnswerMs / 1000} s`;
    return new KtError(
      "cluster-unreachable",
      `${server} did not open a connection to the pod ${within}, by SPDY or by WebSocket: does a proxy in between block both?`,
    );
  }

  #prefer(way: Way): void {
    this.#first = way;
    this.#firstUntilMs = way === "spdy" ? Number.POSITIVE_INFINITY : this.#options.clock.now() + kubeLimits.upgradeWayMs;
  }

  /** Rejects when the other way cannot do better. */
  async #try(way: Way, { path, access, signal, onAsked }: Wanted, proofMs: number): Promise<Tried> {
    const { api, stream, webSocket } = this.#options;
    const key = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64");
    const asked = way === "spdy" ? spdyRequest(path, stream) : webSocketRequest(path, key, webSocket);
    const accepts = way === "spdy" ? acceptsSpdy : (head: ResponseHead) => acceptsWebSocket(head, key, webSocket);
    try {
      const result = await api.upgrade(asked, accepts, signal, onAsked);
      if (!("conn" in result)) return this.#refusal(result, { ...access, verb: verbs[way] });
      const { head, conn } = result;
      if (way === "spdy") return await this.#proven({ way, conn }, proofMs, signal);
      const protocol = agreedProtocol(head);
      if (protocol !== webSocketTunnel) return { way, conn, protocol };
      return await this.#proven({ way, conn: new WsConn(conn, "client"), protocol }, proofMs, signal);
    } catch (error) {
      if (error instanceof CutShort && !signal.aborted) return error;
      throw error;
    }
  }

  /** A proxy that agrees and then passes nothing on shows only so. */
  async #proven(opened: Upgraded, proofMs: number, signal: AbortSignal): Promise<Tried> {
    const { clock, api } = this.#options;
    const { way, conn } = opened;
    if (clock.now() < this.#provenUntilMs[way]) return opened;
    const proof = await proveSpdy(conn, clock, proofMs, signal);
    const agreed = `${api.requester.server} agreed to ${way === "spdy" ? "SPDY" : "a WebSocket"} and then`;
    if (proof === "silent") return { silent: opened, problem: new KtError("cluster-unreachable", `${agreed} passed nothing on`) };
    if (proof === "alive") {
      this.#provenUntilMs[way] = clock.now() + kubeLimits.upgradeProvenMs;
      return opened;
    }
    conn.abort();
    const what = proof === "closed" ? "closed the connection" : "sent something else";
    return new KtError("cluster-unreachable", `${agreed} ${what}`);
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

/** The first that opened; undefined where none did. Rejects as the first that rejects. */
function firstOpened(tries: readonly Promise<Tried>[]): Promise<Upgraded | undefined> {
  return new Promise((resolve, reject) => {
    const take = (tried: Tried): void => {
      if ("way" in tried) resolve(tried);
    };
    Promise.all(tries.map((each) => each.then(take))).then(() => resolve(undefined), reject);
  });
}

/** What was agreed to. Throws what was refused. */
function upgraded(tried: Tried): Upgraded {
  if (tried instanceof KtError) throw tried;
  return "way" in tried ? tried : tried.silent;
}

/** What lost the race may yet open. */
async function abortUnless(kept: Upgraded | undefined, tried: Promise<Tried>): Promise<void> {
  const { conn } = await tried.then(upgraded).catch(() => ({ conn: undefined }));
  if (conn !== kept?.conn) conn?.abort();
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
  return (
    head.status === 101 &&
    head.upgrade?.toLowerCase() === "websocket" &&
    protocols.includes(agreedProtocol(head)) &&
    headerValue(head.headers, "sec-websocket-accept") === wsAccept(key, sha1)
  );
}
