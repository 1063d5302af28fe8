/** One route with all that is known of it: where it leads, its pods, what is wrong, its requests and events. Pure. */

import { formatBytes } from "#base/bytes-text.ts";
import { bold, cyan, dim, line, type Paint, red, type Span, type Text, yellow } from "#base/text.ts";
import { timeOfDay } from "#base/time-of-day.ts";
import { wrapped } from "#base/wrap.ts";
import type { PodStatus, RequestEntry, RouteStatus } from "#control/api.ts";
import type { Detail } from "#tui/model/detail.ts";
import { entryText } from "#tui/model/entry-text.ts";
import { bodyRows, type Model } from "#tui/model/model.ts";
import type { KnownPods } from "#tui/model/pods.ts";
import type { RouteRow } from "#tui/model/rows.ts";
import { cell } from "./cells.ts";
import { blank, type Picture, row } from "./picture.ts";
import { rate } from "./rate.ts";
import { sparkline } from "./sparkline.ts";
import { stateMarks } from "./state-marks.ts";

const labelWidth = 13;
const sparkColumns = 60;

export function detailPicture(model: Model, detail: Detail): Picture {
  const { columns } = model.size;
  const found = model.rows.all.find(({ key }) => key === detail.key);
  const rows = found === undefined ? [[dim("it is not attached any more")]] : rowsOf(found, detail, model);
  const room = bodyRows(model) + 1;
  const top = Math.max(0, Math.min(detail.top, rows.length - room));
  const shown = rows.slice(top, top + room).map((spans) => row([" ", spans], columns));
  return [...shown, ...Array.from({ length: room - shown.length }, () => blank(columns))];
}

function rowsOf({ profile, route, key }: RouteRow, detail: Detail, { pods, sparks, size }: Model): readonly (readonly Span[])[] {
  const facts = [...placeFacts(route, profile.name, profile.profile), ...trafficFacts(route, sparks.get(key))];
  const texts: Text[] = [
    titleOf(route),
    "",
    ...facts.map(([label, value]): Text => [cell(dim(label), labelWidth), value]),
    ...problemTexts(route),
    "",
    ...podTexts(pods),
    ...entryTexts("Requests", detail.requests, requestText),
    ...entryTexts("Events", detail.events, (entry) => entryText(entry, false)),
  ];
  return texts.flatMap((text) => wrapped(line(text, labelWidth), Math.max(1, size.columns - 1)));
}

function titleOf({ name, state }: RouteStatus): Text {
  const { glyph, tone } = stateMarks[state];
  return [bold(name), "  ", { text: `${glyph} ${state}`, tone }];
}

type Fact = readonly [label: string, value: Text];

function placeFacts({ url, address, target, context }: RouteStatus, name: string, file: string): Fact[] {
  return [
    ["address", [cyan(url), address === undefined ? "" : dim(` also at ${address}`)]],
    ["target", [target, context === undefined ? "" : dim(` in context ${context}`)]],
    ["profile", [name, dim(` ${file}`)]],
  ];
}

function trafficFacts(route: RouteStatus, spark: readonly number[] | undefined): Fact[] {
  const { openConnections, totalConnections, failures, requests, responses = {}, receivedBytes, sentBytes, perSecond } = route;
  const classes = Object.entries(responses).map(([name, count]) => `${count} ${name}`);
  const now =
    perSecond &&
    `${rate(perSecond.requests)} requests/s  ↓ ${formatBytes(perSecond.receivedBytes)}/s  ↑ ${formatBytes(perSecond.sentBytes)}/s`;
  return [
    ["connections", `${openConnections} open, ${totalConnections} in all, ${failures} failures`],
    ["requests", [String(requests), classes.length === 0 ? "" : dim(` (${classes.join(", ")})`)]],
    ["bytes", `↓ ${formatBytes(receivedBytes)}  ↑ ${formatBytes(sentBytes)}`],
    ...(now === undefined ? [] : [["now", now] as const]),
    ...(spark === undefined ? [] : [["last minute", cyan(sparkline(spark, sparkColumns))] as const]),
  ];
}

function problemTexts({ problem, lastProblem }: RouteStatus): Text[] {
  if (problem) return ["", [cell(red("problem"), labelWidth), red(problem.message)], ...hintTexts(problem.hints)];
  if (!lastProblem) return [];
  return [
    "",
    [cell(dim("last error"), labelWidth), `at ${timeOfDay(lastProblem.atMs)}: ${lastProblem.message}`],
    ...hintTexts(lastProblem.hints),
  ];
}

function hintTexts(hints: readonly string[]): Text[] {
  return hints.map((hint) => [cell(dim("hint"), labelWidth), cyan(hint)]);
}

const podTones: Readonly<Record<PodStatus["state"], Span["tone"]>> = { ready: "green", coming: "yellow", stuck: "red", gone: "dim" };

function podTexts(pods: KnownPods): Text[] {
  if (pods === undefined) return [[bold("Pods"), dim("  asking the cluster")], ""];
  if ("problem" in pods) return [bold("Pods"), ["  ", yellow(pods.problem)], ""];
  if (pods.pods.length === 0) return [[bold("Pods"), dim("  there is none")], ""];
  return [bold("Pods"), ...pods.pods.map(podText), ""];
}

function podText({ name, state, says, restarts, containers }: PodStatus): Text {
  const paint: Paint = (text) => ({ text, ...(podTones[state] && { tone: podTones[state] }) });
  const count = restarts === 0 ? [] : [`${restarts} restart${restarts === 1 ? "" : "s"}`];
  return [
    "  ",
    paint(state === "ready" ? "●" : "✗"),
    " ",
    name,
    " ",
    paint(says),
    dim(` · ${[...count, containers.join(", ")].join(" · ")}`),
  ];
}

function entryTexts<Entry>(title: string, entries: readonly Entry[], textOf: (entry: Entry) => Text): Text[] {
  return entries.length === 0 ? [] : [bold(title), ...entries.map((entry): Text => ["  ", textOf(entry)]), ""];
}

const failedClass = 500;

/** Method, status and path stand in columns; the path is for the one who looks at it, and in no log. */
function requestText({ atMs, method, path, status, durationMs, receivedBytes }: RequestEntry): Text {
  const shown = status === undefined ? "left" : String(status);
  const isBad = status === undefined || status >= failedClass;
  const numbers = [cell(`${durationMs.toFixed(durationMs < 10 ? 1 : 0)} ms`, 9, "right"), cell(formatBytes(receivedBytes), 9, "right")];
  return [dim(timeOfDay(atMs)), " ", cell(method, 7), " ", cell(isBad ? red(shown) : shown, 4), numbers, "  ", path];
}
