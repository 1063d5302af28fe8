/** The fenced blocks of the Markdown pages, and what their info strings say of how they are run. */

import { file, Glob } from "bun";

export const root: string = new URL("../..", import.meta.url).pathname;

/**
 * After the language: `e2e` runs it on a real cluster only, `stays` ends it with Ctrl-C once it has shown something, `new` runs it in
 * an empty folder, `attached` after a `kt up -d`, and `skip="REASON"` does not run it.
 */
export interface DocBlock {
  /** Relative to the root. */
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly words: readonly string[];
  readonly skip: string | undefined;
  readonly text: string;
  /** Of a block that begins with a comment which is only a file's name: that name. */
  readonly fileName: string | undefined;
}

const knownWords: ReadonlySet<string> = new Set(["e2e", "stays", "new", "attached"]);

/** Throws where a block says something that no test understands. */
export function parseBlocks(page: string, markdown: string): DocBlock[] {
  const blocks: DocBlock[] = [];
  const indented = markdown.split("\n").findIndex((line) => /^\s+```/.test(line));
  if (indented >= 0) throw new Error(`${page}:${indented + 1}: a block begins at the margin`);
  for (const match of markdown.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)) {
    const [, info = "", text = ""] = match;
    const line = markdown.slice(0, match.index).split("\n").length;
    const skip = /skip="([^"]+)"/.exec(info)?.[1];
    const [language = "", ...words] = info
      .replace(/skip="[^"]*"/, "")
      .trim()
      .split(/\s+/);
    const unknown = words.find((word) => !knownWords.has(word));
    if (unknown !== undefined) throw new Error(`${page}:${line}: a block cannot say "${unknown}"`);
    blocks.push({ page, line, language, words, skip, text, fileName: /^# ([\w./-]+\.\w+)\n/.exec(text)?.[1] });
  }
  return blocks;
}

/** Every page, in order. */
export async function pages(): Promise<ReadonlyMap<string, string>> {
  const paths = ["README.md", "CONTRIBUTING.md", "SECURITY.md", ...[...new Glob("docs/**/*.md").scanSync({ cwd: root })].sort()];
  return new Map(await Promise.all(paths.map(async (path) => [path, await file(root + path).text()] as const)));
}

export async function allBlocks(): Promise<DocBlock[]> {
  return [...(await pages())].flatMap(([path, text]) => parseBlocks(path, text));
}

/** The lines of a shell block that are commands; of a console block those after "$ ". */
export function commandLines({ language, text }: DocBlock): string[] {
  const lines = text.replaceAll("\\\n", "").split("\n");
  return language === "console" ? lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2)) : lines;
}

/** True of what holds commands for a shell. */
export function isShell({ language }: DocBlock): boolean {
  return language === "sh" || language === "console";
}
