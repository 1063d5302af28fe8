/** Requests to one API server: who asks, time limits, one more try after 401, and whether the server can be reached at all. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { isAbout } from "#base/error-facts.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { kubeLimits } from "#kube/limits.ts";
import type { ResponseHead } from "#wire/http-head.ts";
import { Ahead } from "./ahead.ts";
import { type Access, answerProblem, type Requester, type StatusError, statusMessage } from "./api-problem.ts";
import { CappedBytes } from "#base/capped-bytes.ts";
import type { ApiRequest, Connection } from "./connection.ts";
import type { Identity } from "#kube/auth/credentials.ts";
import { withDeadline } from "#base/deadline.ts";
import { Semaphore } from "#base/semaphore.ts";
import { Hold } from "./hold.ts";
import { signedInUser } from "#kube/config/kubeconfig.ts";
import { type Answer, CutShort, request, stream, upgrade } from "#http/client.ts";

export interface ApiOptions {
  /** Asked for each request, since kubeconfig may have changed. Throws KtError. */
  readonly connection: () => Connection;
  readonly clock: Clock;
  /** Longest time for one request that is not a watch; default: `sharedLimits.apiRequestTimeoutMs`. */
  readonly requestTimeoutMs?: number | undefined;
  /** Called when it changes, or its reason does, and once for the first answer. */
  readonly onReachable: (reachable: boolean, problem: KtError | undefined) => void;
}

/** What hears a watch. */
export interface WatchListener {
  /** The server has agreed; events follow. */
  onOpen(): void;
  /** One event as JSON text. */
  onEvent(text: string): void;
}

/** What is sent along, and as what: a whole object, a merge patch (RFC 7396), or what is wanted of an object (server-side apply). */
export interface WriteBody {
  readonly type: "application/json" | "application/merge-patch+json" | "application/apply-patch+yaml";
  readonly value: object;
}

/** A request or watch that is under way. */
interface Running {
  readonly controller: AbortController;
  /** When it began, or last had bytes. */
  heardAtMs: number;
}

export class Api {
  readonly #options: ApiOptions;
  readonly #gate = new Semaphore(kubeLimits.apiRequestsAtOnce);
  readonly #running = new Set<Running>();
  readonly #hold: Hold;
  readonly #ahead: Ahead;
  #reachable: boolean | undefined;
  /** Why it is not reachable. */
  #trouble: KtError["code"] | undefined;
  /** When the server last answered. */
  #goodAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: ApiOptions) {
    this.#options = options;
    this.#hold = new Hold(options.clock);
    this.#ahead = new Ahead(options.clock);
  }

  get #requestTimeoutMs(): number {
    return this.#options.requestTimeoutMs ?? sharedLimits.apiRequestTimeoutMs;
  }

  /** How long the server asks to be left alone; what is asked meanwhile fails. */
  get heldMs(): number {
    return this.#hold.leftMs;
  }

  get requester(): Requester {
    const { config } = this.#options.connection();
    return { context: config.name, server: config.cluster.server, user: signedInUser(config)?.name };
  }

  /** The parsed answer. Rejects with KtError (a StatusError when the server answered), or with the signal's reason. */
  async get(path: string, access: Access, signal: AbortSignal): Promise<unknown> {
    return (await this.getSized(path, access, signal)).value;
  }

  /** As `get`, with how long the answer was. */
  async getSized(path: string, access: Access, signal: AbortSignal): Promise<{ readonly value: unknown; readonly lengthBytes: number }> {
    const body = await this.#send({ method: "GET", path, headers: jsonHeaders }, access, signal);
    return { value: parse(body), lengthBytes: body.length };
  }

  /** As JSON of that content type. Rejects like `get`. */
  async write(method: "POST" | "PATCH" | "DELETE", path: string, body: WriteBody, access: Access, signal: AbortSignal): Promise<unknown> {
    const headers = [...jsonHeaders, ["Content-Type", body.type] as const];
    return parse(await this.#send({ method, path, headers, body: JSON.stringify(body.value) }, access, signal));
  }

  /** The body of an answer that is a success. */
  async #send(wanted: ApiRequest, access: Access, signal: AbortSignal): Promise<string> {
    const answer = await this.#told(signal, () =>
      this.#authorised((identity, connection) =>
        this.#bounded(this.#requestTimeoutMs, signal, (inner) =>
          this.#gate.run(inner, async () => {
            const conn = await connection.open(identity, inner);
            return await request(conn, connection.message(wanted, identity), inner);
          }),
        ),
      ),
    );
    const { status } = answer.head;
    if (status < 200 || status > 299) throw this.#noted(answerProblem(answer, access, this.requester));
    return answer.body;
  }

  /** Ends when the server ends the watch. Rejects like `get`, and with `cluster-unreachable` after too long a silence. */
  async watch(path: string, access: Access, listener: WatchListener, signal: AbortSignal): Promise<void> {
    const lines = new LineSplitter((line) => listener.onEvent(line));
    const answer = await this.#told(signal, () =>
      this.#authorised((identity, connection) =>
        this.#bounded(this.#requestTimeoutMs, signal, async (inner, heard) => {
          const conn = await connection.open(identity, inner);
          const message = connection.message({ method: "GET", path, headers: jsonHeaders }, identity);
          return await stream(conn, message, inner, {
            onOpen: () => {
              heard();
              this.#note(true, undefined);
              listener.onOpen();
            },
            onBody(bytes) {
              heard();
              lines.push(bytes);
            },
          });
        }),
      ),
    );
    if (answer.head.status !== 200) throw this.#noted(answerProblem(answer, access, this.requester));
  }

  /** A body that comes as it is written, such as a log, and may be silent for any time. Resolves at its end; rejects like `get`. */
  async tail(path: string, access: Access, onBytes: (bytes: Uint8Array) => void, signal: AbortSignal): Promise<void> {
    const answer = await this.#told(signal, () =>
      this.#authorised((identity, connection) =>
        this.#bounded(
          this.#requestTimeoutMs,
          signal,
          async (inner, heard) => {
            const conn = await connection.open(identity, inner);
            const message = connection.message({ method: "GET", path, headers: textHeaders }, identity);
            return await stream(conn, message, inner, { onOpen: heard, onBody: onBytes });
          },
          Number.POSITIVE_INFINITY,
        ),
      ),
    );
    if (answer.head.status !== 200) throw this.#noted(answerProblem(answer, access, this.requester));
  }

  /**
   * The upgraded Conn, or the answer that was none. `onAsked` is called when there is a connection and the request is on its way.
   * Rejects with KtError, or with the signal's reason.
   */
  async upgrade(
    wanted: ApiRequest,
    accepts: (head: ResponseHead) => boolean,
    signal: AbortSignal,
    onAsked: () => void,
  ): Promise<{ readonly head: ResponseHead; readonly conn: Conn } | Answer> {
    return await this.#told(signal, () =>
      this.#authorised((identity, connection) =>
        withDeadline(
          this.#options.clock,
          kubeLimits.upgradeTimeoutMs,
          signal,
          () => this.#silent(kubeLimits.upgradeTimeoutMs),
          async (inner) => {
            const message = connection.message(wanted, identity);
            const ahead = await this.#ahead.take(connection, identity, inner);
            if (ahead) {
              onAsked();
              const asked = await upgrade(ahead, message, inner, accepts).catch(unlessCutShort);
              if (asked) return asked;
            }
            const conn = await connection.open(identity, inner);
            onAsked();
            return await upgrade(conn, message, inner, accepts);
          },
        ),
      ),
    );
  }

  /** An upgrade will follow: its connection is opened while the way to the pod is being looked for. */
  expectUpgrade(): void {
    if (this.heldMs === 0) this.#ahead.begin(this.#options.connection());
  }

  /** No upgrade will follow. */
  close(): void {
    this.#ahead.drop();
  }

  /** Runs again once when the answer is 401 and there are other credentials now. */
  async #authorised<T extends { readonly head: ResponseHead }>(
    run: (identity: Identity, connection: Connection) => Promise<T>,
  ): Promise<T> {
    const connection = this.#options.connection();
    const identity = await connection.identity();
    const first = await run(identity, connection);
    if (first.head.status !== 401 || !(await connection.renew(identity))) return first;
    return await run(await connection.identity(), connection);
  }

  /** Aborts after too long a silence: until the answer begins, then between two pieces of it, unless those may be far apart. */
  async #bounded<T>(
    timeoutMs: number,
    signal: AbortSignal,
    run: (signal: AbortSignal, heard: () => void) => Promise<T>,
    silenceMs: number = kubeLimits.watchSilenceMs,
  ): Promise<T> {
    const { clock } = this.#options;
    const running: Running = { controller: new AbortController(), heardAtMs: clock.now() };
    const { controller } = running;
    const onAbort = (): void => controller.abort(signal.reason);
    let cancel = clock.after(timeoutMs, () => controller.abort(this.#silent(timeoutMs)));
    const heard = (): void => {
      running.heardAtMs = clock.now();
      cancel();
      if (Number.isFinite(silenceMs)) cancel = clock.after(silenceMs, () => controller.abort(this.#silent(silenceMs)));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    this.#running.add(running);
    try {
      return await run(controller.signal, heard);
    } finally {
      this.#running.delete(running);
      cancel();
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** The server is back: what hangs since it went away is better asked again than waited for. */
  #renewSilent(): void {
    const { clock } = this.#options;
    for (const { controller, heardAtMs } of this.#running) {
      if (clock.now() - heardAtMs >= kubeLimits.watchDoubtMs) controller.abort(this.#silent(clock.now() - heardAtMs));
    }
  }

  #silent(timeoutMs: number): KtError {
    return new KtError("cluster-unreachable", `${this.requester.server} did not answer within ${Math.round(timeoutMs / 1000)} s`);
  }

  /** Passes on what happens and notes whether the server could be reached. */
  async #told<T extends { readonly head: ResponseHead }>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    const startedMs = this.#options.clock.now();
    try {
      await this.#hold.pass(() => this.requester.server, signal);
      const answer = await run();
      this.#hold.heed(answer.head);
      if (answer.head.status < 500 && answer.head.status !== 401) this.#note(true, undefined);
      return answer;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const problem = toKtError(error, "cluster-unreachable", "ask the API server");
      // What began before the last success says nothing about now.
      throw startedMs < this.#goodAtMs ? problem : this.#noted(problem);
    }
  }

  /** For errors found later, such as a 401 that an upgrade was answered with. */
  #noted<E extends KtError>(problem: E): E {
    // Then no request can succeed for now, whatever it asks for.
    if (isAbout(problem.code, "kubeconfig", "login", "way")) this.#note(false, problem);
    return problem;
  }

  /** What an answer to an upgrade means. */
  problem(answer: Answer, access: Access): StatusError {
    return this.#noted(answerProblem(answer, access, this.requester));
  }

  #note(reachable: boolean, problem: KtError | undefined): void {
    if (reachable) this.#goodAtMs = this.#options.clock.now();
    if (this.#reachable === reachable && this.#trouble === problem?.code) return;
    const isBack = reachable && this.#reachable === false;
    this.#reachable = reachable;
    this.#trouble = problem?.code;
    if (isBack) this.#renewSilent();
    this.#options.onReachable(reachable, problem);
  }
}

/** A connection that was opened ahead may have been closed by the time it is used. */
function unlessCutShort(error: unknown): undefined {
  if (!(error instanceof CutShort)) throw error;
}

const jsonHeaders = [
  ["Accept", "application/json"],
  ["Connection", "close"],
] as const;

const textHeaders = [
  ["Accept", "text/plain, application/json"],
  ["Connection", "close"],
] as const;

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new KtError("cluster-error", "the API server's answer is not JSON: is there a login page in between?", { cause: error });
  }
}

/** Whether an answer is the API server's own and not that of something on the way. */
export const isKubernetes = (answer: Answer): boolean => statusMessage(answer.body) !== undefined;

const lf = 10;

/** Cuts a stream of bytes into lines of text. */
class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #partial = new CappedBytes(kubeLimits.watchEventBytes, "an event of a watch");

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    for (let end = bytes.indexOf(lf); end >= 0; end = bytes.indexOf(lf, at)) {
      this.#partial.add(bytes.subarray(at, end));
      const line = this.#partial.takeText();
      if (line.trim() !== "") this.#onLine(line);
      at = end + 1;
    }
    if (at < bytes.length) this.#partial.add(bytes.subarray(at));
  }
}
