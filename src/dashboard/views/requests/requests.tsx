/** Every HTTP request as it ends, latest first, and one of them in detail beside the list. */

import { useEffect, useState } from "preact/hooks";
import { formatBytes } from "#base/bytes-text.ts";
import { printable } from "#base/printable.ts";
import { timeOfDay } from "#base/time-of-day.ts";
import type { RequestEntry } from "#control/api.ts";
import type { App } from "#dashboard/state/app.ts";
import { read } from "#dashboard/hub/api.ts";
import { follow } from "#dashboard/hub/follow.ts";
import {
  hostOf,
  type ListedRequest,
  noRequests,
  type Outcome,
  outcomes,
  type RequestList,
  shownRequests,
  unlisted,
  withRequests,
} from "#dashboard/model/request-list.ts";
import { durationText } from "#dashboard/model/words.ts";
import { useMedia } from "#dashboard/ui/hooks.ts";
import { useKeys } from "#dashboard/ui/keys.ts";
import { memo } from "#dashboard/ui/memo.ts";
import { Chips, Empty, Search } from "#dashboard/ui/parts.tsx";
import { VirtualList } from "#dashboard/ui/virtual-list.tsx";
import { RequestDetail } from "./request-detail.tsx";
import { StatusCode } from "./status-code.tsx";

const selectedId = "selected-request";
const pageRows = 15;
const keyOf = ({ id }: ListedRequest): string => String(id);

export function RequestsView({ app }: { readonly app: App }) {
  const { route } = app.state.place;
  const [filter, setFilter] = useState("");
  const [outcome, setOutcome] = useState<Outcome>("all");
  const [isPaused, setIsPaused] = useState(false);
  const [openId, setOpenId] = useState<number>();
  const isNarrow = useMedia("(max-width: 720px)");
  // What is being read stays where it is.
  const list = useRequests(isPaused || openId !== undefined);
  const shown = shownRequests(list.requests, { filter, outcome, route });
  const open = list.requests.find(({ id }) => id === openId);
  useRequestKeys(app, { shown, openId, setOpenId, onPause: () => setIsPaused(!isPaused) });
  return (
    <div class={`split${open ? " open" : ""}`}>
      <section class="pane" aria-label="Requests">
        <div class="bar">
          <Search value={filter} label="Search requests" onInput={setFilter} />
          <Chips label="Which outcome" all={outcomes} chosen={outcome} onChoose={setOutcome} textOf={outcomeName} />
          {route && (
            <button
              type="button"
              aria-label={`Show the requests of all routes, not only of ${printable(route.route)}`}
              onClick={() => app.go({ view: "requests" })}
            >
              {printable(route.route)} ✕
            </button>
          )}
          <button type="button" aria-pressed={isPaused} onClick={() => setIsPaused(!isPaused)}>
            Pause <kbd aria-hidden="true">p</kbd>
          </button>
          {list.leftOut > 0 && <span class="dim">{list.leftOut} were too fast to be listed</span>}
        </div>
        <VirtualList
          items={shown}
          keyOf={keyOf}
          rowPx={isNarrow ? 52 : 28}
          label="HTTP requests, latest first"
          header={<RequestTitles />}
          selected={openId === undefined ? undefined : String(openId)}
          selectedId={selectedId}
          empty={<NoRequests hasAny={list.requests.length > 0} />}
          row={(request, at) => (
            <RequestRow key={request.id} request={request} at={at} isSelected={request.id === openId} onOpen={setOpenId} />
          )}
        />
      </section>
      {open && <RequestDetail key={open.id} app={app} request={open} onClose={() => setOpenId(undefined)} />}
    </div>
  );
}

const outcomeName = (outcome: Outcome): string => (outcome === "all" ? "All" : outcome);

/** What was there first, and then what comes. Nothing is added while it is paused. */
function useRequests(isPaused: boolean): RequestList {
  const [list, setList] = useState(noRequests);
  useEffect(() => {
    if (isPaused) return undefined;
    const add = (entries: readonly RequestEntry[], leftOut = 0): void =>
      setList((before) => withRequests(before, unlisted(entries, before.requests), leftOut));
    // What comes while the first list is on its way is behind it.
    let waiting: RequestEntry[] | undefined = [];
    const begin = async (): Promise<void> => {
      waiting = [];
      const found = await read<{ requests: RequestEntry[] }>("requests", {}).catch(() => ({ requests: [] }));
      add([...found.requests, ...unlisted(waiting, found.requests)]);
      waiting = undefined;
    };
    return follow(
      "requests",
      {},
      {
        onOpen: () => void begin(),
        onEvent: ({ data }) => {
          const { requests, leftOut } = JSON.parse(data) as { requests: RequestEntry[]; leftOut: number };
          if (waiting) waiting.push(...requests);
          else setList((before) => withRequests(before, requests, leftOut));
        },
        // The status, which is followed as well, says so.
        onLost: () => {},
      },
    );
  }, [isPaused]);
  return list;
}

function RequestTitles() {
  return (
    <div class="row titles request" role="row">
      {["time", "method", "status", "address"].map((title) => (
        <span key={title} role="columnheader">
          {title}
        </span>
      ))}
      {["duration", "received", "protocol"].map((title) => (
        <span key={title} role="columnheader" class="number">
          {title}
        </span>
      ))}
    </div>
  );
}

interface RequestRowProps {
  readonly request: ListedRequest;
  readonly at: number;
  readonly isSelected: boolean;
  readonly onOpen: (id: number) => void;
}

const RequestRow = memo(({ request, at, isSelected, onOpen }: RequestRowProps) => (
  <div
    class="row request"
    role="row"
    aria-rowindex={at + 2}
    aria-selected={isSelected}
    id={isSelected ? selectedId : undefined}
    onClick={() => onOpen(request.id)}
  >
    <span role="gridcell" class="dim">
      {timeOfDay(request.atMs)}
    </span>
    <span role="gridcell" class="method">
      {printable(request.method)}
    </span>
    <span role="gridcell">
      <StatusCode request={request} />
    </span>
    <span role="gridcell" class="address">
      <span class="dim">{printable(hostOf(request))}</span>
      {printable(request.path)}
    </span>
    <span role="gridcell" class="number">
      {durationText(request.durationMs)}
    </span>
    <span role="gridcell" class="number">
      {formatBytes(request.receivedBytes)}
    </span>
    <span role="gridcell" class="number dim">
      {request.protocol}
    </span>
  </div>
));

function NoRequests({ hasAny }: { readonly hasAny: boolean }) {
  if (hasAny) return <Empty title="No request matches" />;
  return (
    <Empty title="No HTTP request yet">
      <p>Requests to routes stand here as soon as they end: with their paths, and without their queries.</p>
    </Empty>
  );
}

interface KeyState {
  readonly shown: readonly ListedRequest[];
  readonly openId: number | undefined;
  readonly setOpenId: (id: number | undefined) => void;
  readonly onPause: () => void;
}

function useRequestKeys(app: App, { shown, openId, setOpenId, onPause }: KeyState): void {
  const move = (by: number) => (): void => {
    const at = shown.findIndex(({ id }) => id === openId);
    setOpenId(shown[Math.max(0, Math.min(shown.length - 1, at < 0 && Number.isFinite(by) ? 0 : at + by))]?.id ?? openId);
  };
  const leave = (): void => {
    if (openId !== undefined) setOpenId(undefined);
    else if (app.state.place.route) app.go({ view: "requests" });
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
    Enter: move(0),
    Escape: leave,
    p: onPause,
  });
}
