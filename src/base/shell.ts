/** Words for pasting into a shell. */

/** The last part of a path: a program without where it is. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** One word, in quotes where it needs them. */
export function shellQuoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Some words of a command, each yet to be quoted. */
export type Words = readonly string[];

/**
 * A command to be pasted, as a hint: what stands between `${` and `}` is one word of it, or a list of words, whatever they hold. What
 * is part of a word goes in whole: command`kubectl get ${`pod/${name}`}`.
 */
export function command(texts: TemplateStringsArray, ...values: readonly (string | number | Words)[]): string {
  const quoted = values.map((value) => (typeof value === "object" ? value.map(shellQuoted).join(" ") : shellQuoted(String(value))));
  return texts
    .map((text, index) => (index === 0 ? text : joined(quoted[index - 1] ?? "", text)))
    .join("")
    .trim();
}

/** An empty list leaves no second blank. */
function joined(words: string, text: string): string {
  return words === "" ? text.trimStart() : words + text;
}
