/** The variables that make a command use the profile's proxy, with the API servers that must not be asked for through it. */

import { proxyVariables } from "#daemon/status/plan-env.ts";
import type { Plan } from "#profile/values/plan.ts";

type Variables = Readonly<Record<string, string>>;

/** None where the profile does not ask for them. */
export async function proxiedEnvironment(plan: Plan, shell: Variables): Promise<Variables> {
  if (!plan.proxy.env) return {};
  return proxyVariables(plan, shell, await apiServers(plan));
}

/** None of a kubeconfig that cannot be read: what needs it says so. */
async function apiServers(plan: Plan): Promise<readonly string[]> {
  const { serversOf } = await import("#daemon/catalogue.ts");
  try {
    return serversOf(plan);
  } catch {
    return [];
  }
}
