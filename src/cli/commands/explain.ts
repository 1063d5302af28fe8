/** `kt explain`: why a name or port goes where it goes, asked of the hub, or worked out here where it has no such profile. */

import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import type { CommandContext, Options } from "#cli/command.ts";
import { withConsent } from "#cli/profile/consent.ts";
import { exitCodeFor, exitCodes } from "#cli/exit.ts";
import { loadAllowedHere, loadOptions, loadOrEmpty } from "#cli/profile/local-plan.ts";
import type { Output } from "#cli/screen/output.ts";
import { dim, green, red, tableLines } from "#base/text.ts";
import { showTried } from "#cli/screen/tried-routes.ts";
import { directoryOf } from "#native/file-watch.ts";
import { absolutePath, profileFile, shellEnvironment } from "#cli/profile/profile-file.ts";
import type { Step } from "#control/api.ts";
import { surroundings } from "#control/socket-path.ts";
import { Clusters } from "#daemon/plans/clusters.ts";
import { loadAllowed } from "#daemon/plans/consent.ts";
import { explain } from "#daemon/status/explain.ts";
import { type ExplainedReverse, findReverse } from "#daemon/status/explain-reverse.ts";
import { findHub } from "#daemon/process/find-hub.ts";
import { wantedBy } from "#daemon/listening/reconcile.ts";
import { realProviders } from "#daemon/providers.ts";
import { tryRoutes } from "#doctor/try-routes.ts";
import { profileFileName } from "#profile/read/find.ts";
import type { LoadOptions } from "#profile/load.ts";
import { saidSettings } from "#profile/tuned-settings.ts";
import { looksLikeTarget } from "#route/target-text.ts";

export async function explainCommand({ args, options, output }: CommandContext): Promise<number> {
  const [subject] = args;
  if (subject === undefined) return await explainAll(await profileFile(options), options, output);
  const file = await ownFile(options);
  const steps = await stepsOf(subject, file, { options, output });
  if (options.flag("json")) output.json(steps);
  else showSteps(steps, output);
  const stop = steps.find(({ outcome }) => outcome === "stop");
  return stop === undefined ? exitCodes.done : exitCodeFor(stop.code ?? "route-unknown");
}

/** A target is seen as this folder's profile sees it, or as one without a word would; names and ports may be any attached profile's. */
async function stepsOf(
  subject: string,
  file: string | undefined,
  { options, output }: Pick<CommandContext, "options" | "output">,
): Promise<readonly Step[]> {
  if (looksLikeTarget(subject)) return await explainHere(subject, await loadOrEmpty(file ?? absolutePath(profileFileName)), output);
  return (await askHub(subject, file)) ?? (await explainHere(subject, loadOptions(file ?? (await profileFile(options))), output));
}

/** Every route of the profile: whether it leads to a pod, and if not, why. */
async function explainAll(file: string, options: Options, output: Output): Promise<number> {
  const { plan } = await withConsent(file, output, () => loadAllowedHere(file));
  const view = { kubeconfig: plan.kubeconfig, strangers: plan.strangers, environment: shellEnvironment() };
  const tried = await tryRoutes(plan, { view, providers: realProviders() });
  if (options.flag("json")) output.json(tried);
  else showTried(tried, plan, output);
  const problem = tried.flatMap(({ result }) => ("problem" in result ? result.problem : []))[0];
  return problem === undefined ? exitCodes.done : exitCodeFor(problem.code);
}

/** Undefined where there is no profile here: then the hub's profiles are meant. */
async function ownFile(options: Options): Promise<string | undefined> {
  try {
    return await profileFile(options);
  } catch (error) {
    if (error instanceof KtError && error.code === "profile-not-found") return undefined;
    throw error;
  }
}

/** Undefined where no hub runs or it does not have the profile. */
async function askHub(subject: string, file: string | undefined): Promise<readonly Step[] | undefined> {
  try {
    const client = await findHub(surroundings());
    const snapshot = await client.snapshot();
    const has = snapshot.profiles.some(({ profile }) => file === undefined || profile === file);
    const steps = has ? (await client.ask({ type: "explain", subject }, "steps")).steps : undefined;
    client.close();
    return steps;
  } catch (error) {
    if (error instanceof KtError && error.code === "hub-unreachable") return undefined;
    throw error;
  }
}

async function explainHere(subject: string, options: LoadOptions, output: Output): Promise<readonly Step[]> {
  const { plan, settings } = await withConsent(options.file, output, () => loadAllowed(options));
  const said = saidSettings(settings, directoryOf(plan.profile));
  const providers = realProviders();
  await providers.prepare();
  const clusters = new Clusters({
    open: providers.openCluster,
    viewOf: () => ({ kubeconfig: plan.kubeconfig, strangers: plan.strangers, environment: shellEnvironment() }),
    clock: systemClock,
    log: silentLog,
    report() {},
  });
  try {
    const clusterFor = clusters.for.bind(clusters);
    const reverseOf = (text: string): ExplainedReverse | undefined => {
      const planned = findReverse(plan, text);
      return planned && { planned, standing: undefined };
    };
    return await explain(subject, {
      wanted: wantedBy([plan]),
      clusterFor,
      podOf: () => undefined,
      reverseOf,
      settingsOf: () => said,
      clock: systemClock,
    });
  } finally {
    clusters.close();
  }
}

function showSteps(steps: readonly Step[], output: Output): void {
  const marks = { match: green("✓"), miss: dim("·"), stop: red("✗"), info: " " };
  output.lines(tableLines(steps.map(({ step, verdict, outcome }) => [[marks[outcome], " ", dim(step)], verdict])));
}
