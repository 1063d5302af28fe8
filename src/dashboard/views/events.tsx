/** What happened, latest first: tunnels, pods, profiles, listeners, refusals. */

import { useEffect, useState } from "preact/hooks";
import { printable } from "#base/printable.ts";
import { timeOfDay } from "#base/time-of-day.ts";
import type { LogEntry } from "#control/api.ts";
import { follow } from "#dashboard/hub/follow.ts";
import { Chips, Empty, Search } from "#dashboard/ui/parts.tsx";

const keptEvents = 1000;
const levels = ["all", "warnings", "errors"] as const;
type Level = (typeof levels)[number];

interface ListedEvent extends LogEntry {
  readonly id: number;
}

export function EventsView() {
  const [filter, setFilter] = useState("");
  const [level, setLevel] = useState<Level>("all");
  const { events, hasGap } = useEvents();
  const words = filter.toLowerCase().split(/\s+/);
  const shown = events.filter((each) => isOf(each, level) && words.every((word) => textOf(each).includes(word)));
  return (
    <section class="pane" aria-label="Events">
      <div class="bar">
        <Search value={filter} label="Search events" onInput={setFilter} />
        <Chips
          label="How bad"
          all={levels}
          chosen={level}
          onChoose={setLevel}
          textOf={(each) => `${each[0]?.toUpperCase()}${each.slice(1)}`}
        />
        {hasGap && <span class="dim">some were missed while kt was out of reach</span>}
      </div>
      <div class="content" tabIndex={0} role="log" aria-label="Events, latest first" aria-live="off">
        {shown.length === 0 ? (
          <Empty title={events.length === 0 ? "Nothing has happened yet" : "No event matches"} />
        ) : (
          <ol class="events">
            {shown.map((event) => (
              <EventLine key={event.id} event={event} />
            ))}
          </ol>
        )}
      </div>
    </section>
  );
}

function EventLine({ event: { atMs, level, route, text } }: { readonly event: LogEntry }) {
  const tone = level === "error" ? "red" : level === "warn" ? "yellow" : "dim";
  return (
    <li>
      <time class="dim">{timeOfDay(atMs)}</time>
      <span class={`level ${tone}`}>{level}</span>
      <span class="text">
        {route !== undefined && <strong>{printable(route)} </strong>}
        {printable(text)}
      </span>
    </li>
  );
}

const textOf = ({ route = "", text, level }: LogEntry): string => `${level} ${route} ${text}`.toLowerCase();

function isOf({ level: own }: LogEntry, level: Level): boolean {
  return level === "all" || own === "error" || (level === "warnings" && own === "warn");
}

interface Events {
  readonly events: readonly ListedEvent[];
  readonly hasGap: boolean;
}

/** Those that were there and those that come; they are drawn together once a frame. */
function useEvents(): Events {
  const [state, setState] = useState<Events>({ events: [], hasGap: false });
  useEffect(() => {
    let nextId = 0;
    let waiting: ListedEvent[] = [];
    const flush = (): void => {
      const added = waiting.reverse();
      waiting = [];
      setState(({ events, hasGap }) => ({ hasGap, events: [...added, ...events].slice(0, keptEvents) }));
    };
    return follow(
      "events",
      {},
      {
        onEvent: ({ type, data }) => {
          if (type === "gap") return setState(({ events }) => ({ events, hasGap: true }));
          waiting.push({ ...(JSON.parse(data) as LogEntry), id: nextId++ });
          if (waiting.length === 1) requestAnimationFrame(flush);
          return undefined;
        },
        onLost: () => {},
      },
    );
  }, []);
  return state;
}
