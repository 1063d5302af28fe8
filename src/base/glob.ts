/** Names with stars, as `include`, `exclude` and `namespaces` have them: "api", "db-*", "team-?". Pure. */

/** Whether a text stands for more than one name. */
export function isGlob(text: string): boolean {
  return /[*?]/.test(text);
}

/** `*` stands for any text, `?` for one character. */
export function globMatcher(globs: readonly string[]): (name: string) => boolean {
  const patterns = globs.map(
    (glob) =>
      new RegExp(
        `^${glob
          .replace(/[^a-z0-9*?]/gi, "\\$&")
          .replace(/\*/g, ".*")
          .replace(/\?/g, ".")}$`,
      ),
  );
  return (name) => patterns.some((pattern) => pattern.test(name));
}
