/** `kt check`: validates a profile and tells every problem with its place. */

import { planSummary } from "#profile/values/planned.ts";
import { type KtError, toKtError } from "#base/errors.ts";
import { authorityProblems } from "#cli/trust/authority-problems.ts";
import type { CommandContext, Options } from "#cli/command.ts";
import { exitCodeOf, exitCodes } from "#cli/exit.ts";
import { loadHere, loadOptions } from "#cli/profile/local-plan.ts";
import type { Output } from "#cli/screen/output.ts";
import { profileFile, shellEnvironment } from "#cli/profile/profile-file.ts";
import { warnUnresolved } from "#cli/run/unresolved.ts";
import { type ExaminedPlan, examinePlan } from "#daemon/plans/consent.ts";
import { contextCheck, contextProblems } from "#daemon/plans/contexts.ts";
import { exposuresOf, exposureText } from "#daemon/listening/exposed.ts";
import { NotAllowedError } from "#profile/consent/consent.ts";
import type { Plan, ProfileWarning } from "#profile/values/plan.ts";
import { settingText } from "#control/setting-text.ts";
import type { TunedSetting } from "#profile/tuned-settings.ts";
import { formatPlace, formatProblem, ProfileError } from "#profile/values/problems.ts";

export async function check({ options, output }: CommandContext): Promise<number> {
  if (options.flag("json")) return await checkAsJson(options, output);
  const file = await profileFile(options);
  try {
    const examined = await examinePlan(loadOptions(file));
    const { plan, warnings } = examined;
    for (const warning of warnings) output.warning(formatProblem(warning, process.cwd()));
    for (const exposure of exposuresOf(plan)) output.warning(exposureText(exposure));
    await warnUnresolved(plan, output);
    const problems = await outerProblems(examined);
    for (const { message, hints } of problems) {
      output.warning(message);
      output.hints(hints);
    }
    output.note(`${file}: ${fineness(problems)}, with ${planSummary(plan)}`);
    output.note(`dynamic names reach ${reachText(plan)}`);
    for (const setting of shownSettings(examined, options)) output.note(settingLine(setting));
    return exitCodes.done;
  } catch (error) {
    return showProfileError(error, output);
  }
}

function shownSettings({ settings }: ExaminedPlan, options: Options): readonly TunedSetting[] {
  return options.flag("settings") ? settings : settings.filter(({ from }) => from !== undefined);
}

function settingLine({ from, ...setting }: TunedSetting): string {
  return settingText({ ...setting, from: from && formatPlace(from, process.cwd()) });
}

/** What the user and the kubeconfig lack: no error of the profile, which may be meant for another machine. */
async function outerProblems({ plan, facts, isAllowed }: ExaminedPlan): Promise<KtError[]> {
  const missing = contextProblems(plan, shellEnvironment(), await contextCheck());
  const others = [...missing.filter(({ code }) => code !== "profile-not-allowed"), ...authorityProblems(plan)];
  return isAllowed ? others : [new NotAllowedError(plan.profile, facts, []), ...others];
}

const lacking: Partial<Record<KtError["code"], string>> = {
  "profile-not-allowed": "your consent",
  "authority-unusable": "kt's CA",
};

function fineness(problems: readonly KtError[]): string {
  const words = problems.map(({ code }) => lacking[code] ?? "the kubeconfig");
  return words.length === 0 ? "fine" : `fine but for ${[...new Set(words)].join(" and ")}`;
}

/** Loads the profile only to tell all that is wrong with it; `reported` is what the hub said, should it load here. */
export async function showProblems(file: string, output: Output, reported: KtError): Promise<number> {
  const error = await loadHere(file).then(
    () => reported,
    (found: unknown) => found,
  );
  return showProfileError(error, output);
}

function showProfileError(error: unknown, output: Output): number {
  if (!(error instanceof ProfileError)) throw error;
  for (const problem of error.problems) {
    output.error({ message: formatProblem(problem, process.cwd()), hints: problem.hint === undefined ? [] : [problem.hint] });
  }
  return exitCodeOf(error);
}

async function checkAsJson(options: Options, output: Output): Promise<number> {
  let file: string | undefined;
  try {
    file = await profileFile(options);
    const examined = await examinePlan(loadOptions(file));
    const { plan, warnings } = examined;
    const exposed = exposuresOf(plan).map((exposure) => ({ message: exposureText(exposure), file }));
    const missing = (await outerProblems(examined)).map(({ code, message, hints }) => ({ code, message, hints, file }));
    const settings = shownSettings(examined, options).map(({ key, value, from }) => ({ key, value, from: from ?? "default" }));
    const all = [...warnings.map(jsonWarning), ...exposed, ...missing];
    output.json({ file, ok: true, name: plan.name, problems: [], warnings: all, settings });
    return exitCodes.done;
  } catch (error) {
    output.json({ file, ok: false, problems: problemsOf(error, file), warnings: [] });
    return exitCodeOf(error);
  }
}

function problemsOf(error: unknown, file: string | undefined): readonly object[] {
  if (error instanceof ProfileError) return error.problems;
  const { code, message, hints } = toKtError(error, "profile-unreadable", file === undefined ? "find the profile" : `read "${file}"`);
  return [{ file, code, message, hint: hints[0] }];
}

/** Contexts by what stands for them in a name. */
function reachText({ contexts: shortNames, http: { dynamic: reach } }: Plan): string {
  if (reach.kind !== "these") return reach.kind === "all" ? "every context" : "nothing: they are turned off";
  const named = reach.contexts.map((context) => `"${Object.keys(shortNames).find((name) => shortNames[name] === context) ?? context}"`);
  const contexts = reach.current ? ["the current context", ...named] : named;
  return contexts.length === 0 ? "nothing" : new Intl.ListFormat("en", { style: "long" }).format(contexts);
}

const jsonWarning = ({ message, file, line, column }: ProfileWarning) => ({ message, file, line, column });
