/** What the clusters have, for commands that offer it: the wizard, `kt init`, completions. No hub is needed. */

import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { silentLog } from "#base/log.ts";
import { type Catalogue, type Contexts, listContexts, listServers, openCatalogue } from "#kube/catalogue.ts";
import type { ClusterView } from "#daemon/plans/clusters.ts";

export type { Catalogue, CatalogueContainer, CataloguePod, CataloguePort, CatalogueService, Contexts } from "#kube/catalogue.ts";

/** Throws KtError `kubeconfig-unreadable`. */
export function contextsOf(view: ClusterView): Contexts {
  return listContexts(view);
}

/** Hosts, without ports. Throws KtError `kubeconfig-unreadable`. */
export function serversOf(view: Pick<ClusterView, "kubeconfig">): readonly string[] {
  return listServers(view);
}

interface Asking {
  /** For each list. */
  readonly timeoutMs: number;
  /** Whether credentials may be fetched that the kubeconfig does not hold: by a plugin, or from an issuer. */
  readonly mayLogIn: boolean;
}

const patient: Asking = { timeoutMs: sharedLimits.apiRequestTimeoutMs, mayLogIn: true };

/** Undefined is the current context. Reads the kubeconfig and nothing else; throws KtError. */
export function catalogueOf(view: ClusterView, context: string | undefined, { timeoutMs, mayLogIn }: Asking = patient): Catalogue {
  const late = (server: string): KtError => new KtError("cluster-unreachable", `${server} did not answer within ${timeoutMs / 1000} s`);
  return openCatalogue({ ...view, context, clock: systemClock, log: silentLog, timeoutMs, mayLogIn, late });
}
