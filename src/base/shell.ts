/** Words for pasting into a shell. */

/** The last part of a path: a program without where it is. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** One word, in quotes where it needs them. */
export function shellQuoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * A command to be pasted, as a hint: what stands between `${` and `}` is one word of it, whatever it holds. What is part of a word
 * goes in whole: command`kubectl get ${`pod/${name}`}`.
 */
export function command(words: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  return words.map((text, index) => (index === 0 ? "" : shellQuoted(String(values[index - 1] ?? ""))) + text).join("");
}
