/**
 * Rewrites a response head that breaks the rules of HTTP into one that every reader takes as clients do, curl and Python among
 * them. What two of them read differently stays as it is, for the strict reader to refuse. Pure.
 */

import { lowerList, trimOws } from "./ows.ts";

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const framingNames = new Set(["content-length", "transfer-encoding"]);

/** `text` ends with an empty line, as the result does. */
export function mendResponseHead(text: string): string {
  const [first = "", ...lines] = text.split(/\r?\n/);
  const fields = unfold(lines.filter((line) => line !== "")).flatMap(mendField);
  return `${mendFraming(mendStatusLine(first), fields).join("\r\n")}\r\n\r\n`;
}

/** Several spaces where one belongs. */
function mendStatusLine(line: string): string {
  return line.replace(/^(HTTP\/1\.[0-9]) {2,}/, "$1 ");
}

/** Joins lines that go on in the next (RFC 9112 §5.2). Readers differ about such a length of the body. */
function unfold(lines: readonly string[]): string[] {
  const fields: string[] = [];
  for (const line of lines) {
    const last = fields.at(-1);
    if (last === undefined || !/^[ \t]/.test(line) || framingNames.has(trimOws(lowerName(last)))) fields.push(line);
    else fields[fields.length - 1] = `${last} ${trimOws(line)}`;
  }
  return fields;
}

/** The field as it goes on: none for an invalid name, which no client can ask for. */
function mendField(line: string): string[] {
  const colon = line.indexOf(":");
  // Without a colon, or folded with nothing before it: curl takes neither.
  if (colon < 0 || /^[ \t]/.test(line)) return [line];
  const name = trimOws(line.slice(0, colon));
  const value = withoutLoneCr(line.slice(colon + 1));
  if (token.test(name)) return [name.length < colon && name.toLowerCase() === "transfer-encoding" ? line : `${name}:${value}`];
  return framingNames.has(name.replace(/[^!#$%&'*+\-.^_`|~0-9A-Za-z]/g, "").toLowerCase()) ? [line] : [];
}

/** RFC 9112 §2.2. One before what may be another field is left, for some take it for the end of the line. */
function withoutLoneCr(value: string): string {
  return value.replace(/\r(?![!-9;-~]*[ \t]*:)/g, " ");
}

/** One field for the length of the body, and an end to the connection, where there were several or they were said oddly. */
function mendFraming(statusLine: string, fields: readonly string[]): readonly string[] {
  const lengths = valuesOf(fields, "content-length");
  const codings = codingsOf(fields);
  const isChunked = codings?.at(-1) === "chunked" && codings.every((coding) => coding === "chunked");
  const length = oneLength(lengths);
  if (codings === undefined && lengths.join() === (length ?? "")) return [statusLine, ...fields];
  const isClear = lengths.length === 0 || (length !== undefined && (isChunked || codings === undefined || codings.length === 0));
  if (!isClear) return [statusLine, ...fields];
  const rest = fields.filter((field) => !framingNames.has(lowerName(field)));
  const framing = framingField(isChunked ? ["chunked"] : (codings ?? []), length);
  return [isChunked ? statusLine.replace(/^HTTP\/1\.0/, "HTTP/1.1") : statusLine, ...rest, ...framing, "Connection: close"];
}

function framingField(codings: readonly string[], length: string | undefined): string[] {
  if (codings.length > 0) return [`Transfer-Encoding: ${codings.join(", ")}`];
  return length === undefined ? [] : [`Content-Length: ${length}`];
}

/** Of every Transfer-Encoding, without `identity` before them, which means none; undefined where there is no such field. */
function codingsOf(fields: readonly string[]): string[] | undefined {
  const values = valuesOf(fields, "transfer-encoding");
  if (values.length === 0) return undefined;
  const codings = values.flatMap(lowerList);
  const first = codings.findIndex((coding) => coding !== "identity");
  return first < 0 ? [] : codings.slice(first);
}

/** The one number that all the fields hold, and each of them as often as it likes (RFC 9110 §8.6). */
function oneLength(lengths: readonly string[]): string | undefined {
  const [first, ...others] = new Set(lengths.flatMap(lowerList).filter((element) => element !== ""));
  return first !== undefined && others.length === 0 && /^[0-9]+$/.test(first) ? first : undefined;
}

function valuesOf(fields: readonly string[], name: string): string[] {
  return fields.filter((field) => lowerName(field) === name).map((field) => trimOws(field.slice(field.indexOf(":") + 1)));
}

function lowerName(field: string): string {
  return field.slice(0, Math.max(0, field.indexOf(":"))).toLowerCase();
}
