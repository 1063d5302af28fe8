/** Reads the line that bash is completing, and writes what replaces the last piece of it. */

import type { Offer } from "./offers.ts";

interface BashWord {
  /** What the program would get. */
  readonly text: string;
  readonly raw: string;
}

/** The words of a line as bash reads them, without expanding anything; the last one is where the line ends, "" after a space. */
function splitBash(line: string): BashWord[] {
  const words: BashWord[] = [{ text: "", raw: "" }];
  let quote = "";
  let isEscaped = false;
  for (const char of line) {
    const last: BashWord = words.at(-1) ?? { text: "", raw: "" };
    const isBreak = quote === "" && !isEscaped && (char === " " || char === "\t");
    if (isBreak) {
      if (last.raw !== "") words.push({ text: "", raw: "" });
      continue;
    }
    const opens: boolean = !isEscaped && quote !== "'" && char === "\\";
    const turns = !isEscaped && (char === quote || (quote === "" && (char === "'" || char === '"')));
    words[words.length - 1] = { text: opens || turns ? last.text : last.text + char, raw: last.raw + char };
    if (turns) quote = quote === "" ? char : "";
    isEscaped = opens;
  }
  return words;
}

export interface BashLine {
  /** After `kt`. */
  readonly words: readonly string[];
  /** The word being typed, as it stands there. */
  readonly raw: string;
}

/** `point` is where the cursor stands. */
export function readBashLine(line: string, point: number): BashLine {
  const words = splitBash(line.slice(0, point));
  return { words: words.slice(1).map(({ text }) => text), raw: words.at(-1)?.raw ?? "" };
}

/**
 * Readline replaces what follows the last of its own word breaks (`:` and `=` are among them) and adds no space: that is done
 * here, except after what goes on. Inside quotes the word is one piece, whose end bash finds itself.
 */
export function bashReplies(offers: readonly Offer[], { words, raw }: BashLine, wordBreaks: string): string[] {
  const typed = words.at(-1) ?? "";
  const fitting = offers.map(({ value }) => value).filter((value) => value.startsWith(typed));
  if (/^["']/.test(raw)) return fitting;
  const breaks = [...wordBreaks].filter((char) => !/[\s"']/.test(char));
  const kept = Math.max(-1, ...breaks.map((char) => typed.lastIndexOf(char))) + 1;
  return fitting.map((value) => value.slice(kept).replace(/[^A-Za-z0-9_./:@%+,=-]/g, "\\$&") + (/[/:=]$/.test(value) ? "" : " "));
}
