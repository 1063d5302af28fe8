/** What the front door answers under its own names: the routes there are, live, and what each error code means. Pure. */

import docs from "#docs/troubleshooting.md" with { type: "text" };
import { printable, printableJson } from "#base/printable.ts";
import type { Problem } from "#observe/events.ts";
import { escapeHtml, htmlPage, linked } from "./html.ts";
import { isIndexName } from "./index-names.ts";
import { type Answer, type AnswerForm, formOf, ownAnswer } from "./refusal.ts";

/** A route as the index shows it. */
export interface ShownRoute {
  readonly kind: "http" | "pattern" | "tcp" | "udp" | "dynamic" | "forward" | "reverse";
  readonly name: string;
  /** A URL, or `host:port`. */
  readonly url: string;
  readonly target: string;
  readonly state: string;
  readonly problem?: Problem | undefined;
}

export interface ShownProfile {
  readonly name: string;
  readonly routes: readonly ShownRoute[];
}

export interface OwnRequest {
  readonly host: string;
  readonly method: string;
  /** The path, with its query. */
  readonly target: string;
  readonly accept: string | undefined;
}

/** The answer to a request that no route is for; undefined when it is not for us either. */
export function ownPage({ host, method, target, accept }: OwnRequest, profiles: () => readonly ShownProfile[]): Answer | undefined {
  if (!isIndexName(host) || (method !== "GET" && method !== "HEAD")) return undefined;
  const path = target.replace(/[?#].*$/, "");
  const form = formOf(accept);
  if (path === "/") return indexPage(profiles(), form);
  // Browsers ask by themselves: that there is none is nothing to log.
  if (path === "/favicon.ico") return ownAnswer(404, "text", "");
  return /^\/errors\/[a-z0-9-]{1,40}$/.test(path) ? codePage(path.slice("/errors/".length), form) : undefined;
}

/** How often an open index looks again. */
const refreshSeconds = 5;

function indexPage(profiles: readonly ShownProfile[], form: AnswerForm): Answer {
  switch (form) {
    case "html":
      return ownAnswer(200, form, htmlPage({ title: "kt · routes", body: indexHtml(profiles), refreshSeconds }));
    case "json":
      return ownAnswer(200, form, `${printableJson({ profiles: profiles.map(shown) }, 2)}\n`);
    case "text":
      return ownAnswer(200, form, indexText(profiles));
  }
}

/** Exactly what is meant to be seen, and nothing else that the hub knows of a route. */
function shown({ name, routes }: ShownProfile): ShownProfile {
  return {
    name,
    routes: routes.map(({ kind, name: route, url, target, state, problem }) => {
      const told = problem && { code: problem.code, message: problem.message, hints: problem.hints };
      return { kind, name: route, url, target, state, problem: told };
    }),
  };
}

const nothing = "no profile is attached: run kt up in a folder with a tunnels.toml";

function indexText(profiles: readonly ShownProfile[]): string {
  const lines = profiles.flatMap(({ name, routes }) => {
    const widest = Math.max(0, ...routes.map(({ url }) => url.length));
    return [printable(name), ...routes.flatMap((route) => routeText(route, widest))];
  });
  return `${(lines.length === 0 ? [nothing] : lines).join("\n")}\n`;
}

function routeText({ state, url, target, problem }: ShownRoute, width: number): string[] {
  const line = `  ${state.padEnd(8)}  ${printable(url).padEnd(width)}  ${printable(target)}`;
  return problem === undefined ? [line] : [line, `            ${printable(problem.message)}`];
}

function indexHtml(profiles: readonly ShownProfile[]): string {
  const lists = profiles.map(({ name, routes }) => {
    const items = routes.length === 0 ? "<p>no routes</p>" : `<ul class="routes">\n${routes.map(routeHtml).join("\n")}\n</ul>`;
    return `<h2>${escapeHtml(name)}</h2>\n${items}`;
  });
  return `<h1>Routes</h1>\n${lists.length === 0 ? `<p>${escapeHtml(nothing)}</p>` : lists.join("\n")}\n<footer>kt · looks again every ${refreshSeconds} s</footer>`;
}

const stateClasses: Readonly<Record<string, string>> = { running: "good", failed: "bad", blocked: "bad", conflict: "bad" };
const stateGlyphs: Readonly<Record<string, string>> = { running: "●", failed: "✗", blocked: "✗", conflict: "✗", starting: "◌" };

function routeHtml({ kind, url, name, target, state, problem }: ShownRoute): string {
  const isLink = (kind === "http" || kind === "dynamic") && /^https?:\/\//.test(url);
  const place = isLink
    ? `<a href="${escapeHtml(url)}">${escapeHtml(name)}</a>`
    : escapeHtml(kind === "tcp" || kind === "udp" || kind === "forward" ? url : name);
  const words = `${stateGlyphs[state] ?? "○"} ${escapeHtml(state)}`;
  const why =
    problem &&
    `<p class="problem">${linked(problem.message)} <a href="/errors/${escapeHtml(problem.code)}">${escapeHtml(problem.code)}</a></p>`;
  const where = `${place} <span class="target">→ ${escapeHtml(target)}</span>${why ?? ""}`;
  return `<li><span class="state ${stateClasses[state] ?? "quiet"}">${words}</span><div>${where}</div></li>`;
}

/** A row of the tables of docs/troubleshooting.md. */
const row = /^\| `([a-z0-9-]+)` \| (.+) \| (.+) \|$/gm;

interface Explanation {
  readonly means: string;
  readonly todo: string;
}

/** By code. Read when the first is asked for. */
let explanations: ReadonlyMap<string, Explanation> | undefined;

function explanationOf(code: string): Explanation | undefined {
  explanations ??= new Map(
    [...docs.matchAll(row)].map(([, each = "", means = "", todo = ""]) => [each, { means: plain(means), todo: plain(todo) }]),
  );
  return explanations.get(code);
}

/** Markdown of one table cell without its marks. */
function plain(markdown: string): string {
  return markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/[`*]/g, "");
}

function codePage(code: string, form: AnswerForm): Answer | undefined {
  const found = explanationOf(code);
  if (!found) return undefined;
  const { means, todo } = found;
  if (form === "json") return ownAnswer(200, form, `${printableJson({ code, means, todo })}\n`);
  if (form === "text") return ownAnswer(200, form, `${code}\n  ${means}\n  ${todo}\n`);
  const body = `<h1>${code}</h1>\n<p class="reason">${escapeHtml(means)}</p>\n<p>${escapeHtml(todo)}</p>\n<footer>kt · <a href="/">all routes</a></footer>`;
  return ownAnswer(200, form, htmlPage({ title: `kt · ${code}`, body }));
}
