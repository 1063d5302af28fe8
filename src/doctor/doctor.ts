/** Examines everything between a profile and its pods, each thing once, and skips what cannot be known. */

import { namedRoutes } from "#profile/values/planned.ts";
import { type Clock, systemClock } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { doctorLimits } from "./limits.ts";
import type { Snapshot } from "#control/api.ts";
import { stateDirectory, type Surroundings } from "#control/socket-path.ts";
import { contextsOf } from "#daemon/catalogue.ts";
import { type Build, findSnapshot } from "#daemon/process/find-hub.ts";
import { logFilePath } from "#daemon/process/log-file.ts";
import { portHolding } from "#daemon/listening/port-holding.ts";
import { listenTcp } from "#net/tcp.ts";
import { listenUdp } from "#net/udp.ts";
import { defaultKubeconfig } from "#profile/load.ts";
import type { ListenAddress, Plan } from "#profile/values/plan.ts";
import { examineContext } from "./context.ts";
import { type CheckName, checks, type Finding, Findings } from "./finding.ts";
import { judgeHub } from "./hub.ts";
import { currentContext, examineKubeconfig, forKubeconfig } from "./kubeconfig.ts";
import { realProviders } from "#daemon/providers.ts";
import { resolveBySystem } from "./system-resolver.ts";
import { tryRoutes } from "./try-routes.ts";
import { judgeNames, judgeProxies, namesOf } from "./names.ts";
import { needsOf } from "./needs.ts";
import { examinePorts } from "./ports.ts";
import { examineRelays } from "./relays.ts";
import { judgeSetup, lookAtSetup } from "./setup.ts";
import { examineTrust } from "./trust.ts";
import { judgeRuntime } from "./runtime.ts";
import { examineProfile, type ProfileQuestion } from "./profile.ts";
import { judgeRoutes, routesWorthTrying } from "./routes.ts";

export interface DoctorQuestion extends ProfileQuestion {
  readonly environment: Readonly<Record<string, string>>;
  readonly at: Surroundings;
  readonly build: Build;
  /** What kt left behind in the clusters is removed as well. */
  readonly fix?: boolean;
}

export interface Diagnosis {
  readonly findings: readonly Finding[];
  readonly plan: Plan;
  readonly profile: string | undefined;
  readonly snapshot: Snapshot | undefined;
}

/** The profile comes first: it says which contexts and ports count. The rest is looked at side by side. */
export async function examine(question: DoctorQuestion, clock: Clock = systemClock): Promise<Diagnosis> {
  const { plan, findings, file } = await examineProfile(question);
  const [clusters, shells, machine, snapshot] = await Promise.all([
    examineClusters(plan, question, clock),
    defaultKubeconfig(question),
    examineMachine(plan, question.environment, clock),
    findSnapshot(question.at, doctorLimits.doctorAskMs).catch((error: unknown) => toKtError(error, "hub-failed", "ask the hub")),
  ]);
  const routes = await examineRoutes(plan, clusters, question, clock);
  const running = snapshot instanceof KtError ? undefined : snapshot;
  const ports = await examinePorts(plan, { tryListen, holderOf: portHolding, ours: openAddresses(running) });
  const hub = judgeHub({ snapshot, ...question.build, logFile: logFilePath(stateDirectory(question.at)) });
  const all = [
    ...findings,
    ...forKubeconfig(clusters.findings, plan.kubeconfig, shells),
    ...routes,
    ...machine,
    ...ports,
    ...judgeSetup(lookAtSetup(plan, question.at)),
    ...examineTrust(plan, question.at, clock),
    ...hub,
  ];
  const rank = ({ check }: Finding): number => checks.indexOf(check);
  return { findings: all.toSorted((a, b) => rank(a) - rank(b)), plan, profile: file, snapshot: running };
}

const perContext: readonly CheckName[] = ["credentials", "server", "clock", "login", "access"];

interface ClustersAnswer {
  readonly findings: readonly Finding[];
  /** Contexts that cannot be looked at. */
  readonly missing: readonly string[];
}

async function examineClusters(plan: Plan, { environment, at }: DoctorQuestion, clock: Clock): Promise<ClustersAnswer> {
  const needs = needsOf(plan);
  const options = {
    kubeconfig: plan.kubeconfig,
    strangers: plan.strangers,
    environment,
    clock,
    pluginTimeoutMs: doctorLimits.doctorPluginMs,
  };
  const { findings, probes, missing } = examineKubeconfig(needs, options);
  const where = { platform: at.platform, clock };
  const examined = await Promise.all([...probes].map(([probe, ofContext]) => examineContext(probe, ofContext, where)));
  const skipped = missing.flatMap((context) =>
    perContext.flatMap((check) => new Findings(check, context).skipped("needs a context that can be read").list),
  );
  return { findings: [...findings, ...examined.flat(), ...skipped], missing };
}

/** After the clusters: one that does not answer is not asked again for each route. */
async function examineRoutes(
  plan: Plan,
  { findings, missing }: ClustersAnswer,
  { environment, fix = false }: DoctorQuestion,
  clock: Clock,
): Promise<readonly Finding[]> {
  const view = { kubeconfig: plan.kubeconfig, strangers: plan.strangers, environment };
  const broken = new Set(findings.flatMap(({ verdict, context }) => (verdict === "broken" && context !== undefined ? [context] : [])));
  const isBroken = (context: string | undefined): boolean =>
    missing.includes(context ?? currentContext) || broken.has(context ?? contextsOf(view).current ?? "");
  const reverses = plan.reverses.filter(({ context }) => !isBroken(context));
  const worth = { ...routesWorthTrying(plan, isBroken), reverses };
  const left = namedRoutes(plan).length - namedRoutes(worth).length;
  const options = { view, providers: realProviders(), clock };
  const [tried, relays] = await Promise.all([tryRoutes(worth, options), examineRelays(worth, options, fix)]);
  return [...judgeRoutes(tried, left), ...relays];
}

async function examineMachine(plan: Plan, environment: DoctorQuestion["environment"], clock: Clock): Promise<readonly Finding[]> {
  const names = namesOf(plan);
  const found = await Promise.all(names.map(async (name) => [name, await resolveBySystem(name, clock)] as const));
  return [...judgeRuntime(environment), ...judgeProxies(names, environment), ...judgeNames(new Map(found))];
}

function openAddresses(snapshot: Snapshot | undefined): ReadonlySet<string> {
  const listeners = snapshot?.profiles.flatMap((profile) => profile.listeners) ?? [];
  return new Set(listeners.flatMap(({ address, open }) => (open ? [address] : [])));
}

function tryListen({ host, port, transport }: ListenAddress): void {
  if (transport === "udp") listenUdp({ host, port, onDatagram() {} }).close();
  else listenTcp({ host, port, accept: (conn) => conn.abort() }).close();
}
