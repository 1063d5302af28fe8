/** Finds the known word closest to a mistyped one. */

/** Levenshtein distance, stopping early past `cap`. */
function distance(from: string, to: string, cap: number): number {
  if (Math.abs(from.length - to.length) > cap) return cap + 1;
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const swap = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(swap, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[to.length] ?? cap + 1;
}

/** The known word nearest to `word`, or undefined when none is close enough to be a slip of the hand. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const cap = Math.max(1, Math.floor(word.length / 3));
  let best: string | undefined;
  let bestDistance = cap + 1;
  for (const candidate of known) {
    const d = distance(word.toLowerCase(), candidate.toLowerCase(), cap);
    if (d < bestDistance) [best, bestDistance] = [candidate, d];
  }
  return best;
}
