/** What is read again and again while it is shown: the pods and requests of a route, and the rates of the routes in the window. At rest, nothing. */

import type { Clock } from "#base/clock.ts";
import { toKtError } from "#base/errors.ts";
import type { RequestEntry } from "#control/api.ts";
import type { HubClient } from "#control/client.ts";
import { tuiLimits } from "./limits.ts";
import type { KnownPods } from "./model/pods.ts";
import { type Model, selectedRow, visibleRows } from "./model/model.ts";

export interface PollsOptions {
  readonly clock: Clock;
  /** Undefined while there is no hub. */
  readonly client: () => HubClient | undefined;
  readonly model: () => Model;
  /** Of the route with this key. */
  readonly onPods: (key: string, pods: KnownPods) => void;
  /** Of the route in the detail. */
  readonly onRequests: (key: string, requests: readonly RequestEntry[]) => void;
  readonly onSparks: (sparks: ReadonlyMap<string, readonly number[]>) => void;
}

export class Polls {
  readonly #options: PollsOptions;
  #cancelPods: (() => void) | undefined;
  #podsOf: string | undefined;
  #cancelSparks: (() => void) | undefined;

  constructor(options: PollsOptions) {
    this.#options = options;
  }

  /** After every change of what is shown. */
  look(): void {
    const { clock, model } = this.#options;
    const wanted = podsWanted(model());
    if (wanted !== this.#podsOf) {
      this.#podsOf = wanted;
      this.#cancelPods?.();
      this.#cancelPods = undefined;
      if (wanted !== undefined) void this.#readPods(wanted);
    }
    if (hasTraffic(model())) this.#cancelSparks ??= clock.after(tuiLimits.sparksMs, () => void this.#readSparks());
  }

  close(): void {
    this.#cancelPods?.();
    this.#cancelSparks?.();
    this.#podsOf = undefined;
  }

  async #readPods(key: string): Promise<void> {
    const { clock, client, model, onPods } = this.#options;
    const row = selectedRow(model());
    const of = row && { profile: row.profile.profile, route: row.route.name };
    // The hub has them itself, and the pods are the cluster's.
    if (of && model().detail) void this.#readRequests(key, of);
    const pods = of && (await podsOf(client(), of));
    if (this.#podsOf !== key) return;
    if (pods) onPods(key, pods);
    this.#cancelPods = clock.after(tuiLimits.podsReadMs, () => void this.#readPods(key));
  }

  async #readRequests(key: string, of: AttachedRoute): Promise<void> {
    const requests = await requestsOf(this.#options.client(), of);
    if (requests) this.#options.onRequests(key, requests);
  }

  async #readSparks(): Promise<void> {
    const { client, model, onSparks } = this.#options;
    const hub = client();
    const busy = visibleRows(model()).filter(({ route }) => route.perSecond !== undefined);
    const read = busy.map(async ({ key, profile, route }) => [key, await sparkOf(hub, profile.profile, route.name)] as const);
    const sparks = (await Promise.all(read)).filter(([, spark]) => spark.length > 0);
    this.#cancelSparks = undefined;
    onSparks(new Map(sparks));
  }
}

interface AttachedRoute {
  readonly profile: string;
  readonly route: string;
}

/** The key of the route whose pods are shown, or looked for. */
function podsWanted(model: Model): string | undefined {
  const { detail, log } = model;
  const isLookedFor = log?.source.kind === "pods" && log.end === undefined;
  return (log === undefined && detail) || isLookedFor ? selectedRow(model)?.key : undefined;
}

function hasTraffic(model: Model): boolean {
  return model.sparks.size > 0 || visibleRows(model).some(({ route }) => route.perSecond !== undefined);
}

async function podsOf(client: HubClient | undefined, of: AttachedRoute): Promise<KnownPods> {
  try {
    return client && { pods: (await client.ask({ type: "pods", ...of }, "pods")).pods };
  } catch (error) {
    return { problem: toKtError(error, "internal", "read the pods").message };
  }
}

/** Undefined where they cannot be known now: what is shown stays. */
async function requestsOf(client: HubClient | undefined, of: AttachedRoute): Promise<readonly RequestEntry[] | undefined> {
  try {
    return (await client?.ask({ type: "requests", ...of, limit: tuiLimits.detailEntries }, "requests"))?.requests;
  } catch {
    return undefined;
  }
}

/** Bytes per second both ways; none where they cannot be known now. */
async function sparkOf(client: HubClient | undefined, profile: string, route: string): Promise<readonly number[]> {
  try {
    if (client === undefined) return [];
    const request = { type: "history", profile, route, stepSeconds: 1, steps: tuiLimits.sparkSteps } as const;
    const { receivedBytes, sentBytes } = (await client.ask(request, "history")).history;
    return receivedBytes.map((received, at) => received + (sentBytes[at] ?? 0));
  } catch {
    return [];
  }
}
