/** The whole page: the bar with its views and whether it is live, what is wrong with that, and the view. */

import { printable } from "#base/printable.ts";
import type { App } from "#dashboard/state/app.ts";
import { type View, views } from "./model/place.ts";
import { useKeys } from "./ui/keys.ts";
import { Copyable } from "./ui/parts.tsx";
import { EventsView } from "./views/events.tsx";
import { ExplainView } from "./views/explain.tsx";
import { HealthView } from "./views/health.tsx";
import { Help } from "./views/help.tsx";
import { RequestsView } from "./views/requests/requests.tsx";
import { RoutesView } from "./views/routes/routes.tsx";

const titles: Readonly<Record<View, string>> = {
  routes: "Routes",
  requests: "Requests",
  events: "Events",
  health: "Health",
  explain: "Explain",
};

export function Dashboard({ app }: { readonly app: App }) {
  const { link, snapshot, isHelpOpen, notice, place } = app.state;
  useKeys("page", {
    ...Object.fromEntries(views.map((view, at) => [String(at + 1), () => app.go({ view })])),
    "/": () => document.getElementById("search")?.focus(),
    "?": () => app.set({ isHelpOpen: true }),
    L: () => app.go({ view: "events" }),
  });
  return (
    <>
      <TopBar app={app} />
      {link.kind === "lost" && <Lost app={app} />}
      <main class={link.kind === "lost" && snapshot ? "stale" : ""} aria-label={titles[place.view]}>
        {(snapshot || link.kind !== "lost") && <Shown app={app} />}
      </main>
      {isHelpOpen && <Help app={app} />}
      <div class={`notice${notice ? " there" : ""}${notice?.isBad ? " bad" : ""}`} role="status">
        {notice && printable(notice.text)}
      </div>
    </>
  );
}

function Shown({ app }: { readonly app: App }) {
  switch (app.state.place.view) {
    case "routes":
      return <RoutesView app={app} />;
    case "requests":
      return <RequestsView app={app} />;
    case "events":
      return <EventsView />;
    case "health":
      return <HealthView app={app} />;
    case "explain":
      return <ExplainView app={app} />;
  }
}

function TopBar({ app }: { readonly app: App }) {
  const { place, listed, link } = app.state;
  const { failed } = listed.counts;
  return (
    <header class="top">
      <h1>kt</h1>
      <nav aria-label="Views">
        {views.map((view) => (
          <a key={view} href={`#${view}`} aria-current={place.view === view ? "page" : undefined}>
            {titles[view]}
            {view === "health" && failed > 0 && (
              <span class="badge">
                {failed}
                <span class="hidden"> failed</span>
              </span>
            )}
          </a>
        ))}
      </nav>
      <span class={`live ${link.kind}`}>{link.kind === "live" ? "● live" : link.kind === "lost" ? "○ lost" : "○ connecting"}</span>
      <button type="button" class="quiet help" aria-label="Keys" onClick={() => app.set({ isHelpOpen: true })}>
        <kbd>?</kbd>
      </button>
    </header>
  );
}

/** What is shown is not true any more, or was never there; the page goes on by itself once it is signed in. */
function Lost({ app }: { readonly app: App }) {
  const { link, snapshot } = app.state;
  if (link.kind !== "lost") return null;
  const { code, message, hints } = link.error;
  const isSignedOut = code === "token-required";
  const words = isSignedOut && snapshot ? "kt was started anew, and this page is not signed in to it." : `${sentence(message)}.`;
  return (
    <div class="lost" role="alert">
      <p>
        <strong>{printable(words)}</strong>{" "}
        {isSignedOut ? "This signs your browser in, and this page goes on by itself:" : "This page goes on by itself once kt runs again:"}
      </p>
      {hints.map((hint) => (
        <Copyable key={hint} text={hint} onCopied={(text) => app.notify(`copied ${text}`)} />
      ))}
      {isSignedOut && !snapshot && <p class="dim">The dashboard is for the user who runs kt. A sign-in lasts until kt ends.</p>}
    </div>
  );
}

function sentence(text: string): string {
  return `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}`;
}
