/** The public edges of a cluster as people read them: each EdgeNode, its uplinks and its ports, a state first and below it what is wrong. */

import { bold, dim, type Line, line, red, yellow } from "#base/text.ts";
import type { Tone } from "#base/tone.ts";
import {
  gap,
  messageLine,
  type PlaceLayout,
  placeLayout,
  problemIndent,
  problemLines,
  stateIndent,
  stateLines,
} from "#cli/screen/state-lines.ts";
import { formatName, type ObjectName } from "#expose/resources/read-objects.ts";
import type { EdgeReport, NodeReport, PortBindingReport, Reported, ReportState, UplinkReport } from "#operator/status/edge-report.ts";
import { nextSteps } from "./edge-next-steps.ts";

interface Mark {
  readonly glyph: string;
  readonly tone: Tone;
}

const marks: Readonly<Record<ReportState | UplinkState, Mark>> = {
  ready: { glyph: "●", tone: "green" },
  pending: { glyph: "◐", tone: "yellow" },
  failed: { glyph: "✗", tone: "red" },
  unknown: { glyph: "?", tone: "yellow" },
  deleting: { glyph: "◌", tone: "dim" },
  up: { glyph: "●", tone: "green" },
  silent: { glyph: "✗", tone: "red" },
  absent: { glyph: "○", tone: "dim" },
};

type UplinkState = "up" | "silent" | "absent" | "unknown";

/** WireGuard agrees on keys every two minutes while packets pass, which probes do; after three its keys count for nothing. */
const silentSeconds = 180;

/** `columns` is what there is room for. */
export function edgeStatusLines({ nodes, portBindings }: EdgeReport, columns: number): Line[] {
  const blocks = [
    ...nodes.map((node) => nodeLines(node, columns)),
    ...(portBindings.length > 0 ? [orphanLines(portBindings, columns)] : []),
  ];
  return blocks.flatMap((block, index) => (index === 0 ? block : [line(""), ...block]));
}

interface Row {
  readonly state: ReportState | UplinkState;
  readonly place: string;
  readonly target: string;
  readonly facts: string;
  readonly problem?: { readonly said: Reported; readonly hints: readonly string[] };
}

function nodeLines(node: NodeReport, columns: number): Line[] {
  const { address = "", transport, tunnelPort } = node;
  const tunnel = transport === undefined ? "" : `${transport} on ${tunnelPort}/${transport === "wireguard" ? "UDP" : "TCP"}`;
  const rows: Row[] = [
    { state: node.state, place: "host", target: address, facts: tunnel, ...problemOf(node, nextSteps("EdgeNode", node, node)) },
    ...node.uplinks.map((uplink) => uplinkRow(uplink, node)),
    ...node.portBindings.flatMap((each) => bindingRows(each, node)),
  ];
  return [heading(`EdgeNode ${formatName(node)}`), ...rowLines(rows, columns), ...wholeLines(node.portBindings)];
}

function orphanLines(portBindings: readonly PortBindingReport[], columns: number): Line[] {
  const rows = portBindings.flatMap((each) => bindingRows(each, undefined));
  return [heading("without an EdgeNode"), ...rowLines(rows, columns), ...wholeLines(portBindings)];
}

const heading = (text: string): Line => line([bold(text)], stateIndent);

function problemOf(said: Reported, hints: readonly string[]): Pick<Row, "problem"> {
  return said.state === "ready" ? {} : { problem: { said, hints } };
}

function uplinkRow(uplink: UplinkReport, node: NodeReport): Row {
  const { ordinal, tunnelIP, ageSeconds } = uplink;
  const since = node.transport === "tls" ? "connected" : "handshake";
  const facts =
    ageSeconds === undefined ? `no ${since === "connected" ? "connection" : since} yet` : `${since} ${spanText(ageSeconds)} ago`;
  return { state: uplinkState(uplink, node), place: `uplink ${ordinal}`, target: tunnelIP, facts };
}

/** In the largest unit that fits, short enough to stand in a column. */
export function spanText(seconds: number): string {
  const [unit, word] = (
    [
      [86_400, "d"],
      [3600, "h"],
      [60, "min"],
    ] as const
  ).find(([each]) => seconds >= 2 * each) ?? [1, "s"];
  return `${Math.floor(seconds / unit)} ${word}`;
}

function uplinkState({ ageSeconds }: UplinkReport, { state, transport }: NodeReport): UplinkState {
  if (ageSeconds === undefined) return "absent";
  if (state === "unknown") return "unknown";
  return transport === "wireguard" && ageSeconds > silentSeconds ? "silent" : "up";
}

function bindingRows({ namespace, name, bindings }: PortBindingReport, node: NodeReport | undefined): Row[] {
  const object: ObjectName = { namespace, name };
  const shown = node?.namespace === namespace ? name : formatName(object);
  return bindings.map((binding) => ({
    state: binding.state,
    place: binding.port ?? "?",
    target: binding.target ?? "?",
    facts: `${shown}/${binding.name}`,
    ...problemOf(binding, nextSteps("PortBinding", object, binding, node)),
  }));
}

/** What is wrong with several is said at the first; the others name it. */
function rowLines(rows: readonly Row[], columns: number): Line[] {
  const layout: PlaceLayout = placeLayout(rows, columns);
  const first = new Map<string, Row>();
  for (const row of rows) {
    const message = row.problem?.said.message ?? "";
    if (message !== "" && !first.has(message)) first.set(message, row);
  }
  return rows.flatMap((row) => {
    const { state, place, target, facts, problem } = row;
    const lines = stateLines({ state: { ...marks[state], word: state }, place, target, facts }, layout);
    if (problem === undefined) return lines;
    const { said, hints } = problem;
    const paint = said.state === "failed" ? red : yellow;
    const other = first.get(said.message);
    if (other !== undefined && other !== row) return [...lines, messageLine(`as ${other.place}`, problemIndent, paint)];
    const text = [said.reason, said.message].filter((part) => part !== "").join(": ");
    return [...lines, ...(text === "" ? [] : problemLines(text, hints, problemIndent, paint))];
  });
}

/** Of those without a binding that could say it. */
function wholeLines(portBindings: readonly PortBindingReport[]): Line[] {
  return portBindings
    .filter(({ state, bindings }) => state !== "ready" && bindings.every((each) => each.state === "ready"))
    .map((each) =>
      line(
        [" ".repeat(stateIndent), `PortBinding ${formatName(each)}`, gap, dim(`${each.state}: ${each.message || each.reason}`)],
        problemIndent,
      ),
    );
}
