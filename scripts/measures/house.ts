/** What stands where in the house: a file's room and folder, what it imports, and the circles among imports. */

import { Transpiler } from "bun";

export interface SourceText {
  /** Relative to the root. */
  readonly path: string;
  readonly text: string;
}

/** The room of a source file, or undefined for the entry point. */
export function roomOf(path: string): string | undefined {
  const parts = path.split("/");
  if (parts[0] === "native") return "native";
  return parts.length > 2 ? parts[1] : undefined;
}

/** The folder of a source file within its room; "." for the room's own. */
export function folderOf(path: string): string {
  const inner = path.split("/").slice(path.startsWith("native/") ? 1 : 2, -1);
  return inner.length === 0 ? "." : inner.join("/");
}

/** Static imports alone: what is loaded later may lead back up. */
export function staticImportsOf(text: string): string[] {
  return [...text.matchAll(/^(?:import|export)\s(?:[^"';]*?\sfrom\s)?\s*"([^"]+)"/gm)].map((match) => match[1] ?? "");
}

/** Every module specifier of a formatted file: static imports and re-exports (types too) and dynamic imports. */
export function importsOf(text: string): string[] {
  const dynamics = text.matchAll(/\bimport\(\s*["'`]([^"'`]+)["'`]/g);
  return [...staticImportsOf(text), ...[...dynamics].map((match) => match[1] ?? "")];
}

/** The file of this house that an import leads to. */
export function targetOf(path: string, specifier: string): string | undefined {
  if (specifier.startsWith("./")) return `${path.slice(0, path.lastIndexOf("/"))}/${specifier.slice(2)}`;
  if (specifier.startsWith("#native/")) return specifier.slice(1);
  return specifier.startsWith("#") ? `src/${specifier.slice(1)}` : undefined;
}

/** All imports, dynamic ones too, as edges between the names that `nameOf` gives the files. */
export function edgesBetween(sources: readonly SourceText[], nameOf: (path: string) => string | undefined): Map<string, Set<string>> {
  const edges = new Map<string, Set<string>>();
  for (const { path, text } of sources) {
    for (const specifier of importsOf(text)) {
      const target = targetOf(path, specifier);
      const [from, to] = [nameOf(path), target === undefined ? undefined : nameOf(target)];
      if (from === undefined || to === undefined || from === to) continue;
      edges.set(from, (edges.get(from) ?? new Set()).add(to));
    }
  }
  return edges;
}

/** A circle among these, as the names on it; undefined where there is none. */
export function circleIn(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const done = new Set<string>();
  const visit = (node: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(node)) return [...way.slice(way.indexOf(node)), node];
    if (done.has(node)) return undefined;
    for (const next of edges.get(node) ?? []) {
      const circle = visit(next, [...way, node]);
      if (circle) return circle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of edges.keys()) {
    const circle = visit(node, []);
    if (circle) return circle;
  }
  return undefined;
}

/** What is loaded before the code of a file runs. */
export interface Loaded {
  readonly files: readonly string[];
  /** Packages and builtins, and data such as profiles. */
  readonly others: readonly string[];
  /** Of the files, without their types. */
  readonly bytes: number;
}

/** All that the entries import, and what that imports, but for types and for what is imported later. */
export function loadedWith(entries: readonly string[], texts: ReadonlyMap<string, string>): Loaded {
  const [plain, markup] = [new Transpiler({ loader: "ts" }), new Transpiler({ loader: "tsx" })];
  const [files, others] = [new Set<string>(), new Set<string>()];
  let bytes = 0;
  const load = (path: string): void => {
    const text = texts.get(path);
    if (text === undefined) others.add(path);
    if (text === undefined || files.has(path)) return;
    files.add(path);
    const transpiler = path.endsWith(".tsx") ? markup : plain;
    const code = transpiler.transformSync(text);
    bytes += code.length;
    for (const { path: specifier, kind } of transpiler.scanImports(code))
      if (kind === "import-statement") load(targetOf(path, specifier) ?? specifier);
  };
  for (const entry of entries) load(entry);
  return { files: [...files], others: [...others], bytes };
}
