/** The commands of a shell script, a Makefile or a Procfile, as words with the line that each stands in. */

export interface ScriptCommand {
  readonly words: readonly string[];
  /** As `line 3`. */
  readonly place: string;
}

/** Everything that looks like a command: what does not is no harm. */
export function scriptCommands(text: string): readonly ScriptCommand[] {
  return logicalLines(text).flatMap(({ text: line, number }) => commandsOf(line).map((words) => ({ words, place: `line ${number}` })));
}

/** Lines that go on below are one. */
function logicalLines(text: string): readonly { readonly text: string; readonly number: number }[] {
  const lines: { text: string; number: number }[] = [];
  let isOpen = false;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const goesOn = raw.endsWith("\\");
    const part = goesOn ? raw.slice(0, -1) : raw;
    const last = lines.at(-1);
    if (isOpen && last !== undefined) last.text += ` ${part}`;
    else lines.push({ text: part, number: index + 1 });
    isOpen = goesOn;
  }
  return lines;
}

/** Redirections, words with quotes in them, comments, and what ends a command. */
const tokens = /(?<!\S)\d*[<>]+&?\s*\S*|(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'&|;()<>#]|(?<=\S)#)+|#.*|[<>]+&?\s*\S*|&&|\|\||[&|;()]/g;

function commandsOf(line: string): readonly (readonly string[])[] {
  const commands: string[][] = [[]];
  for (const [token] of line.matchAll(tokens)) {
    if (token.startsWith("#")) break;
    if (/^(&&|\|\||[&|;()])$/.test(token)) commands.push([]);
    else if (!/^\d*[<>]/.test(token)) commands.at(-1)?.push(unquoted(token));
  }
  return commands
    .filter((words) => words.length > 0)
    .map((words) => words.map((word, index) => (index === 0 ? word.replace(/^[@-]+/, "") : word)));
}

function unquoted(token: string): string {
  return token.replaceAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, double?: string, single?: string) => double ?? single ?? "");
}
