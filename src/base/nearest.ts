/** Finds the known word that a mistyped, shortened or renamed one was meant to be. */

/** Where words of names and paths end. Kept, so that a name is its words joined. */
const wordEnd = /(?<=[-._/:@])/;

/** What two texts differ in, without the whole words that both begin and end with: "users.localhost" is not near "search.localhost". */
interface Difference {
  readonly from: string;
  readonly to: string;
  /** The separator between what is common and what only the longer one has; undefined where both have something of their own. */
  readonly joint: { readonly separator: string; readonly isPrefix: boolean } | undefined;
}

function difference(from: string, to: string): Difference {
  const [mine, theirs] = [from.split(wordEnd), to.split(wordEnd)];
  const most = Math.min(mine.length, theirs.length);
  const bare = (word = ""): string => word.replace(/[-._/:@]$/, "");
  let head = 0;
  while (head < most && bare(mine[head]) === bare(theirs[head])) head++;
  let tail = 0;
  while (tail < most - head && mine.at(-1 - tail) === theirs.at(-1 - tail)) tail++;
  const rest = (words: readonly string[]): string => bare(words.slice(head, words.length - tail).join(""));
  return { from: rest(mine), to: rest(theirs), joint: jointOf(mine, theirs, head, tail) };
}

function jointOf(mine: readonly string[], theirs: readonly string[], head: number, tail: number): Difference["joint"] {
  const [short, long] = mine.length < theirs.length ? [mine, theirs] : [theirs, mine];
  if (short.length === long.length || head + tail < short.length) return undefined;
  const isPrefix = head > 0;
  const before = isPrefix ? long[head - 1] : long[long.length - tail - 1];
  return { separator: before?.at(-1) ?? "", isPrefix };
}

/** How many letters are wrong, missing, too many or swapped with their neighbour; at most `cap` + 1 (optimal string alignment). */
function distance(from: string, to: string, cap: number): number {
  if (Math.abs(from.length - to.length) > cap) return cap + 1;
  let before: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSwapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const swapped = isSwapped ? (before[column - 2] ?? cap) + 1 : cap + 1;
      const changed = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(swapped, changed, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    if (Math.min(...current) > cap) return cap + 1;
    [before, previous] = [previous, current];
  }
  return previous[to.length] ?? cap + 1;
}

/** A third of the letters may be wrong: of three letters one, of a single letter none. */
const wrongShare = 1 / 3;

/** Between a slip in a word of four letters and one in a word of three. */
const affixScore = 0.3;

/** 0 for the same word, 1 and more for another; in between the share that differs. */
function score(word: string, candidate: string): number {
  const [first = "", ...more] = candidate.split(".");
  const isShort = more.length > 0 && !word.includes(".");
  return isShort ? Math.min(scoreOf(word, candidate), affixScore + scoreOf(word, first)) : scoreOf(word, candidate);
}

function scoreOf(word: string, candidate: string): number {
  const { from, to, joint } = difference(word, candidate);
  if (joint !== undefined) return isOneThing(joint) ? affixScore : 1;
  const length = Math.max(from.length, to.length);
  const cap = Math.floor((length + 1) * wrongShare);
  const wrong = cap === 0 && from !== to ? 1 : distance(from, to, cap);
  return wrong > cap ? 1 : wrong / Math.max(length, 1);
}

/** `api` and `api-v2`, `postgres` and `my-postgres`, `web` and `web.localhost` are; `foo.localhost` and `localhost` are not. */
function isOneThing({ separator, isPrefix }: NonNullable<Difference["joint"]>): boolean {
  return isPrefix ? /[-._]/.test(separator) : separator === "-";
}

/** The known word that `word` must have been meant as; undefined when none is like it. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase();
  let best: string | undefined;
  let least = 1;
  for (const candidate of known) {
    const its = score(wanted, candidate.toLowerCase());
    if (its < least) [best, least] = [candidate, its];
  }
  return best;
}
