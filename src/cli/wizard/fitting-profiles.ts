/** Finds the shipped profiles that fit a cluster: what their routes lead to is there. */

import { namedRoutes } from "#profile/values/planned.ts";
import type { Catalogue, CatalogueService } from "#daemon/catalogue.ts";
import { loadPlan } from "#profile/load.ts";
import { shippedProfiles } from "#profile/read/shipped.ts";
import type { Target } from "#route/target.ts";

export interface FittingProfile {
  /** As `extends` names it. */
  readonly name: string;
  /** Hostnames and ports that it brings. */
  readonly locals: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

interface Shipped extends FittingProfile {
  readonly targets: readonly Target[];
}

/** None of a cluster that cannot be asked. The environment says, as it does later, where things are installed. */
export async function findFitting(catalogue: Catalogue, environment: Environment): Promise<readonly FittingProfile[]> {
  const profiles = await Promise.all([...shippedProfiles.keys()].map((name) => readShipped(`kt:${name}`, environment)));
  const namespaceOf = ({ namespace = catalogue.namespace }: Place): string => namespace;
  const namespaces = new Set(profiles.flatMap(({ targets }) => targets.map((target) => namespaceOf(placeOf(target)))));
  const lists = await Promise.all([...namespaces].map(async (name) => [name, await servicesOf(catalogue, name)] as const));
  const services = new Map(lists);
  const isThere = (target: Target): boolean => {
    const { name, port } = placeOf(target);
    const service = services.get(namespaceOf(placeOf(target)))?.find((each) => each.name === name);
    return service?.ports.some((each) => each.port === port || each.name === port) ?? false;
  };
  // Charts leave parts out: most of them are enough.
  return profiles.filter(({ targets }) => targets.filter(isThere).length * 2 > targets.length);
}

interface Place {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly port: string | number;
}

function placeOf(target: Target): Place {
  if (target.kind === "relayed") return { ...target, name: target.host };
  return target.via ? { ...target.via, port: target.port } : target;
}

/** Not allowed to see it, or no answer: treated as none. */
async function servicesOf(catalogue: Catalogue, namespace: string): Promise<readonly CatalogueService[]> {
  return await catalogue.services(namespace).catch(() => []);
}

async function readShipped(name: string, environment: Environment): Promise<Shipped> {
  const file = "/tunnels.toml";
  const readText = async (path: string): Promise<string | undefined> => (path === file ? `extends = ["${name}"]` : undefined);
  const { plan } = await loadPlan({ file, environment, home: "/", readText });
  const routes = namedRoutes(plan);
  return { name, locals: routes.map((route) => route.name), targets: routes.map(({ target }) => target) };
}
