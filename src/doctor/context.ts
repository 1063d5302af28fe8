/** Examines one context: credentials and reachability side by side, then what depends on them. */

import type { Clock } from "#base/clock.ts";
import { toKtError } from "#base/errors.ts";
import { doctorLimits } from "./limits.ts";
import { kubeLimits } from "#kube/limits.ts";
import { command } from "#base/shell.ts";
import { Semaphore } from "#base/semaphore.ts";
import type { Probe } from "#kube/probe.ts";
import { type Asked, judgeAccess } from "./access.ts";
import { judgeCredentials } from "./credentials.ts";
import { type Finding, Findings } from "./finding.ts";
import type { Need } from "./needs.ts";
import { isAboutDates, judgeServer } from "./server.ts";
import { judgeClock } from "./time.ts";

export interface ContextSurroundings {
  readonly platform: string;
  readonly clock: Clock;
}

export async function examineContext(probe: Probe, needs: readonly Need[], at: ContextSurroundings): Promise<readonly Finding[]> {
  const { config } = probe;
  const [identity, server] = await Promise.all([identityOf(probe), examineServer(probe)]);
  const credentials = judgeCredentials(config, identity, at.clock.wallMs());
  const clock = judgeClock(config.name, probe.clockAheadMs(), at.platform);
  const obstacle = isBroken(server)
    ? "the API server cannot be reached"
    : isBroken(credentials)
      ? "the credentials are not valid"
      : undefined;
  const rest = obstacle === undefined ? await examineUser(probe, needs, at.clock) : skippedUser(config.name, obstacle);
  return [...credentials, ...server, ...clock, ...rest];
}

const isBroken = (findings: readonly Finding[]): boolean => findings.some(({ verdict }) => verdict === "broken");

async function identityOf(probe: Probe) {
  return await probe.identity().catch((error: unknown) => toKtError(error, "credentials-failed", "read the credentials"));
}

async function examineServer(probe: Probe): Promise<readonly Finding[]> {
  try {
    const proxy = probe.proxy();
    const reached = await probe.reach(doctorLimits.doctorReachMs);
    if ("problem" in reached && isAboutDates(reached)) await probe.askTime(doctorLimits.doctorReachMs);
    return judgeServer(probe.config, reached, proxy);
  } catch (error) {
    const { message, hints } = toKtError(error, "cluster-unreachable", `reach ${probe.config.cluster.server}`);
    return new Findings("server", probe.config.name).broken(message, hints).list;
  }
}

function skippedUser(context: string, why: string): readonly Finding[] {
  return [...new Findings("login", context).skipped(why).list, ...new Findings("access", context).skipped(why).list];
}

async function examineUser(probe: Probe, needs: readonly Need[], clock: Clock): Promise<readonly Finding[]> {
  const { name, user } = probe.config;
  const login = new Findings("login", name);
  const access = new Findings("access", name);
  try {
    const who = await probe.whoAmI(doctorLimits.doctorAskMs);
    login.ok(who === undefined ? "the API server accepts the credentials" : `the API server knows you as "${who}"`);
  } catch (error) {
    const { message, hints } = toKtError(error, "unauthorized", "ask who we are");
    login.broken(message, [...hints, command`kubectl auth whoami --context ${name}`]);
    return [...login.list, ...access.skipped(`the API server does not take the credentials of user "${user?.name}"`).list];
  }
  try {
    return [...login.list, ...judgeAccess(name, await askAll(probe, needs, clock))];
  } catch (error) {
    const { message } = toKtError(error, "cluster-error", "ask what you may do");
    return [
      ...login.list,
      ...access.warn(`what you may do cannot be asked: ${message}`, [command`kubectl auth can-i --list --context ${name}`]).list,
    ];
  }
}

/** All within the time of one question: a server that takes seconds for each is treated as one that does not answer. */
async function askAll(probe: Probe, needs: readonly Need[], clock: Clock): Promise<readonly Asked[]> {
  const untilMs = clock.now() + doctorLimits.doctorAskMs;
  const gate = new Semaphore(kubeLimits.apiRequestsAtOnce);
  const never = new AbortController().signal;
  return await Promise.all(
    needs.map(async (need) => {
      const asked = { ...need, namespace: need.namespace ?? probe.config.namespace };
      return { ...asked, allowed: await gate.run(never, () => probe.may(asked, Math.max(1, untilMs - clock.now()))) };
    }),
  );
}
