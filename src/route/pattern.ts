/** Dynamic hostname patterns: parse, match, capture, and which of two is more specific. */

import { cut } from "#base/cut.ts";
import { KtError } from "#base/errors.ts";
import { normaliseHostname } from "#base/hostname.ts";
import { isCertainPort, parsePort } from "./port.ts";

/** What stood where the pattern has `{name}`. */
export type Captures = Readonly<Record<string, string>>;

export type PatternMatch =
  | { readonly kind: "match"; readonly captures: Captures }
  /** The name can be read in more than one way; a reading without `port` took the whole label for the name. */
  | { readonly kind: "unclear"; readonly readings: readonly Captures[] };

type Part = { readonly literal: string } | { readonly capture: string };
type Label = readonly Part[];

const captureText = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/** A hostname has 253 characters, and the names of captures a few more. */
const longestPattern = 1000;

/** More readings than this are not shown. */
const readingsShown = 4;

function refuse(text: string, why: string, hint: string): never {
  throw new KtError("profile-invalid", `pattern "${text}" ${why}`, { hints: [hint] });
}

/** What other tools write with stars, with captures in their place; undefined for a text without. */
export function starsAsCaptures(text: string): string | undefined {
  const names = ["service", "namespace", "port"];
  return text.includes("*") ? text.replaceAll(/\*+/g, () => `{${names.shift() ?? "name"}}`) : undefined;
}

function isCapture(part: Part): part is { readonly capture: string } {
  return "capture" in part;
}

function parseLabel(text: string, whole: string): Label {
  const parts: Part[] = [];
  for (const match of text.matchAll(/\{([a-z][a-z0-9_]*)\}|([^{}]+)|[{}]/g)) {
    const [token, capture, literal] = match;
    if (literal !== undefined) parts.push({ literal });
    else if (capture === undefined) refuse(whole, `has a stray "${token}"`, "a capture is written {name}, in lower case");
    else if (parts.length > 0 && isCapture(parts[parts.length - 1] as Part)) {
      refuse(whole, `has nothing between {${capture}} and the capture before it`, "put a dash or a dot between them");
    } else parts.push({ capture });
  }
  const captures = parts.filter(isCapture).length;
  if (captures > 2) refuse(whole, "has more than two captures between two dots", "put a dot between them");
  return parts;
}

/** Every way to read `text` as `parts`, the one with the longest first capture first. */
function readLabel(parts: Label, text: string): Captures[] {
  const [first, ...rest] = parts;
  if (first === undefined) return text === "" ? [{}] : [];
  if (!isCapture(first)) return text.startsWith(first.literal) ? readLabel(rest, text.slice(first.literal.length)) : [];
  const found: Captures[] = [];
  for (let end = text.length; end > 0; end--) {
    const value = text.slice(0, end);
    if (!captureText.test(value)) continue;
    for (const others of readLabel(rest, text.slice(end))) found.push({ [first.capture]: value, ...others });
  }
  return found;
}

interface LabelReadings {
  readonly certain: boolean;
  readonly readings: readonly Captures[];
}

/**
 * Reads a label in which `{port}` stands beside another capture. The port is what follows the last dash, as long as that can only
 * be a port; otherwise the name is unclear, since it might as well be a name whose port was forgotten. A single dash before a
 * word leaves one way to read what was written, and that is taken: a user who forgot the port reads that there is no such service.
 */
function readNameAndPort(parts: Label, text: string): LabelReadings {
  const splits = readLabel(parts, text);
  const all = splits.filter((reading) => parsePort(reading["port"] ?? "") !== undefined);
  const certain = all.filter((reading) => isCertainPort(reading["port"] ?? ""));
  if (certain.length === 1 || all.length === 0) return { certain: true, readings: certain };
  const [only] = splits.length === 1 ? all : [];
  if (only && /^[a-z0-9]*[a-z][a-z0-9]*$/.test(only["port"] ?? "")) return { certain: true, readings: [only] };
  const name = parts.find((part) => isCapture(part) && part.capture !== "port");
  const forgotten = name !== undefined && isCapture(name) ? [{ [name.capture]: text }] : [];
  return { certain: false, readings: [...all, ...forgotten] };
}

function read(parts: Label, text: string): LabelReadings {
  const captures = parts.filter(isCapture).map((part) => part.capture);
  if (captures.includes("port")) {
    if (captures.length > 1) return readNameAndPort(parts, text);
    return { certain: true, readings: readLabel(parts, text).filter((reading) => parsePort(reading["port"] ?? "") !== undefined) };
  }
  const readings = readLabel(parts, text);
  return { certain: readings.length <= 1, readings };
}

/** 0: all literal, 1: a capture beside literals, 2: nothing literal. */
function looseness(label: Label): number {
  if (!label.some(isCapture)) return 0;
  return label.some((part) => !isCapture(part)) ? 1 : 2;
}

function literalLength(label: Label): number {
  return label.reduce((sum, part) => sum + (isCapture(part) ? 0 : part.literal.length), 0);
}

/** A pattern such as `{service}.{namespace}.shop.localhost` or `{service}-dev.localhost`. Immutable. */
export class HostPattern {
  /** Lower case, without a trailing dot. */
  readonly text: string;
  /** The names of the captures, in order. */
  readonly captures: readonly string[];
  readonly #labels: readonly Label[];
  /** What every matching name ends with: a quick way to say no. */
  readonly #ending: string;

  private constructor(text: string, labels: readonly Label[]) {
    this.text = text;
    this.#labels = labels;
    this.captures = labels
      .flat()
      .filter(isCapture)
      .map((part) => part.capture);
    this.#ending = text.slice(text.lastIndexOf("}") + 1);
  }

  /** Throws KtError `profile-invalid` for a text that is not a valid pattern. */
  static parse(text: string): HostPattern {
    if (text.length > longestPattern) refuse(cut(text, 40), "is longer than any hostname", "a hostname has 253 characters at most");
    const captured = starsAsCaptures(text);
    if (captured !== undefined) refuse(text, "has a star, which stands for nothing here", `write "${captured}": a capture has a name`);
    if (/\{[^}]*[A-Z]/.test(text)) refuse(text, "has capitals in a capture", "a capture is written {name}, in lower case");
    const lower = text.toLowerCase().replace(/\.$/, "");
    const labels = lower.split(".").map((label) => parseLabel(label, text));
    const names = labels
      .flat()
      .filter(isCapture)
      .map((part) => part.capture);
    if (names.length === 0) refuse(text, "captures nothing", "a name without {captures} belongs in [routes]");
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) refuse(text, `has {${twice}} twice`, "give each capture a name of its own");
    if (normaliseHostname(lower.replaceAll(/\{[a-z0-9_]+\}/g, "x")) === undefined) {
      refuse(text, "would make names that are not valid hostnames", "letters, digits and dashes between dots, without a port");
    }
    return new HostPattern(lower, labels);
  }

  /** The pattern with its captures unnamed: equal shapes match the same names. */
  get shape(): string {
    return this.text.replaceAll(/\{[a-z0-9_]+\}/g, "{}");
  }

  /** Holds a normalised hostname against the pattern; undefined when it does not match. */
  match(host: string): PatternMatch | undefined {
    if (!host.endsWith(this.#ending)) return undefined;
    const texts = host.split(".");
    if (texts.length !== this.#labels.length) return undefined;
    const found: LabelReadings[] = [];
    for (const [index, label] of this.#labels.entries()) {
      const readings = read(label, texts[index] ?? "");
      if (readings.readings.length === 0) return undefined;
      found.push(readings);
    }
    const [only = {}] = combinations(found, 1);
    if (found.every(({ certain }) => certain)) return { kind: "match", captures: only };
    return { kind: "unclear", readings: shownCombinations(found) };
  }

  /**
   * Negative when this pattern is more specific than `other`: from the right, the first label that differs decides, and a literal
   * goes before a part of one, and that before a capture alone. Zero when neither is.
   */
  compare(other: HostPattern): number {
    const count = Math.max(this.#labels.length, other.#labels.length);
    for (let back = 1; back <= count; back++) {
      const [mine, theirs] = [this.#labels.at(-back), other.#labels.at(-back)];
      if (mine === undefined || theirs === undefined) return mine === undefined ? 1 : -1;
      const difference = looseness(mine) - looseness(theirs) || literalLength(theirs) - literalLength(mine);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** The name that these captures would have come from. Every capture must be given. */
  fill(captures: Captures): string {
    return fillText(this.text, captures);
  }
}

/** The first ways to read the whole name, `count` at most: labels that can each be read in a few ways make millions together. */
function combinations(labels: readonly LabelReadings[], count: number): Captures[] {
  let combined: Captures[] = [{}];
  for (const { readings } of labels) {
    combined = combined.flatMap((before) => readings.slice(0, count).map((captures) => ({ ...before, ...captures }))).slice(0, count);
  }
  return combined;
}

/** All of them where they are few, else the first ones and the last. */
function shownCombinations(labels: readonly LabelReadings[]): readonly Captures[] {
  const first = combinations(labels, readingsShown + 1);
  if (first.length <= readingsShown) return first;
  const last = Object.assign({}, ...labels.map(({ readings }) => readings.at(-1))) as Captures;
  return [...first.slice(0, readingsShown - 1), last];
}

/** Puts captures where the text has `{name}`; a name that is not captured stays. */
export function fillText(text: string, captures: Captures): string {
  return text.replaceAll(/\{([a-z0-9_]+)\}/g, (whole, name: string) => captures[name] ?? whole);
}
