/** One Service of the cluster that leads to this machine: its relay, and the Service as long as the relay is connected. */

import { type Clock, sleep } from "#base/clock.ts";
import { isAbout } from "#base/error-facts.ts";
import { KtError, toKtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { KnownJob } from "#kube/objects/known-job.ts";
import type { Cluster } from "#kube/objects/types.ts";
import { toProblem } from "#observe/events.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import { Relay } from "#tunnel/relay/relay.ts";
import type { ServeRelayed } from "#tunnel/relay/relay-link.ts";
import type { Standing } from "#tunnel/standing.ts";
import { grantManifests, type ReverseDefinition, reverseJob, reverseName } from "./manifests.ts";
import { ServiceClaim } from "./service-claim.ts";

export interface ReverseOptions {
  readonly cluster: Cluster;
  readonly definition: ReverseDefinition;
  /** Owns each connection that comes. */
  readonly serve: ServeRelayed;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: () => void;
}

export class Reverse {
  readonly #options: ReverseOptions;
  readonly #claim: ServiceClaim;
  readonly #life = new AbortController();
  readonly #running: Promise<void>;
  #relay: Relay | undefined;
  /** The Job whose relay the Service leads to. */
  #taken: string | undefined;
  /** Something was written to the Service, or may have been. */
  #mayHold = false;
  #standing: Standing = { state: "starting", problem: undefined };

  constructor(options: ReverseOptions) {
    this.#options = options;
    this.#claim = new ServiceClaim(options.cluster, options.definition);
    this.#running = this.#run();
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** Called about every second. */
  tick(nowMs: number): void {
    this.#relay?.tick(nowMs);
  }

  /** The machine was asleep. */
  ping(): void {
    this.#relay?.ping();
  }

  /** Makes the Service as it was, or removes it; open connections go on. Never rejects. */
  async release(): Promise<void> {
    this.#life.abort(new KtError("shutting-down", "the service is not wanted here any more"));
    await this.#running;
    await this.#release();
  }

  async #release(): Promise<void> {
    this.#taken = undefined;
    if (!this.#mayHold) return;
    this.#mayHold = false;
    try {
      await this.#claim.release(AbortSignal.timeout(tunnelLimits.reverseReleaseMs));
    } catch (error) {
      // The relay does it once it hears that its user has left, or the cluster, once the relay is gone.
      this.#options.log("warn", "reverse-left", { service: this.#title, text: toKtError(error, "reverse-failed", "release").message });
    }
  }

  /** Ends its connections as well, and its relay. Never rejects. */
  async end(): Promise<void> {
    await this.release();
    await this.#endRelay();
  }

  /** What replaces a Service ends by itself, and may have it to give back; of another nothing needs to stay for a moment. */
  async #endRelay(): Promise<void> {
    const { cluster, definition } = this.#options;
    const relay = this.#relay;
    this.#relay = undefined;
    await relay?.end();
    if (relay?.uid === undefined || definition.replace) return;
    const job = { name: reverseName(definition), uid: relay.uid };
    await cluster.jobs.remove(definition.namespace, job, AbortSignal.timeout(tunnelLimits.relayRemoveMs)).catch(() => {});
  }

  get #title(): string {
    return `${this.#options.definition.namespace}/${this.#options.definition.service}`;
  }

  /** Until the end: what cannot be had now is tried again later, and nothing is left in the cluster meanwhile. */
  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#life;
    let pauseMs: number = tunnelLimits.reverseRetryMs;
    while (!signal.aborted) {
      const startedMs = clock.now();
      try {
        await this.#claim.check(signal);
        await this.#hold(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(this.#explained(toKtError(error, "reverse-failed", `lead the service "${this.#title}" here`)));
        await this.#giveUp();
      }
      if (clock.now() - startedMs > tunnelLimits.reverseRetryMaxMs) pauseMs = tunnelLimits.reverseRetryMs;
      await sleep(clock, pauseMs, signal);
      pauseMs = Math.min(pauseMs * 2, tunnelLimits.reverseRetryMaxMs);
    }
  }

  /** Rejects where the Service cannot be had, or the context leads to another cluster. */
  async #hold(signal: AbortSignal): Promise<void> {
    const { cluster, clock } = this.#options;
    const { place } = cluster;
    let wake = (): void => {};
    const relay = this.#begin();
    const following = relay.follow(() => wake());
    try {
      while (!signal.aborted && cluster.place === place) {
        const woken = new AbortController();
        wake = () => woken.abort();
        const resolution = relay.current;
        if (resolution.kind === "ready") await this.#keep(relay, signal);
        else if (resolution.kind === "coming") this.#become({ state: "starting", problem: undefined });
        else this.#relayFailed(resolution.problem);
        await sleep(clock, tunnelLimits.reverseLookMs, AbortSignal.any([woken.signal, signal]));
      }
    } finally {
      following.close();
    }
    if (!signal.aborted) throw new KtError("reverse-failed", "the context leads to another cluster now");
  }

  #begin(): Relay {
    const { cluster, definition, serve, clock, log } = this.#options;
    const { namespace, relay, holder, replace } = definition;
    const prepare = async (job: KnownJob, signal: AbortSignal): Promise<void> => {
      await cluster.grants.create(namespace, grantManifests(definition, job), signal);
      await cluster.jobs.resume(namespace, job, signal);
    };
    const job = { name: reverseName(definition), image: relay.image, manifest: reverseJob(definition), ...(replace && { prepare }) };
    this.#relay = new Relay({ cluster, namespace, job, user: holder.id, serve, clock, log });
    return this.#relay;
  }

  /** A relay that was made anew is another Job: what its predecessor owned goes with that one. */
  async #keep({ uid, pod }: Relay, signal: AbortSignal): Promise<void> {
    if (uid === undefined) return;
    const job = { name: reverseName(this.#options.definition), uid };
    if (this.#taken !== uid) {
      this.#mayHold = true;
      await this.#claim.take(job, signal);
      this.#taken = uid;
    }
    const problem = await this.#claim.look(job, signal);
    if (problem) this.#failed(problem);
    else this.#become({ state: "running", pod, pods: pod === undefined ? [] : [pod], sinceMs: this.#options.clock.wallMs() });
  }

  async #giveUp(): Promise<void> {
    await this.#release();
    await this.#endRelay();
  }

  #become(standing: Standing): void {
    const { state } = this.#standing;
    const isSame = state === standing.state && (state !== "running" || (standing.state === "running" && this.#pod === standing.pod));
    if (isSame) return;
    this.#standing = standing;
    this.#options.onChange();
  }

  get #pod(): string | undefined {
    return this.#standing.state === "running" ? this.#standing.pod : undefined;
  }

  #failed(error: KtError): void {
    const { clock, onChange } = this.#options;
    const before = this.#standing;
    if (before.state === "failed" && before.problem.message === error.message) return;
    this.#standing = { state: "failed", problem: { ...toProblem(error), sinceMs: clock.wallMs() }, pods: [] };
    onChange();
  }

  /** Where the cluster refuses what the relay needs, nothing is left there; else it is tried again. */
  #relayFailed(problem: KtError): void {
    if (isAbout(problem.code, "permission") || problem.code === "reverse-failed") throw problem;
    this.#failed(problem);
  }

  /** A right that is missing is named with all that are needed: each alone would be found only after the one before. */
  #explained(problem: KtError): KtError {
    if (!isAbout(problem.code, "permission")) return problem;
    const { replace, service } = this.#options.definition;
    const rights = replace
      ? `to get and patch the service "${service}", to get and create roles, rolebindings and serviceaccounts, and to get, create and patch jobs`
      : "to get, create and delete services, and to get and create jobs";
    return new KtError("forbidden", `${problem.message}; a [[reverse]]${replace ? " that replaces" : ""} needs the right ${rights}`, {
      hints: problem.hints,
      cause: problem,
    });
  }
}
