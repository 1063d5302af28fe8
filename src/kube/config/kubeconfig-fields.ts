/** Takes the fields of a kubeconfig from its YAML: texts, switches and base64, or a sentence that says what is wrong with one. */

import { KtError } from "#base/errors.ts";
import { Unquoted } from "./yaml.ts";

export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
export const fields = (value: unknown): Fields => (isFields(value) && !(value instanceof Unquoted) ? value : {});
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** What looks like a number or a boolean is a name or a token all the same, as it is written. */
export function text(value: unknown): string | undefined {
  const written = value instanceof Unquoted ? value.text : value;
  return typeof written === "string" && written !== "" ? written : undefined;
}

export const texts = (value: unknown): string[] => list(value).flatMap((item) => text(item) ?? []);

export function textFields(value: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields(value)).flatMap(([key, item]) => (text(item) === undefined ? [] : [[key, text(item) ?? ""]])),
  );
}

const unreadable = (what: string): KtError => new KtError("kubeconfig-unreadable", what);

/** `quoted` names the entry: `cluster "dev"`. */
export function flag(entry: Fields, key: string, quoted: string): boolean {
  const value = entry[key];
  if (value === undefined || value === null) return false;
  if (value instanceof Unquoted && typeof value.value === "boolean") return value.value;
  const written = text(value);
  throw unreadable(
    `${key} of ${quoted} is not a boolean${written === undefined ? "" : ` but "${written}"`}: write true or false, without quotes`,
  );
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** What stands there in base64. */
export function decoded(entry: Fields, key: string, quoted: string): string | undefined {
  const encoded = text(entry[key]);
  if (encoded === undefined) return undefined;
  if (encoded.includes("-----BEGIN"))
    throw unreadable(`${key} of ${quoted} is PEM text, and base64 of it is due: or name the file, as ${key.replace(/-data$/, "")}`);
  if (!base64.test(encoded.replace(/\s/g, ""))) throw unreadable(`${key} of ${quoted} is not base64`);
  return Buffer.from(encoded, "base64").toString("utf8");
}

export interface Entry {
  readonly name: string;
  readonly entry: Fields;
  /** For messages: `cluster "dev"`. */
  readonly quoted: string;
}

/** The entries of one of the three lists that have a name. A name that stands twice means two things. */
export function entries(raw: Fields, plural: "clusters" | "contexts" | "users", singular: string): readonly Entry[] {
  const seen = new Set<string>();
  return list(raw[plural]).flatMap((item) => {
    const name = text(fields(item)["name"]);
    if (name === undefined) return [];
    if (seen.has(name)) throw unreadable(`it has two ${plural} "${name}"`);
    seen.add(name);
    return [{ name, entry: fields(fields(item)[singular]), quoted: `${singular} "${name}"` }];
  });
}
