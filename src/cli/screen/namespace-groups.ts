/** The services of [[forward]]s as lines want them: by namespace, and the unused ports of a service in one entry. Pure. */

import type { NamespaceStatus, ProfileStatus, RouteStatus } from "#control/api.ts";

/** What belongs to one namespace. */
export interface NamespaceGroup {
  readonly status: NamespaceStatus;
  readonly routes: readonly RouteStatus[];
}

/** In the order of the namespaces. */
export function namespaceGroups({ namespaces = [], routes }: ProfileStatus): NamespaceGroup[] {
  const forwarded = Map.groupBy(
    routes.filter(({ kind }) => kind === "forward"),
    (route) => `${route.context ?? ""}/${route.forwarded?.namespace ?? ""}`,
  );
  return namespaces.map((status) => ({ status, routes: merged(forwarded.get(`${status.context}/${status.namespace}`) ?? []) }));
}

/** Every route of a place that says nothing of its own goes with the others of it: "127.1.27.3:80,443". */
function merged(routes: readonly RouteStatus[]): RouteStatus[] {
  const quiet = new Map<string, RouteStatus[]>();
  return routes
    .flatMap((route): RouteStatus[][] => {
      if (!isQuiet(route)) return [[route]];
      const place = placeOf(route);
      const others = quiet.get(place);
      if (others) {
        others.push(route);
        return [];
      }
      const own = [route];
      quiet.set(place, own);
      return [own];
    })
    .map(asOne);
}

function isQuiet({ state, problem, lastProblem, totalConnections }: RouteStatus): boolean {
  return state === "idle" && problem === undefined && lastProblem === undefined && totalConnections === 0;
}

/** "db-0.db.shop" of "db-0.db.shop:5432". */
const placeOf = ({ name }: RouteStatus): string => name.slice(0, name.lastIndexOf(":"));
const portOf = (url: string): string => url.slice(url.lastIndexOf(":") + 1);

function asOne(routes: readonly RouteStatus[]): RouteStatus {
  const [first] = routes as readonly [RouteStatus, ...RouteStatus[]];
  const ports = [first.url, ...routes.slice(1).map(({ url }) => portOf(url))].join(",");
  return { ...first, url: ports, target: placeOf(first) };
}
