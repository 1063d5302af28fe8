/** Where the user is in the dashboard, as the part of the address behind "#": what a reload, a bookmark and the browser's back button go by. Pure. */

export const views = ["routes", "requests", "events", "health", "explain"] as const;
export type View = (typeof views)[number];

/** One attached route. */
export interface RouteRef {
  readonly profile: string;
  readonly route: string;
}

export interface ContainerRef {
  readonly pod: string;
  readonly container: string;
}

export interface Place {
  readonly view: View;
  /** In detail, or the one whose requests are shown. */
  readonly route?: RouteRef | undefined;
  /** Whose log is read; only with a route. */
  readonly log?: ContainerRef | undefined;
  /** What is explained. */
  readonly subject?: string | undefined;
}

export function readPlace(hash: string): Place {
  const [name = "", query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const view = views.find((each) => each === name) ?? "routes";
  const fields = new URLSearchParams(query);
  const [profile, route, pod, container, subject] = ["profile", "route", "pod", "container", "subject"].map((field) => fields.get(field));
  return {
    view,
    ...(profile && route ? { route: { profile, route } } : {}),
    ...(profile && route && pod && container ? { log: { pod, container } } : {}),
    ...(subject ? { subject } : {}),
  };
}

export function hashOf({ view, route, log, subject }: Place): string {
  const fields = Object.entries({ ...route, ...log, subject }).filter((field): field is [string, string] => field[1] !== undefined);
  const query = new URLSearchParams(fields).toString();
  return `#${view}${query === "" ? "" : `?${query}`}`;
}
