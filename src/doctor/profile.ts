/** Whether there is a profile, and what is wrong with it; without a good one, the plan is that of an empty profile. */

import { planSummary } from "#profile/values/planned.ts";
import { toKtError } from "#base/errors.ts";
import { examinePlan } from "#daemon/plans/consent.ts";
import { NotAllowedError } from "#profile/consent/consent.ts";
import { findProfile } from "#profile/read/find.ts";
import { loadPlan, type LoadOptions } from "#profile/load.ts";
import type { Plan } from "#profile/values/plan.ts";
import { formatProblem, ProfileError } from "#profile/values/problems.ts";
import { type Finding, Findings } from "./finding.ts";

export interface ProfileQuestion extends Pick<LoadOptions, "environment" | "home"> {
  /** As named by the user; undefined: the nearest one. */
  readonly file: string | undefined;
  /** Where the user is. */
  readonly directory: string;
}

export interface ProfileAnswer {
  readonly findings: readonly Finding[];
  readonly plan: Plan;
  /** The file, whether or not it can be used. */
  readonly file: string | undefined;
}

export async function examineProfile(question: ProfileQuestion): Promise<ProfileAnswer> {
  const findings = new Findings("profile");
  const file = question.file ?? (await findProfile(question.directory).catch(() => undefined));
  if (file === undefined) {
    findings.skipped(`there is no tunnels.toml in "${question.directory}" or above it: the current context is looked at`);
    return { findings: findings.list, plan: await emptyPlan(question), file };
  }
  try {
    const { plan, warnings, facts, isAllowed } = await examinePlan({ ...question, file });
    if (!isAllowed) {
      const { message, hints } = new NotAllowedError(plan.profile, facts, []);
      findings.broken(message, hints);
      return { findings: findings.list, plan: await emptyPlan(question), file };
    }
    if (warnings.length === 0) findings.ok(`${file}: ${planSummary(plan)}`);
    for (const warning of warnings) findings.warn(formatProblem(warning, question.directory), []);
    return { findings: findings.list, plan, file };
  } catch (error) {
    tellProblems(findings, error, question.directory);
    return { findings: findings.list, plan: await emptyPlan(question), file };
  }
}

function tellProblems(findings: Findings, error: unknown, directory: string): void {
  if (!(error instanceof ProfileError)) {
    const { message, hints } = toKtError(error, "profile-unreadable", "read the profile");
    findings.broken(message, hints);
    return;
  }
  for (const problem of error.problems) {
    findings.broken(formatProblem(problem, directory), problem.hint === undefined ? [] : [problem.hint]);
  }
}

/** What counts where no file says anything: the usual kubeconfig and the usual port. */
async function emptyPlan({ directory, environment, home }: ProfileQuestion): Promise<Plan> {
  const file = `${directory}/tunnels.toml`;
  const readText = async (asked: string): Promise<string | undefined> => (asked === file ? "" : undefined);
  const { plan } = await loadPlan({ file, environment, home, readText });
  return plan;
}
