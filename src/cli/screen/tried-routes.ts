/** Shows which routes lead to a pod, and why the others do not. */

import type { TriedRoute } from "#doctor/try-routes.ts";
import type { Plan } from "#profile/values/plan.ts";
import { hintLine } from "./hint.ts";
import type { Output } from "./output.ts";
import { bold, cyan, green, line, padded, red, widthOf } from "#base/text.ts";

/** Of the columns of a terminal; what has a longer name begins below it. */
const nameShare = 0.4;

export function showTried(tried: readonly TriedRoute[], plan: Plan, output: Output): void {
  const room = Math.floor(output.columns * nameShare);
  const indent = Math.max(0, ...tried.map(({ name }) => widthOf(name) + 4).filter((width) => width <= room)) || 4;
  for (const { name, target, result } of tried) {
    const isBroken = "problem" in result;
    const text = isBroken ? result.problem.message : reachedText(result);
    const head = [isBroken ? red("✗") : green("✓"), " ", bold(name)];
    const verdict = `${target}: ${text}`;
    if (widthOf(head) < indent) output.line([padded(head, indent), verdict], indent);
    else output.lines([line(head, 2), line([" ".repeat(indent), verdict], indent)]);
    if (isBroken) output.lines(result.problem.hints.map((hint) => hintLine(hint, indent, cyan)));
  }
  output.note(triedSummary(tried, plan));
}

function reachedText(result: { readonly pod: string } | { readonly later: string }): string {
  return "pod" in result ? `pod "${result.pod}" answers` : result.later;
}

function triedSummary(tried: readonly TriedRoute[], plan: Plan): string {
  if (tried.length === 0) return `profile "${plan.name}" has no routes to try; kt explain HOST explains one of a pattern or a dynamic name`;
  const broken = tried.filter(({ result }) => "problem" in result).length;
  const count = `${tried.length} route${tried.length === 1 ? "" : "s"}`;
  return broken === 0 ? `${count}, and nothing is wrong` : `${count}, ${broken} broken`;
}
