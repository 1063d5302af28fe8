/** Optional white space and lists in HTTP fields (RFC 9110 §5.6): spaces and tabs, and none of the rest that String.trim takes off. */

const isBlank = (code: number): boolean => code === 32 || code === 9;

/** The text from `from` to `to` without spaces and tabs around. */
export function sliceTrimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

export function trimOws(text: string): string {
  return sliceTrimmed(text, 0, text.length);
}

/** The elements of a list with commas between, in lower case; where nothing stands between two, an empty one. */
export function lowerList(value: string): string[] {
  // One element is the rule, for every message has such a field.
  if (!value.includes(",")) return [trimOws(value).toLowerCase()];
  return value.toLowerCase().split(",").map(trimOws);
}
