/** Answers what clients ask over the control socket. */

import type { Hello, ProfileStatus, Reply, ReplyOf, Request, RouteStatus, Step } from "#control/api.ts";
import { controlLimits } from "#control/limits.ts";
import type { ControlSession } from "#control/server.ts";
import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { describeEvent, eventRoute, eventSubjects } from "#observe/describe.ts";
import type { RequestEvent } from "#observe/events.ts";
import type { Journal, JournalEntry } from "#observe/journal.ts";
import type { RateSampler } from "#observe/rate-sampler.ts";
import type { RequestLog } from "#observe/request-log.ts";
import type { Target } from "#route/target.ts";
import type { AttachedProfile, Profiles } from "#daemon/plans/profiles.ts";
import type { StatusBoard } from "#daemon/status/board.ts";
import type { StatusFeed } from "#daemon/status/feed.ts";
import type { NamesFeed } from "#daemon/status/names.ts";
import type { DnsFacts } from "./dns-names.ts";
import type { RouteActions } from "./route-actions.ts";
import { forwardedIn, type Variables, variablesOf } from "#daemon/status/plan-env.ts";
import { waitReady } from "#daemon/status/ready.ts";

export interface RequestsOptions {
  readonly hello: Hello;
  readonly profiles: Profiles;
  readonly journal: Journal;
  readonly requests: RequestLog;
  readonly board: StatusBoard;
  readonly feed: StatusFeed;
  readonly names: NamesFeed;
  readonly dns: () => DnsFacts;
  /** Resolves when the latest change has been carried out as far as it can be. */
  readonly settled: () => Promise<void>;
  readonly explain: (subject: string) => Promise<Step[]>;
  /** Begins the tunnel to a target and waits for a ready pod; rejects with why there is none. */
  readonly prepare: (target: Target, signal: AbortSignal) => Promise<void>;
  readonly rates: Pick<RateSampler, "history" | "historyOfAll">;
  readonly actions: RouteActions;
  readonly signInCode: () => Promise<string>;
  /** Of a front door that is open; undefined where none is. */
  readonly frontDoorPort: () => number | undefined;
  readonly clock: Clock;
  readonly metrics: (format: RequestOf<"metrics">["format"]) => Promise<string>;
  readonly stop: () => void;
}

type RequestOf<Type extends Request["type"]> = Extract<Request, { type: Type }>;
type Send = (reply: Reply) => void;

export class HubRequests {
  readonly #options: RequestsOptions;

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  async handle(request: Request, session: ControlSession, reply: Send): Promise<void> {
    switch (request.type) {
      case "attach":
        return await this.#attach(request, session, reply);
      case "detach":
        return this.#detach(request, session, reply);
      case "snapshot":
        return await this.#options.feed.sendOnce(session, reply);
      case "watch":
        return this.#options.feed.watch(session, reply);
      case "logs":
        return this.#logs(request, session, reply);
      case "requests":
        return this.#requestsOf(request, reply);
      case "history":
        return this.#history(request, reply);
      case "replay":
        return reply({ type: "replayed", response: await this.#replay(request, session) });
      case "sign-in":
        return reply({ type: "code", code: await this.#options.signInCode(), port: this.#options.frontDoorPort() });
      case "metrics":
        return this.#text(await this.#options.metrics(request.format), reply);
      case "explain":
        return reply({ type: "steps", steps: await this.#options.explain(request.subject) });
      case "ready":
        return await this.#ready(request, session, reply);
      case "act":
        await this.#options.actions.act(request.action, request, whileHere(session));
        return reply({ type: "done" });
      case "pods":
        return reply({ type: "pods", pods: await this.#options.actions.pods(request, whileHere(session)) });
      case "pod-log":
        await this.#options.actions.podLog(request, { reply, isBusy: () => session.busy() }, whileHere(session));
        return reply({ type: "end" });
      case "env":
        return reply({ type: "env", variables: this.#variables(request.profile) });
      case "names":
        return this.#names(request, session, reply);
      case "dns":
        return reply({ type: "dns", ...this.#options.dns() });
      case "stop":
        return this.#stop(reply);
    }
  }

  async #attach(request: RequestOf<"attach">, session: ControlSession, reply: Send): Promise<void> {
    const { board, profiles, settled } = this.#options;
    const { plan } = await profiles.attach(request, request.pin ? undefined : session);
    const { profile, name } = plan;
    board.profileChanged(profile);
    session.onGone(() => board.profileChanged(profile));
    await settled();
    reply({ type: "attached", profile, name, warnings: this.#status(profile)?.warnings ?? [] });
  }

  #detach({ profile }: RequestOf<"detach">, session: ControlSession, reply: Send): void {
    const gone = this.#options.profiles.detach(profile);
    for (const attached of gone) notifyGone(attached, session);
    reply({ type: "detached", profiles: gone.map(({ plan }) => plan.profile) });
  }

  #logs({ follow, route, sinceMs = 0, requests: withRequests = false }: RequestOf<"logs">, session: ControlSession, reply: Send): void {
    const { journal, requests } = this.#options;
    const isWanted = route === undefined ? () => true : concerns(route, this.#routesNamed(route));
    const send = ({ atMs, level, event }: JournalEntry): void => {
      if (atMs < sinceMs || !isWanted(event)) return;
      reply({ type: "entry", entry: { atMs, level, route: eventRoute(event), text: describeEvent(event), event } });
    };
    const entries = [...journal.entries(), ...(withRequests ? requests.entries() : [])];
    for (const entry of entries.sort((one, other) => one.atMs - other.atMs)) send(entry);
    if (!follow) {
      reply({ type: "end" });
      return;
    }
    session.onGone(journal.follow(send));
    // Who is behind misses requests, of which there may be thousands a second, and nothing else.
    if (withRequests) session.onGone(requests.follow((entry) => session.busy() || send(entry)));
  }

  #requestsOf({ profile, route, limit }: RequestOf<"requests">, reply: Send): void {
    const entries = this.#requestEntries(profile, route, limit);
    const requests = entries.flatMap(({ atMs, event }) => (event.type === "request" ? [entryOf(atMs, event)] : []));
    reply({ type: "requests", requests });
  }

  #requestEntries(profile: string | undefined, route: string | undefined, limit: number): JournalEntry[] {
    const { requests } = this.#options;
    if (profile === undefined && route === undefined) return requests.entries(limit);
    if (profile === undefined || route === undefined) throw new KtError("request-invalid", "a route is named by its profile and its name");
    this.#route(profile, route);
    return requests.entriesOf(profile, route, limit);
  }

  /** Throws KtError. */
  #route(profile: string, route: string): { readonly of: ProfileStatus; readonly status: RouteStatus } {
    const of = this.#status(profile);
    const status = of?.routes.find(({ name }) => name === route);
    if (of && status) return { of, status };
    throw new KtError("route-unknown", `profile "${profile}" has no route "${route}"`, { hints: ["kt status"] });
  }

  /** Its code is loaded when the first is asked for. */
  async #replay(request: RequestOf<"replay">, session: ControlSession): Promise<ReplyOf<"replayed">["response"]> {
    const { of, status } = this.#route(request.profile, request.route);
    const { replay } = await import("./replay.ts");
    return await replay(request, of, status, { clock: this.#options.clock, signal: whileHere(session) });
  }

  #history({ profile, route, stepSeconds, steps }: RequestOf<"history">, reply: Send): void {
    const { rates } = this.#options;
    if (profile === undefined && route === undefined) {
      reply({ type: "history", history: rates.historyOfAll(stepSeconds, steps) });
      return;
    }
    if (profile === undefined || route === undefined)
      throw new KtError(
        "request-invalid",
        "a history is that of a route, by its profile and its name, or without either that of all routes",
      );
    this.#route(profile, route);
    reply({ type: "history", history: rates.history(profile, route, stepSeconds, steps) });
  }

  #text(text: string, reply: Send): void {
    const pieceChars = controlLimits.textPieceChars;
    for (let at = 0; at < text.length; at += pieceChars) reply({ type: "text", text: text.slice(at, at + pieceChars) });
    reply({ type: "end" });
  }

  #routesNamed(name: string): RouteStatus[] {
    return this.#options.board.profiles().flatMap(({ routes }) => routes.filter((route) => route.name === name));
  }

  async #ready({ profile, routes }: RequestOf<"ready">, session: ControlSession, reply: Send): Promise<void> {
    const { settled, prepare } = this.#options;
    await settled();
    const { plan } = this.#attached(profile);
    const statuses = this.#status(profile)?.routes ?? [];
    const signal = whileHere(session);
    reply({ type: "ready", routes: await waitReady(routes, { plan, statuses, prepare: (target) => prepare(target, signal) }) });
  }

  #variables(profile: string): Variables {
    const { plan } = this.#attached(profile);
    return variablesOf(plan, forwardedIn({ profiles: this.#options.board.profiles() }, profile));
  }

  #status(profile: string): ProfileStatus | undefined {
    return this.#options.board.profiles().find((each) => each.profile === profile);
  }

  #names({ profile }: RequestOf<"names">, session: ControlSession, reply: Send): void {
    this.#attached(profile);
    session.onGone(this.#options.names.follow(profile, (entries) => reply({ type: "names", entries })));
  }

  #attached(profile: string): AttachedProfile {
    const attached = this.#options.profiles.get(profile);
    if (attached) return attached;
    throw new KtError("shutting-down", `profile "${profile}" is not attached any more`, { hints: ["kt up"] });
  }

  #stop(reply: Send): void {
    const { length } = this.#options.profiles.list();
    if (length > 0)
      throw new KtError("hub-failed", `the hub has ${length} profile${length === 1 ? "" : "s"} attached`, { hints: ["kt down --all"] });
    reply({ type: "end" });
    this.#options.stop();
  }
}

function entryOf(atMs: number, { type: _, ...facts }: RequestEvent): ReplyOf<"requests">["requests"][number] {
  return { atMs, ...facts };
}

/** Events of a route by its name, and those of the tunnel to its target. */
function concerns(route: string, named: readonly RouteStatus[]): (event: JournalEntry["event"]) => boolean {
  const subjects = new Set([route, ...named.map(({ target }) => target)]);
  return (event) => eventSubjects(event).some((subject) => subjects.has(subject));
}

/** Aborts when the client is gone. */
function whileHere(session: ControlSession): AbortSignal {
  const left = new AbortController();
  session.onGone(() => left.abort(new KtError("shutting-down", "the client has gone")));
  return left.signal;
}

function isSession(lease: object): lease is ControlSession {
  return "notify" in lease;
}

function notifyGone({ plan, leases }: AttachedProfile, asker: ControlSession): void {
  for (const lease of leases) if (lease !== asker && isSession(lease)) lease.notify({ type: "gone", profile: plan.profile });
}
