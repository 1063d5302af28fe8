/** Reads the YAML of kubeconfig files as Go's library does: the first document only, and with the words of YAML 1.1. */

import {
  binaryTag,
  defineMappingTag,
  defineScalarTag,
  defineSequenceTag,
  FAILSAFE_SCHEMA,
  floatYaml11Tag,
  intYaml11Tag,
  loadAll,
  mapTag,
  mergeTag,
  NOT_RESOLVED,
  nullYaml11Tag,
  type ScalarTagDefinition,
  seqTag,
  YAMLException,
} from "js-yaml";
import { KtError } from "#base/errors.ts";
import { kubeLimits } from "#kube/limits.ts";

/** What is written without quotes and read as a number or a boolean: where a text is due, as it is written. */
export class Unquoted {
  readonly text: string;
  readonly value: number | boolean;

  constructor(text: string, value: number | boolean) {
    this.text = text;
    this.value = value;
  }
}

type Known = Pick<ScalarTagDefinition<number | boolean>, "tagName" | "resolve"> & {
  readonly implicitFirstChars?: readonly string[] | null;
};

function unquoted({ tagName, resolve, implicitFirstChars = null }: Known) {
  return defineScalarTag<Unquoted>(tagName, {
    implicit: true,
    implicitFirstChars,
    resolve(source, isExplicit, name) {
      const value = resolve(source, isExplicit, name);
      return value === NOT_RESOLVED ? NOT_RESOLVED : new Unquoted(source, value);
    },
    identify: () => false,
  });
}

const trueWord = /^(y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)$/;
const falseWord = /^(n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/;

const boolean: Known = {
  tagName: "tag:yaml.org,2002:bool",
  resolve: (source) => trueWord.test(source) || (falseWord.test(source) ? false : NOT_RESOLVED),
};

/** Texts in base64, as Go takes them: what they decode to. */
const binary = defineScalarTag<string>(binaryTag.tagName, {
  resolve(source, isExplicit, name) {
    const bytes = binaryTag.resolve(source, isExplicit, name);
    return bytes === NOT_RESOLVED ? NOT_RESOLVED : Buffer.from(bytes).toString("utf8");
  },
  identify: () => false,
});

const map = defineMappingTag<Record<string, unknown>>(mapTag.tagName, {
  ...mapTag,
  addPair: (into, key, value) => mapTag.addPair(into, key instanceof Unquoted ? key.text : key, value),
});

/** Tags of other tools' own say nothing here. */
const foreignTags = ["!", "tag:"].flatMap((tagName) => [
  defineScalarTag<string>(tagName, { matchByTagPrefix: true, resolve: (source) => source, identify: () => false }),
  defineSequenceTag<unknown[]>(tagName, { ...seqTag, matchByTagPrefix: true, identify: () => false }),
  defineMappingTag<Record<string, unknown>>(tagName, { ...map, matchByTagPrefix: true, identify: () => false }),
]);

const schema = FAILSAFE_SCHEMA.withTags(
  map,
  nullYaml11Tag,
  unquoted(boolean),
  unquoted(intYaml11Tag),
  unquoted(floatYaml11Tag),
  mergeTag,
  binary,
  ...foreignTags,
);

/** The line that begins another document, or ends this one. */
const documentEdge = /^(?:---|\.\.\.)(?=[ \t\r\n]|$)/gm;
/** Comments and directives, and the line that ends them. */
const prologue = /^(?:\uFEFF|[ \t]*(?:#.*)?(?:\r\n|\r|\n)|%.*(?:\r\n|\r|\n))*(?:---(?=[ \t\r\n]|$))?/;

function firstDocument(text: string): string {
  documentEdge.lastIndex = prologue.exec(text)?.[0].length ?? 0;
  const edge = documentEdge.exec(text);
  return edge ? text.slice(0, edge.index) : text;
}

/** Undefined for an empty document. Numbers and booleans come as `Unquoted`. Throws an Error that says what is wrong, and where. */
export function parseYaml(text: string): unknown {
  if (text.includes("\uFFFD")) throw new KtError("kubeconfig-unreadable", "it is neither UTF-8 nor UTF-16 text");
  const first = firstDocument(text);
  try {
    return parse(first);
  } catch (error) {
    // Go takes tabs between the words of a line, and this library not everywhere.
    const spaced = first.split("\n").map(withoutTabsInside).join("\n");
    if (spaced === first) throw error;
    return parse(spaced);
  }
}

/** Not those at a line's beginning: how far they would indent is not defined. */
function withoutTabsInside(line: string): string {
  const indentChars = line.length - line.trimStart().length;
  return line.slice(0, indentChars) + line.slice(indentChars).replaceAll("\t", " ");
}

/** Every document of a stream that is not empty, with the numbers and booleans themselves, as kubectl reads manifests. */
export function parseDocuments(text: string): unknown[] {
  return documentsOf(text)
    .filter((each) => each !== undefined && each !== null)
    .map(plainValue);
}

function parse(text: string): unknown {
  return documentsOf(text)[0] ?? undefined;
}

function documentsOf(text: string): unknown[] {
  try {
    return loadAll(text, { schema, json: true, maxDepth: kubeLimits.yamlDepth, maxAliases: kubeLimits.yamlAliases });
  } catch (error) {
    throw error instanceof YAMLException ? unquotedError(error) : error;
  }
}

/** The library quotes lines of the file. A stranger's profile may name any file as its kubeconfig, and others may read the error. */
function unquotedError({ reason, mark }: YAMLException): KtError {
  const where = mark === undefined || mark === null ? "" : ` (${mark.line + 1}:${mark.column + 1})`;
  return new KtError("kubeconfig-unreadable", `${reason.replaceAll(/[<"'][^\s<>"']*[>"']/g, "…")}${where}`);
}

/** With the numbers and booleans themselves. Throws an Error where anchors make too much of it. */
export function plainValue(value: unknown): unknown {
  let left: number = kubeLimits.yamlValues;
  const plain = (part: unknown): unknown => {
    left -= 1;
    if (left < 0) throw new KtError("kubeconfig-unreadable", "its anchors stand for too many values");
    if (part instanceof Unquoted) return part.value;
    if (Array.isArray(part)) return part.map(plain);
    if (typeof part !== "object" || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([key, item]) => [key, plain(item)]));
  };
  return plain(value);
}
