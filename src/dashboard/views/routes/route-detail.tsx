/** One route with all that is known of it: where it leads, how it does, its pods, what is wrong, its requests. */

import { formatBytes } from "#base/bytes-text.ts";
import { printable } from "#base/printable.ts";
import { timeOfDay } from "#base/time-of-day.ts";
import type { App } from "#dashboard/state/app.ts";
import type { RouteRef } from "#dashboard/model/place.ts";
import { type FoundRoute, pageOf } from "#dashboard/model/routes.ts";
import { agoText, countText, rateText } from "#dashboard/model/words.ts";
import { Copyable, ProblemBox, StateMark } from "#dashboard/ui/parts.tsx";
import { copyUrl, openPage, toggle } from "./actions.ts";
import { LatestRequests } from "./latest-requests.tsx";
import { PodLog } from "#dashboard/views/pods/pod-log.tsx";
import { Pods } from "#dashboard/views/pods/pods.tsx";
import { TrafficCharts } from "./traffic-charts.tsx";

interface RouteDetailProps {
  readonly app: App;
  readonly routeRef: RouteRef;
  /** Undefined where it is not attached any more. */
  readonly found: FoundRoute | undefined;
}

export function RouteDetail({ app, routeRef, found }: RouteDetailProps) {
  const { log } = app.state.place;
  const close = (): void => app.go(log ? { view: "routes", route: routeRef } : { view: "routes" });
  return (
    <section class="pane detail" aria-label={`Route ${printable(routeRef.route)}`}>
      <header class="bar">
        <h2>{printable(routeRef.route)}</h2>
        {found && <StateMark state={found.route.state} />}
        <button type="button" class="quiet close" onClick={close}>
          {log ? "Back" : "Close"} <kbd aria-hidden="true">Esc</kbd>
        </button>
      </header>
      {log ? (
        <PodLog key={`${log.pod} ${log.container}`} routeRef={routeRef} log={log} />
      ) : (
        <div class="content" tabIndex={-1}>
          {found ? <Known app={app} routeRef={routeRef} found={found} /> : <p class="dim">It is not attached any more.</p>}
        </div>
      )}
    </section>
  );
}

function Known({ app, routeRef, found }: RouteDetailProps & { readonly found: FoundRoute }) {
  const { route } = found;
  const onCopied = (text: string): void => app.notify(`copied ${text}`);
  const { problem, lastProblem } = route;
  return (
    <>
      <Actions app={app} routeRef={routeRef} found={found} />
      {problem && (
        <ProblemBox
          {...problem}
          title={problem.sinceMs === undefined ? "Problem" : `Problem since ${timeOfDay(problem.sinceMs)}`}
          onCopied={onCopied}
        />
      )}
      {!problem && lastProblem && (
        <ProblemBox {...lastProblem} title={`Last error, at ${timeOfDay(lastProblem.atMs)}`} onCopied={onCopied} />
      )}
      <Facts found={found} onCopied={onCopied} />
      <TrafficCharts title="Over time" of={routeRef} />
      <Pods app={app} routeRef={routeRef} />
      <LatestRequests app={app} routeRef={routeRef} />
    </>
  );
}

function Actions({ app, routeRef, found: { route } }: RouteDetailProps & { readonly found: FoundRoute }) {
  const isStopped = route.state === "stopped";
  const act = (title: string, key: string, run: () => void) => (
    <button type="button" onClick={run}>
      {title} <kbd aria-hidden="true">{key}</kbd>
    </button>
  );
  return (
    <div class="actions">
      {pageOf(route) !== undefined && act("Open", "o", () => openPage(app, routeRef))}
      {act("Copy address", "y", () => void copyUrl(app, routeRef))}
      {act("Reconnect", "r", () => void app.act("reconnect", routeRef))}
      {act(isStopped ? "Start" : "Stop", "x", () => void toggle(app, routeRef))}
      {act("Explain", "e", () => app.go({ view: "explain", subject: route.name }))}
    </div>
  );
}

function Facts({ found: { profile, route }, onCopied }: { readonly found: FoundRoute; readonly onCopied: (text: string) => void }) {
  const { openConnections, totalConnections, failures, requests, responses = {}, health } = route;
  const classes = Object.entries(responses).map(([name, count]) => `${count} ${name === "none" ? "left" : name}`);
  return (
    <dl class="facts">
      <dt>Address</dt>
      <dd>
        <Copyable text={route.url} onCopied={onCopied} />
        {route.address !== undefined && <span class="dim"> also at {printable(route.address)}</span>}
      </dd>
      <dt>Target</dt>
      <dd>
        {printable(route.target)}
        {route.context !== undefined && <span class="dim"> in context {printable(route.context)}</span>}
      </dd>
      <dt>Profile</dt>
      <dd>
        {printable(profile.name)} <span class="dim">{printable(profile.profile)}</span>
      </dd>
      <dt>Connections</dt>
      <dd>
        {openConnections} open, {totalConnections} in all, {countText(failures, "failure")}
      </dd>
      <dt>Requests</dt>
      <dd>
        {requests} {classes.length > 0 && <span class="dim">{classes.join(", ")}</span>}
      </dd>
      <dt>Bytes</dt>
      <dd>
        ↓ {formatBytes(route.receivedBytes)} ↑ {formatBytes(route.sentBytes)}
        {route.perSecond && <span class="dim"> now {rateText(route.perSecond.requests)} requests/s</span>}
      </dd>
      {health && (
        <>
          <dt>Checks</dt>
          <dd>
            {health.failedInARow === 0 ? "the last one succeeded" : `${health.failedInARow} failed in a row`}
            <span class="dim"> {agoText(Date.now() - health.checkedMs)} ago</span>
          </dd>
        </>
      )}
    </dl>
  );
}
