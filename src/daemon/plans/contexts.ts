/** Whether the kubeconfig has the contexts that a profile's routes need: known without asking any cluster, and without running anything. */

import { namedRoutes } from "#profile/values/planned.ts";
import type { Clock } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import type { FileCache } from "#kube/config/files.ts";
import { type Problem, toProblem } from "#observe/events.ts";
import type { Plan } from "#profile/values/plan.ts";
import type { ClusterRef } from "#route/target.ts";
import type { ClusterView } from "./clusters.ts";
import { FileWatch } from "#native/file-watch.ts";

/** Its name, or why it cannot be used as the kubeconfig stands; `context` undefined is the current one. Undefined: not known yet. */
export type CheckContext = (view: ClusterView, context: string | undefined) => { readonly name: string } | KtError | undefined;

/** The check, with the room that reads kubeconfigs. `shared` is of files that others read too; default: its own. */
export async function contextCheck(shared?: FileCache): Promise<CheckContext> {
  const [{ loadContext }, { FileCache }] = await Promise.all([import("#kube/api/context-source.ts"), import("#kube/config/files.ts")]);
  const cache = shared ?? new FileCache();
  return (view, context) => {
    try {
      return loadContext({ ...view, context }, cache);
    } catch (error) {
      return toKtError(error, "kubeconfig-unreadable", "read the kubeconfig");
    }
  };
}

/** Why some routes cannot work, each reason once. */
export function contextProblems(plan: Plan, environment: ClusterView["environment"], check: CheckContext): KtError[] {
  const view = { kubeconfig: plan.kubeconfig, strangers: plan.strangers, environment };
  const problems = [...contextsOf(plan)].flatMap((context) => problemIn(check(view, context)) ?? []);
  return [...new Map(problems.map((problem) => [problem.message, problem])).values()];
}

function problemIn(found: ReturnType<CheckContext>): KtError | undefined {
  return found instanceof KtError ? found : undefined;
}

/** What the routes of a profile name; what a pattern captures is only known with a name. */
function contextsOf(plan: Plan): ReadonlySet<string | undefined> {
  const { context, patterns } = plan;
  const named = namedRoutes(plan).map(({ target }) => target.cluster.context);
  const templates = patterns.map(({ target }) => target.context).filter((each) => each === undefined || !each.includes("{"));
  return new Set([...named, ...templates, ...(context === undefined ? [] : [context])]);
}

export type ContextProblem = Problem & { readonly sinceMs: number };

interface Watched {
  readonly plan: Plan;
  readonly environment: ClusterView["environment"];
  readonly watch: FileWatch;
  problems: ReadonlyMap<string | undefined, ContextProblem>;
  /** The kubeconfig's current context. */
  current: string | undefined;
}

export interface ContextWatchOptions {
  readonly check: CheckContext;
  readonly clock: Clock;
  /** Called for each new reason. */
  readonly onProblem: (profile: string, problem: Problem) => void;
  /** Called after each look at the kubeconfig of a profile, by its path. */
  readonly onLook?: (profile: string) => void;
}

/** The same for attached profiles, kept true as kubeconfigs change. */
export class ContextWatch {
  readonly #options: ContextWatchOptions;
  readonly #byProfile = new Map<string, Watched>();

  constructor(options: ContextWatchOptions) {
    this.#options = options;
  }

  of({ profile, context }: ClusterRef): ContextProblem | undefined {
    return this.#byProfile.get(profile)?.problems.get(context);
  }

  /** The context that a profile's kubeconfig has as the current one. */
  current(profile: string): string | undefined {
    return this.#byProfile.get(profile)?.current;
  }

  /** What is wrong for a profile, each reason once. */
  all(profile: string): ContextProblem[] {
    const problems = [...(this.#byProfile.get(profile)?.problems.values() ?? [])];
    return [...new Map(problems.map((problem) => [problem.message, problem])).values()];
  }

  /** Watches these profiles and no others. */
  apply(profiles: readonly { readonly plan: Plan; readonly environment: ClusterView["environment"] }[]): void {
    const wanted = new Map(profiles.map((each) => [each.plan.profile, each]));
    for (const [profile, { watch, plan, environment }] of this.#byProfile) {
      const next = wanted.get(profile);
      if (next?.plan === plan && next.environment === environment) wanted.delete(profile);
      else {
        watch.close();
        this.#byProfile.delete(profile);
      }
    }
    for (const { plan, environment } of wanted.values()) this.#watch(plan, environment);
  }

  close(): void {
    this.apply([]);
  }

  #watch(plan: Plan, environment: ClusterView["environment"]): void {
    const look = (): void => this.#look(watched);
    const watch = new FileWatch(plan.kubeconfig, this.#options.clock, look);
    const watched: Watched = { plan, environment, watch, problems: new Map(), current: undefined };
    this.#byProfile.set(plan.profile, watched);
    look();
    // The watch does not see what changed before it began.
    void watch.ready.then(look);
  }

  #look(watched: Watched): void {
    const { plan, environment, problems: before } = watched;
    const view = { kubeconfig: plan.kubeconfig, strangers: plan.strangers, environment };
    const problems = new Map<string | undefined, ContextProblem>();
    for (const context of contextsOf(plan)) {
      const problem = problemIn(this.#options.check(view, context));
      const old = before.get(context);
      const sinceMs = old && old.message === problem?.message ? old.sinceMs : this.#options.clock.wallMs();
      if (problem) problems.set(context, { ...toProblem(problem), sinceMs });
    }
    watched.problems = problems;
    const current = this.#options.check(view, undefined);
    watched.current = current instanceof KtError ? undefined : current?.name;
    const said = new Set([...before.values()].map(({ message }) => message));
    for (const problem of this.all(plan.profile)) if (!said.has(problem.message)) this.#options.onProblem(plan.name, problem);
    this.#options.onLook?.(plan.profile);
  }
}
