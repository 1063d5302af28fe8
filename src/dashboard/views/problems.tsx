/** What is wrong over all routes, each reason once with its routes and with what helps. */

import { printable } from "#base/printable.ts";
import { timeOfDay } from "#base/time-of-day.ts";
import type { ProfileStatus } from "#control/api.ts";
import type { App } from "#dashboard/state/app.ts";
import type { RouteRef } from "#dashboard/model/place.ts";
import { type ListedProblem, problemsOf } from "#dashboard/model/problem-list.ts";
import { countText } from "#dashboard/model/words.ts";
import { Copyable, StateMark } from "#dashboard/ui/parts.tsx";

/** Routes that are named; the others are counted. */
const namedRoutes = 5;
/** Of what is over: a list that goes on for pages shows nothing. */
const shownOver = 20;

export function Problems({ app, profiles }: { readonly app: App; readonly profiles: readonly ProfileStatus[] }) {
  const { now, over } = problemsOf(profiles);
  return (
    <>
      <ul class="failed">
        {now.map((problem) => (
          <Problem key={problem.key} app={app} problem={problem} />
        ))}
      </ul>
      {over.length > 0 && (
        <details>
          <summary>Connections that failed, on routes where nothing is wrong now: {countText(over.length, "reason")}</summary>
          <ul class="failed">
            {over.slice(0, shownOver).map((problem) => (
              <Problem key={problem.key} app={app} problem={problem} />
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function Problem({ app, problem }: { readonly app: App; readonly problem: ListedProblem }) {
  const { message, hints, state, atMs, routes } = problem;
  const rest = routes.length - namedRoutes;
  return (
    <li>
      {state && <StateMark state={state} />}
      {routes.slice(0, namedRoutes).map((route) => (
        <RouteLink key={`${route.profile} ${route.route}`} app={app} route={route} />
      ))}
      {rest > 0 && <span class="dim">and {countText(rest, "other")}</span>}
      <span>{printable(message)}</span>
      {atMs !== undefined && <span class="dim">{`${state ? "since" : "last at"} ${timeOfDay(atMs)}`}</span>}
      {hints.map((hint) => (
        <Copyable key={hint} text={hint} onCopied={(text) => app.notify(`copied ${text}`)} />
      ))}
    </li>
  );
}

function RouteLink({ app, route }: { readonly app: App; readonly route: RouteRef }) {
  return (
    <button type="button" class="link" onClick={() => app.go({ view: "routes", route })}>
      {printable(route.route)}
    </button>
  );
}
