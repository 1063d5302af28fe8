/** Makes strings from outside harmless where people read them: no control character, nothing invisible, no line that they begin. */

/**
 * Control characters, what has no width or turns the direction of reading (Unicode's categories Cc and Cf), line and paragraph
 * separators, and halves of surrogate pairs.
 */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const lineBreaks = /\r?\n/g;
const outerBreaks = /^[\r\n]+|[\r\n]+$/g;

/** One line that shows every character: `\x1b` for an escape, `⏎` for the end of a line. */
export function printable(text: string): string {
  return text.replace(outerBreaks, "").replace(lineBreaks, " ⏎ ").replace(unseen, visible);
}

/** The same for text of several lines that stay lines. */
export function printableLines(text: string): string[] {
  return text.replace(outerBreaks, "").split(lineBreaks).map(printable);
}

const named: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function visible(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return named[character] ?? `\\x${hex(code, 2)}`;
  return code < 0x1_0000 ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 5)}}`;
}

/** JSON that stays what it was for programs and shows every character to people. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(/[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu, inJson);
}

/** JSON has escapes of 16 bits only. */
function inJson(character: string): string {
  return [...Array(character.length).keys()].map((at) => `\\u${hex(character.charCodeAt(at), 4)}`).join("");
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}
