/** Looks at one context step by step, for `kt doctor`: who we are, whether the server answers, what we may do there. */

import type { Clock } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { systemReason } from "#base/system-error.ts";
import { connectTcp } from "#net/tcp.ts";
import { headerValue } from "#wire/http-head.ts";
import { type Access, answerProblem } from "#kube/api/api-problem.ts";
import { type ApiRequest, Connection } from "#kube/api/connection.ts";
import { loadContext } from "#kube/api/context-source.ts";
import { anonymous, type Identity } from "#kube/auth/credentials.ts";
import { withDeadline } from "#base/deadline.ts";
import { deepCode } from "#kube/way/dial.ts";
import { FileCache } from "#kube/config/files.ts";
import { type Answer, request } from "#http/client.ts";
import type { ContextConfig } from "#kube/config/context-config.ts";
import type { Strangers } from "#kube/config/strangers.ts";
import { chooseProxy, hostOf, portOf, type ProxyChoice } from "#kube/way/outbound-proxy.ts";

export interface ProbeOptions {
  /** Absolute paths, in order of precedence. */
  readonly kubeconfig: readonly string[];
  /** Those of them that are not the user's own; default: none. */
  readonly strangers?: Strangers;
  /** Undefined: the kubeconfig's current-context. */
  readonly context: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** How long a credential plugin may take. */
  readonly pluginTimeoutMs: number;
}

/** What the server said to `GET /version`; any answer shows that it can be reached. */
export interface ServerAnswer {
  readonly status: number;
  /** As `v1.35.4`; undefined where we may not know. */
  readonly version: string | undefined;
  readonly tookMs: number;
}

/** Why the server cannot be reached, and the system's or the TLS library's own code for it. */
export interface Unreached {
  readonly problem: KtError;
  readonly code: string | undefined;
}

/** Something that we may or may not do. */
export type Permission = Pick<Access, "resource" | "group" | "namespace"> & { readonly verb: string };

const json = ["Content-Type", "application/json"] as const;

export class Probe {
  readonly config: ContextConfig;
  readonly #options: ProbeOptions;
  readonly #connection: Connection;
  readonly #url: URL;
  /** Time of day of the last answer of whatever kind, with ours. */
  #dates: { readonly theirsMs: number; readonly oursMs: number } | undefined;

  /** Throws KtError `kubeconfig-unreadable` or `context-unknown`. */
  constructor(options: ProbeOptions) {
    const cache = new FileCache();
    this.#options = options;
    this.config = loadContext(options, cache);
    this.#connection = new Connection({ ...options, config: this.config, cache, log: silentLog });
    this.#url = new URL(this.config.cluster.server);
  }

  /** The proxy on the way to the server. Throws KtError `proxy-failed` for one that is not a valid URL. */
  proxy(): ProxyChoice | undefined {
    return chooseProxy(this.#url, this.config.cluster.proxyUrl, this.#options.environment);
  }

  /** Rejects with KtError `credentials-failed` or `kubeconfig-unreadable`. */
  identity(): Promise<Identity> {
    return this.#connection.identity();
  }

  /** By how much this machine's clock is ahead of the server's; undefined until it has answered. The header has whole seconds. */
  clockAheadMs(): number | undefined {
    return this.#dates && this.#dates.oursMs - this.#dates.theirsMs;
  }

  /** Asks without credentials first; with ours where that failed and a client certificate may help. */
  async reach(timeoutMs: number): Promise<ServerAnswer | Unreached> {
    try {
      return await this.#bounded(timeoutMs, async (signal) => {
        if (this.proxy() === undefined) await this.#knock(signal);
        return await this.#version(anonymous, signal).catch(async (error: unknown) => {
          const identity = await this.identity().catch(() => anonymous);
          if (identity.cert === undefined || signal.aborted) throw error;
          return await this.#version(identity, signal);
        });
      });
    } catch (error) {
      const problem = toKtError(error, "cluster-unreachable", `connect to ${this.#url.origin}`);
      return { problem, code: deepCode(problem) };
    }
  }

  /** Asks a server for its time whose certificate cannot be trusted: it may be the clock that makes it so. Nothing secret is sent. */
  async askTime(timeoutMs: number): Promise<void> {
    const config = { ...this.config, user: undefined, cluster: { ...this.config.cluster, insecure: true } };
    const connection = new Connection({ ...this.#options, config, cache: new FileCache(), log: silentLog });
    await this.#bounded(timeoutMs, (signal) => this.#ask(versionRequest, anonymous, signal, connection)).catch(() => undefined);
  }

  /** The user's name as the server knows it; undefined where it does not tell. Rejects with KtError `unauthorized` and others. */
  async whoAmI(timeoutMs: number): Promise<string | undefined> {
    const kind = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
    const answer = await this.#create("/apis/authentication.k8s.io/v1/selfsubjectreviews", kind, timeoutMs);
    if (answer.head.status === 401) throw this.#refused(answer);
    const review: { status?: { userInfo?: { username?: string } } } | undefined = parsed(answer);
    return review?.status?.userInfo?.username;
  }

  /** Rejects with KtError when the server does not say. */
  async may({ verb, resource: path, group, namespace }: Permission, timeoutMs: number): Promise<boolean> {
    const [resource, subresource = ""] = path.split("/");
    const kind = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview" };
    const spec = { resourceAttributes: { verb, group, resource, subresource, namespace } };
    const answer = await this.#create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", { ...kind, spec }, timeoutMs);
    const review: { status?: { allowed?: boolean } } | undefined = parsed(answer);
    if (review?.status === undefined) throw this.#refused(answer);
    return review.status.allowed === true;
  }

  /** A connection alone: what fails here is the name or the network. */
  async #knock(signal: AbortSignal): Promise<void> {
    try {
      const conn = await connectTcp({ host: hostOf(this.#url), port: portOf(this.#url), signal });
      conn.abort();
    } catch (error) {
      if (!signal.aborted)
        throw new KtError("cluster-unreachable", `connect to ${this.#url.origin}: ${systemReason(error)}`, { cause: error });
      throw new KtError("cluster-unreachable", `connect to ${this.#url.origin}: nothing answers`, { cause: timedOut });
    }
  }

  async #version(identity: Identity, signal: AbortSignal): Promise<ServerAnswer> {
    const startedMs = this.#options.clock.now();
    const answer = await this.#ask(versionRequest, identity, signal);
    const version: { gitVersion?: string } | undefined = parsed(answer);
    return { status: answer.head.status, version: version?.gitVersion, tookMs: this.#options.clock.now() - startedMs };
  }

  async #create(path: string, body: object, timeoutMs: number): Promise<Answer> {
    const identity = await this.identity();
    const message = { method: "POST", path, headers: [...versionRequest.headers, json], body: JSON.stringify(body) } as const;
    return await this.#bounded(timeoutMs, (signal) => this.#ask(message, identity, signal));
  }

  async #ask(message: ApiRequest, identity: Identity, signal: AbortSignal, connection = this.#connection): Promise<Answer> {
    const conn = await connection.open(identity, signal);
    const answer = await request(conn, connection.message(message, identity), signal);
    const theirsMs = Date.parse(headerValue(answer.head.headers, "date") ?? "");
    if (!Number.isNaN(theirsMs)) this.#dates = { theirsMs, oursMs: this.#options.clock.wallMs() };
    return answer;
  }

  async #bounded<T>(timeoutMs: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = (): KtError =>
      new KtError("cluster-unreachable", `${this.#url.origin} did not answer within ${timeoutMs / 1000} s`, { cause: timedOut });
    return await withDeadline(this.#options.clock, timeoutMs, undefined, late, run);
  }

  #refused(answer: Answer): KtError {
    const { name, cluster, user } = this.config;
    const access = { verb: "create", resource: "selfsubjectaccessreviews", group: "authorization.k8s.io", namespace: "" } as const;
    return answerProblem(answer, access, { context: name, server: cluster.server, user: user?.name });
  }
}

/** A deadline of ours, with the code that the system would give it. */
const timedOut = Object.assign(new Error("timed out"), { code: "ETIMEDOUT" });

const versionRequest = {
  method: "GET",
  path: "/version",
  headers: [
    ["Accept", "application/json"],
    ["Connection", "close"],
  ],
} as const;

function parsed<T>(answer: Answer): T | undefined {
  if (answer.head.status >= 300) return undefined;
  try {
    const value: T = JSON.parse(answer.body);
    return value;
  } catch {
    return undefined;
  }
}
