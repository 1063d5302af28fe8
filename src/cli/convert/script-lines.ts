/** The commands of a shell script, a Makefile, a Procfile or a package.json, as words with the line that each stands in. */
export interface ScriptCommand {
  readonly words: readonly string[];
  /** As `line 3`, or `script "db"` of a package.json. */
  readonly place: string;
}

/** Everything that looks like a command; the rest does no harm. */
export function scriptCommands(text: string): readonly ScriptCommand[] {
  const lines = packageScripts(text) ?? logicalLines(text).map((line) => ({ text: line.text, place: `line ${line.number}` }));
  return lines.flatMap(({ text: line, place }) => commandsOf(asCommand(line)).map((words) => ({ words, place })));
}

function packageScripts(text: string): readonly { readonly text: string; readonly place: string }[] | undefined {
  try {
    const parsed: { readonly scripts?: Readonly<Record<string, unknown>> } | null = JSON.parse(text);
    return Object.entries(parsed?.scripts ?? {}).map(([name, script]) => ({ text: String(script), place: `script "${name}"` }));
  } catch {
    return undefined;
  }
}

/** `["kubectl", "port-forward", …]`, as Compose and Dockerfiles have it. */
function asCommand(line: string): string {
  const list = /\[([^\]]*["']port-forward["'][^\]]*)\]/.exec(line)?.[1];
  return list === undefined ? line : list.replaceAll(",", " ");
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
  const plain = commands
    .filter((words) => words.length > 0)
    .map((words) => words.map((word, index) => (index === 0 ? word.replace(/^[@-]+/, "") : word)));
  const run = plain.filter(([program = ""]) => !/^(echo|printf)$/.test(program));
  return [...plain, ...run.flat().filter(isLine).flatMap(commandsOf)];
}

/** What `bash -c`, `concurrently` and the like are given in one word. */
const isLine = (word: string): boolean => /\sport-forward\s/.test(word);

function unquoted(token: string): string {
  return token.replaceAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, double?: string, single?: string) => double ?? single ?? "");
}
