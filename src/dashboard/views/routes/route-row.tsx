/** A row of the list of routes: its state first, then where it is, where it leads, and what goes through it. */

import { printable } from "#base/printable.ts";
import type { ProfileStatus } from "#control/api.ts";
import { sparkSeconds } from "#dashboard/model/sparks.ts";
import { pageOf } from "#dashboard/model/routes.ts";
import { bytesRateText, countText, nothing, rateText } from "#dashboard/model/words.ts";
import { Sparkline } from "#dashboard/ui/chart.tsx";
import { memo } from "#dashboard/ui/memo.ts";
import { StateMark } from "#dashboard/ui/parts.tsx";
import type { HeadingRow, RouteRow as Row } from "#tui/model/rows.ts";

export const selectedRouteId = "selected-route";

export function RouteTitles() {
  const numbers = ["open", "req/s", "↓", "↑"];
  return (
    <div class="row titles route" role="row">
      <span role="columnheader">state</span>
      <span role="columnheader">address</span>
      <span role="columnheader">target</span>
      {numbers.map((title) => (
        <span key={title} role="columnheader" class="number">
          {title === "↓" ? <abbr title="received">↓</abbr> : title === "↑" ? <abbr title="sent">↑</abbr> : title}
        </span>
      ))}
      <span role="columnheader" class="sparks">
        last minute
      </span>
    </div>
  );
}

interface RouteRowProps {
  readonly route: Row["route"];
  readonly at: number;
  readonly spark: readonly number[] | undefined;
  readonly isSelected: boolean;
  readonly onOpen: () => void;
}

export const RouteRow = memo(({ route, at, spark, isSelected, onOpen }: RouteRowProps) => {
  const { problem, perSecond, openConnections } = route;
  return (
    <div
      class={`row route${problem ? " troubled" : ""}`}
      role="row"
      aria-rowindex={at + 2}
      aria-selected={isSelected}
      id={isSelected ? selectedRouteId : undefined}
      onClick={onOpen}
    >
      <span role="gridcell">
        <StateMark state={route.state} />
      </span>
      <span role="gridcell" class="address">
        <Address route={route} />
      </span>
      {problem ? (
        <span role="gridcell" class={`reason ${route.state === "starting" ? "yellow" : "red"}`} title={printable(problem.message)}>
          {printable(problem.message)}
        </span>
      ) : (
        <>
          <span role="gridcell" class="target" title={printable(route.target)}>
            {printable(route.target)}
          </span>
          <span role="gridcell" class="number">
            {openConnections === 0 ? nothing : openConnections}
          </span>
          <span role="gridcell" class="number requests">
            {rateText(perSecond?.requests)}
          </span>
          <span role="gridcell" class="number bytes">
            {bytesRateText(perSecond?.receivedBytes)}
          </span>
          <span role="gridcell" class="number bytes">
            {bytesRateText(perSecond?.sentBytes)}
          </span>
          <span role="gridcell" class="sparks">
            {spark && <Sparkline values={spark} steps={sparkSeconds} />}
          </span>
        </>
      )}
    </div>
  );
});

/** Of a service that a [[forward]] found, its name stands before its address, which says nothing by itself. */
function Address({ route }: { readonly route: Row["route"] }) {
  const page = pageOf(route);
  const text = printable(route.url.replace(/^http:\/\//, ""));
  return (
    <>
      {route.forwarded && <span>{printable(route.name)} </span>}
      {page === undefined ? (
        <span>{text}</span>
      ) : (
        <a href={page} target="_blank" rel="noreferrer noopener" tabIndex={-1} onClick={(event) => event.stopPropagation()}>
          {text}
        </a>
      )}
    </>
  );
}

export const HeadingLine = memo(({ row, at }: { readonly row: HeadingRow; readonly at: number }) => {
  const { profile, namespace, count } = row;
  const facts = [
    ...(profile.context === undefined ? [] : [`context ${profile.context}`]),
    count === 0 ? "no routes" : countText(count, "route"),
  ];
  return (
    <div class="row heading" role="row" aria-rowindex={at + 2}>
      <span role="gridcell" aria-colspan={8}>
        <strong>
          {printable(profile.name)}
          {namespace !== "" && ` / ${printable(namespace)}`}
        </strong>
        <span class="dim"> {printable(facts.join(" · "))}</span>
        <Remark profile={profile} namespace={namespace} />
      </span>
    </div>
  );
});

/** What is wrong with the file or the namespace, else what is not as the cluster has it. */
function Remark({ profile, namespace }: { readonly profile: ProfileStatus; readonly namespace: string }) {
  if (profile.problem) return <span class="red"> its file cannot be used: {printable(profile.problem.message)}</span>;
  const status = profile.namespaces?.find((each) => each.namespace === namespace);
  if (status?.problem) return <span class="red"> {printable(status.problem.message)}</span>;
  const [note] = status?.notes ?? [];
  return note === undefined ? null : <span class="dim"> {printable(note)}</span>;
}
