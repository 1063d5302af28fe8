/** What is wrong with a resource, and where. Pure. */

export interface Problem {
  /** As `spec.bindings[0].listenPort`. */
  readonly place: string;
  /** Without the place: `70000 is more than 65535`. */
  readonly text: string;
}

/** What a problem can quote of a value that others wrote. */
const quotedChars = 64;

export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > quotedChars ? `${text.slice(0, quotedChars)}…` : text;
}

export function problemText({ place, text }: Problem): string {
  return place === "" ? text : `${place}: ${text}`;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
