/** The routes, live: searched, grouped, sorted, one of them in detail beside the list. */

import type { App } from "#dashboard/state/app.ts";
import { findRoute, type Kind, keyOf, kinds, refOf } from "#dashboard/model/routes.ts";
import type { RouteRef } from "#dashboard/model/place.ts";
import { useMedia } from "#dashboard/ui/hooks.ts";
import { useKeys } from "#dashboard/ui/keys.ts";
import { Chips, Copyable, Empty, Search } from "#dashboard/ui/parts.tsx";
import { VirtualList } from "#dashboard/ui/virtual-list.tsx";
import { isRoute, type Row, type Sorting, sortings } from "#tui/model/rows.ts";
import { copyUrl, openLog, openPage, toggle } from "./actions.ts";
import { RouteDetail } from "./route-detail.tsx";
import { HeadingLine, RouteRow, RouteTitles, selectedRouteId } from "./route-row.tsx";

const keyOfRow = (row: Row): string => (isRoute(row) ? row.key : `${row.profile.profile}\u0000\u0000${row.namespace}`);

/** Rows that a press of Page Down goes. */
const pageRows = 15;

export function RoutesView({ app }: { readonly app: App }) {
  const { place, snapshot, listed, selected, sparks } = app.state;
  const isNarrow = useMedia("(max-width: 720px)");
  const openRef = place.route;
  const chosen = selected ?? listed.rows.filter(isRoute).find((row) => isSame(refOf(row), openRef))?.key;
  useRouteKeys(app);
  return (
    <div class={`split${openRef ? " open" : ""}`}>
      <section class="pane" aria-label="Routes">
        <RoutesBar app={app} />
        <VirtualList
          items={listed.rows}
          keyOf={keyOfRow}
          rowPx={isNarrow ? 52 : 32}
          label="Routes"
          header={<RouteTitles />}
          selected={chosen}
          selectedId={selectedRouteId}
          empty={<NoRoutes app={app} />}
          row={(row, at) =>
            isRoute(row) ? (
              <RouteRow
                key={row.key}
                route={row.route}
                at={at}
                spark={sparks.get(keyOf(row.profile.profile, row.route.name))}
                isSelected={row.key === chosen}
                onOpen={memoised(app, row.key, refOf(row))}
              />
            ) : (
              <HeadingLine key={keyOfRow(row)} row={row} at={at} />
            )
          }
        />
      </section>
      {openRef && (
        <RouteDetail key={keyOf(openRef.profile, openRef.route)} app={app} routeRef={openRef} found={findRoute(snapshot, openRef)} />
      )}
    </div>
  );
}

function isSame(one: RouteRef, other: RouteRef | undefined): boolean {
  return one.profile === other?.profile && one.route === other.route;
}

/** The same function for the same row, so that a row that did not change is not drawn. */
const openers = new Map<string, () => void>();

function memoised(app: App, key: string, ref: RouteRef): () => void {
  const known = openers.get(key);
  if (known) return known;
  const open = (): void => {
    app.set({ selected: key });
    app.go({ view: "routes", route: ref });
  };
  openers.set(key, open);
  return open;
}

const sortingNames: Readonly<Record<Sorting, string>> = {
  place: "Profile",
  state: "State",
  name: "Name",
  traffic: "Traffic",
  connections: "Connections",
};

function RoutesBar({ app }: { readonly app: App }) {
  const { filter, sorting, kind, listed } = app.state;
  return (
    <div class="bar">
      <Search value={filter} label="Search routes" onInput={(text) => app.choose({ filter: text })} />
      <Chips<Kind>
        label="Which routes"
        all={kinds}
        chosen={kind}
        textOf={(each) => `${each[0]?.toUpperCase()}${each.slice(1)} ${listed.counts[each]}`}
        onChoose={(chosen) => app.choose({ kind: chosen })}
      />
      <label class="sort">
        Sort
        <select value={sorting} onChange={({ currentTarget }) => app.choose({ sorting: sortings[currentTarget.selectedIndex] ?? "place" })}>
          {sortings.map((each) => (
            <option key={each} value={each}>
              {sortingNames[each]}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

function NoRoutes({ app }: { readonly app: App }) {
  const { snapshot, filter, kind } = app.state;
  if (!snapshot) return <Empty title="Reading the routes" />;
  if (snapshot.profiles.length === 0) {
    return (
      <Empty title="No profile is attached">
        <p>In the folder of a project:</p>
        <Copyable text="kt up" onCopied={() => app.notify("copied")} />
      </Empty>
    );
  }
  const clear = (): void => app.choose({ filter: "", kind: "all" });
  return (
    <Empty title="No route matches">
      <p>
        {filter !== "" && `Every word of “${filter}” has to stand in a name, address, target, state or pod. `}
        {kind !== "all" && `Only routes that are ${kind === "failed" ? "failed" : "in use"} are shown.`}
      </p>
      <button type="button" onClick={clear}>
        Show all
      </button>
    </Empty>
  );
}

function useRouteKeys(app: App): void {
  const move = (by: number) => (): void => moveSelection(app, by);
  const one = (act: (ref: RouteRef) => void) => (): void => {
    const row = app.state.listed.rows.filter(isRoute).find(({ key }) => key === app.state.selected);
    const ref = app.state.place.route ?? (row && refOf(row));
    if (ref) act(ref);
  };
  useKeys("view", {
    ArrowUp: move(-1),
    ArrowDown: move(1),
    k: move(-1),
    j: move(1),
    PageUp: move(-pageRows),
    PageDown: move(pageRows),
    Home: move(Number.NEGATIVE_INFINITY),
    End: move(Number.POSITIVE_INFINITY),
    g: move(Number.NEGATIVE_INFINITY),
    G: move(Number.POSITIVE_INFINITY),
    Enter: one((route) => app.go({ view: "routes", route })),
    Escape: () => leave(app),
    s: () => app.sortNext(),
    r: one((ref) => void app.act("reconnect", ref)),
    x: one((ref) => void toggle(app, ref)),
    y: one((ref) => void copyUrl(app, ref)),
    o: one((ref) => openPage(app, ref)),
    l: one((ref) => void openLog(app, ref)),
    h: one((route) => app.go({ view: "requests", route })),
    e: one(({ route }) => app.go({ view: "explain", subject: route })),
  });
}

/** What is open is left first, then what is filtered. */
function leave(app: App): void {
  const { place } = app.state;
  if (place.log) app.go({ view: "routes", route: place.route });
  else if (place.route) app.go({ view: "routes" });
  else app.choose({ filter: "", kind: "all" });
}

/** In a wide window the detail follows the selection. */
function moveSelection(app: App, by: number): void {
  const rows = app.state.listed.rows.filter(isRoute);
  const at = rows.findIndex(({ key }) => key === app.state.selected);
  const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 && Number.isFinite(by) ? 0 : at + by))];
  if (!next) return;
  app.set({ selected: next.key });
  if (app.state.place.route && !app.state.place.log) app.go({ view: "routes", route: refOf(next) });
}
