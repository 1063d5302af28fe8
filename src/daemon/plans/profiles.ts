/** The attached profiles: who holds each, the plan that runs, and what is wrong with the file on disk. */

import { deepEquals } from "bun";
import type { Clock } from "#base/clock.ts";
import { toKtError } from "#base/errors.ts";
import { type Problem, type Report, toProblem } from "#observe/events.ts";
import type { LoadedPlan } from "#profile/load.ts";
import { type SaidSetting, saidSettings } from "#profile/tuned-settings.ts";
import type { Plan } from "#profile/values/plan.ts";
import { NotAllowedError } from "#profile/consent/consent.ts";
import { formatProblem, ProfileError } from "#profile/values/problems.ts";
import { directoryOf, FileWatch } from "#native/file-watch.ts";

/** The environment of the shell that attached the profile. */
export type Environment = Readonly<Record<string, string>>;

/** A client that keeps a profile attached as long as it is there. */
export interface Lease {
  onGone(callback: () => void): void;
}

export interface AttachRequest {
  readonly file: string;
  readonly environment: Environment;
  /** Stays without a lease. */
  readonly pin: boolean;
}

export interface AttachedProfile {
  readonly plan: Plan;
  readonly environment: Environment;
  readonly pinned: boolean;
  readonly leases: ReadonlySet<Lease>;
  /** Why the file on disk is not what runs. */
  readonly problem: Problem | undefined;
  readonly warnings: readonly string[];
  readonly settings: readonly SaidSetting[];
}

interface Entry extends AttachedProfile {
  plan: Plan;
  environment: Environment;
  pinned: boolean;
  readonly leases: Set<Lease>;
  problem: Problem | undefined;
  warnings: readonly string[];
  settings: readonly SaidSetting[];
  watch: FileWatch | undefined;
}

/** A plan that may be used. `consentFiles` may bring another answer, as the plan's own files do. */
export interface UsablePlan extends Pick<LoadedPlan, "plan" | "warnings" | "settings"> {
  readonly consentFiles?: readonly string[];
}

export type LoadProfile = (file: string, environment: Environment) => Promise<UsablePlan>;

export interface ProfilesOptions {
  readonly load: LoadProfile;
  readonly clock: Clock;
  readonly report: Report;
  /** Some plan came, went or is another now, or its environment is. */
  readonly onChange: () => void;
}

export class Profiles {
  readonly #options: ProfilesOptions;
  /** By the file's path, in the order of their attaching. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: ProfilesOptions) {
    this.#options = options;
  }

  list(): readonly AttachedProfile[] {
    return [...this.#entries.values()];
  }

  get(profile: string): AttachedProfile | undefined {
    return this.#entries.get(profile);
  }

  /**
   * Attaches, or joins a profile that is attached and gives it the newer file and environment. Rejects with the profile's own
   * error; what runs then goes on as it was.
   */
  async attach(request: AttachRequest, lease: Lease | undefined): Promise<AttachedProfile> {
    const loaded = await this.#options.load(request.file, request.environment);
    const entry = this.#entryOf(loaded.plan, request.environment);
    const isElsewhere = !deepEquals(entry.environment, request.environment);
    entry.environment = request.environment;
    entry.pinned ||= request.pin;
    this.#use(entry, loaded);
    if (isElsewhere) this.#options.onChange();
    if (lease) this.#hold(entry, lease);
    return entry;
  }

  /** Detaches for everyone; without a name, all. Returns those that were attached. */
  detach(profile?: string): readonly AttachedProfile[] {
    const gone = [...this.#entries.values()].filter(({ plan }) => profile === undefined || plan.profile === profile);
    for (const entry of gone) this.#remove(entry);
    return gone;
  }

  /** Ends watching; the plans stay as they are. */
  close(): void {
    for (const entry of this.#entries.values()) entry.watch?.close();
  }

  #entryOf(plan: Plan, environment: Environment): Entry {
    const known = this.#entries.get(plan.profile);
    if (known) return known;
    const leases = new Set<Lease>();
    const said = { problem: undefined, warnings: [], settings: [] };
    const entry: Entry = { plan, environment, pinned: false, leases, ...said, watch: undefined };
    this.#entries.set(plan.profile, entry);
    return entry;
  }

  #use(entry: Entry, { plan, warnings, settings, consentFiles = [] }: UsablePlan): void {
    const isNew = entry.watch === undefined;
    const isSame = !isNew && entry.problem === undefined && deepEquals(entry.plan, plan);
    this.#watch(entry, [...plan.files, ...consentFiles]);
    const before = { warnings: entry.warnings, settings: entry.settings };
    entry.warnings = warnings.map((warning) => formatProblem(warning, directoryOf(plan.profile)));
    entry.settings = saidSettings(settings, directoryOf(plan.profile));
    // A second terminal joins, or what is said stands on other lines now.
    if (isSame) {
      if (!deepEquals(before, { warnings: entry.warnings, settings: entry.settings })) this.#options.onChange();
      return;
    }
    entry.plan = plan;
    entry.problem = undefined;
    this.#options.report({ type: "profile", profile: plan.name, change: isNew ? "attached" : "reloaded", problem: undefined });
    this.#options.onChange();
  }

  #hold(entry: Entry, lease: Lease): void {
    entry.leases.add(lease);
    lease.onGone(() => {
      entry.leases.delete(lease);
      const current = this.#entries.get(entry.plan.profile) === entry;
      if (current && entry.leases.size === 0 && !entry.pinned) this.#remove(entry);
    });
  }

  #remove(entry: Entry): void {
    entry.watch?.close();
    this.#entries.delete(entry.plan.profile);
    this.#options.report({ type: "profile", profile: entry.plan.name, change: "detached", problem: undefined });
    this.#options.onChange();
  }

  /** A watch of the same files goes on: a new one would not see what changed between the reading and its first look. */
  #watch(entry: Entry, files: readonly string[]): void {
    const wanted = [...new Set(files)];
    if (deepEquals(entry.watch?.files, wanted)) return;
    entry.watch?.close();
    entry.watch = new FileWatch(wanted, this.#options.clock, () => void this.#reload(entry));
  }

  async #reload(entry: Entry): Promise<void> {
    const { profile, name } = entry.plan;
    try {
      const loaded = await this.#options.load(profile, entry.environment);
      if (this.#entries.get(profile) === entry) this.#use(entry, loaded);
    } catch (error) {
      if (this.#entries.get(profile) !== entry) return;
      const problem = toProblem(toKtError(error, "profile-invalid", `read "${profile}"`));
      // A change in what the broken file refers to may repair it.
      if (error instanceof ProfileError || error instanceof NotAllowedError)
        this.#watch(entry, [...(entry.watch?.files ?? []), ...error.files]);
      if (entry.problem?.message === problem.message) return;
      entry.problem = problem;
      this.#options.report({ type: "profile", profile: name, change: "rejected", problem });
    }
  }
}
