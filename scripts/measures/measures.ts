/** The measures of the house, from the smallest scale to the largest, and the table that docs/architecture.md shows. */

import type { Commit } from "./history.ts";
import { circleIn, edgesBetween, roomOf } from "./house.ts";
import type { ParsedClass, ParsedFile } from "./parse.ts";
import { avoidedIn } from "./plain-words.ts";

export interface Spread {
  readonly median: number;
  readonly p90: number;
  readonly max: number;
}

export interface Measures {
  readonly fileLines: Spread;
  readonly functionLines: Spread;
  readonly filesPerFolder: Spread;
  readonly fieldsPerClass: Spread;
  readonly booleansPerClass: Spread;
  readonly testPerCode: number;
  readonly avoidedPerThousandWords: number;
  readonly largestRoom: { readonly name: string; readonly percent: number };
  /** Names of rooms and of files, one after the other where there is one. */
  readonly circles: readonly string[];
}

export function measured(sources: readonly ParsedFile[], tests: readonly ParsedFile[]): Measures {
  const classes = sources.flatMap((source) => source.classes);
  const comments = sources.map((source) => source.comments).join("\n");
  return {
    fileLines: spreadOf(sources.map(({ lines }) => lines)),
    functionLines: spreadOf(sources.flatMap(({ functions }) => functions.map(({ lines }) => lines))),
    filesPerFolder: spreadOf([...counted(sources, folderOf).values()]),
    fieldsPerClass: spreadOf(classes.map(({ fields }) => fields)),
    booleansPerClass: spreadOf(classes.map(({ booleans }) => booleans)),
    testPerCode: linesOf(tests) / linesOf(sources),
    avoidedPerThousandWords: (avoidedIn(comments).length * 1000) / wordsIn(comments),
    largestRoom: largestRoom(sources),
    circles: [...(circleIn(edgesBetween(sources, roomOf)) ?? []), ...(circleIn(edgesBetween(sources, (path) => path)) ?? [])],
  };
}

/** A class that passes a limit says why in its comment, in a sentence about its fields or its booleans. */
export function tooWide(sources: readonly ParsedFile[], most: { readonly fields: number; readonly booleans: number }): string[] {
  const because = (word: RegExp, { comment }: ParsedClass): boolean => word.test(comment);
  return sources.flatMap(({ path, classes }) =>
    classes.flatMap((each) => [
      ...(each.fields > most.fields && !because(/\bfields\b/i, each) ? [`${path}: ${each.name} has ${each.fields} fields`] : []),
      ...(each.booleans > most.booleans && !because(/\bbooleans\b/i, each) ? [`${path}: ${each.name} has ${each.booleans} booleans`] : []),
    ]),
  );
}

export function measuresTable(measures: Measures, history: readonly Commit[]): string {
  const rows: [string, string][] = [
    ["file: lines, median / p90 / max", formatSpread(measures.fileLines)],
    ["function: lines, median / p90 / max", formatSpread(measures.functionLines)],
    ["folder: files, median / p90 / max", formatSpread(measures.filesPerFolder)],
    ["class: fields, median / p90 / max", formatSpread(measures.fieldsPerClass)],
    ["class: boolean fields, median / p90 / max", formatSpread(measures.booleansPerClass)],
    ["lines of tests for a line of code", measures.testPerCode.toFixed(2)],
    ["words to avoid per 1,000 words of comments", measures.avoidedPerThousandWords.toFixed(1)],
    ["largest room, share of the lines", `\`${measures.largestRoom.name}\`, ${measures.largestRoom.percent.toFixed(1)} %`],
    ["circles of imports between rooms or files", measures.circles.length === 0 ? "none" : measures.circles.join(" → ")],
    ["commit: length of the subject, median / p90 / max", formatSpread(spreadOf(history.map(({ subject }) => subject.length)))],
    ["commits with a body", `${history.filter(({ hasBody }) => hasBody).length} of ${history.length}`],
  ];
  return ["| measure | kt |", "|---|---|", ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join("\n");
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { median: at(0.5), p90: at(0.9), max: at(1) };
}

function formatSpread({ median, p90, max }: Spread): string {
  return `${median} / ${p90} / ${max}`;
}

function linesOf(files: readonly ParsedFile[]): number {
  return files.reduce((sum, { lines }) => sum + lines, 0);
}

function wordsIn(text: string): number {
  return text.match(/[\p{L}\p{N}][\p{L}\p{N}'’-]*/gu)?.length ?? 0;
}

function folderOf(source: ParsedFile): string {
  return source.path.slice(0, source.path.lastIndexOf("/"));
}

function counted(
  sources: readonly ParsedFile[],
  nameOf: (source: ParsedFile) => string,
  weight = (_: ParsedFile) => 1,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const source of sources) counts.set(nameOf(source), (counts.get(nameOf(source)) ?? 0) + weight(source));
  return counts;
}

function largestRoom(sources: readonly ParsedFile[]): { name: string; percent: number } {
  const shares = [
    ...counted(
      sources,
      ({ path }) => roomOf(path) ?? "main",
      ({ lines }) => lines,
    ),
  ].toSorted(([, a], [, b]) => b - a);
  const [name = "", lines = 0] = shares[0] ?? [];
  return { name, percent: (lines * 100) / linesOf(sources) };
}
