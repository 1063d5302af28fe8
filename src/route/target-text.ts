/** Targets as people write them: `[NAMESPACE/]KIND/NAME:PORT`, with errors that show how it should be written. */

import { KtError } from "#base/errors.ts";
import { typographicHint } from "#base/typography.ts";
import { checkNames, kindHint, kindOfWord } from "./pod-source-text.ts";
import { parsePort } from "./port.ts";
import { kindWords, type PodSourceKind, type PortRef } from "./target.ts";

/** Kinds that kt does not reach, and what stands for them. */
const others: readonly (readonly [words: RegExp, hint: string])[] = [
  [/^(ing|ingress|ingresses)$/, 'name the service that the ingress leads to: "svc/NAME:PORT"'],
  [/^(cj|cronjobs?)$/, 'name one of the jobs that it made: "job/NAME:PORT"'],
  [/^(ep|endpoints|endpointslices?)$/, 'name the service that they belong to: "svc/NAME:PORT"'],
];

const known = `kt knows ${Object.values(kindWords)
  .join(", ")
  .replace(/, (\w+)$/, " and $1")}`;

/** The four parts as written; the port is not looked at yet. */
export interface TargetText {
  readonly namespace: string | undefined;
  readonly kind: PodSourceKind;
  readonly name: string;
  readonly port: string;
}

export interface ParsedTarget extends Omit<TargetText, "port"> {
  readonly port: PortRef;
  readonly via?: undefined;
}

function refuse(text: string, why: string, ...hints: string[]): never {
  throw new KtError("profile-invalid", `target "${text}" ${why}`, { hints });
}

function refuseKind(text: string, given: string, rest: string, namespace?: string): never {
  const instead = others.find(([words]) => words.test(given))?.[1];
  refuse(text, `has the kind "${given}", and ${known}`, instead ?? kindHint(given, rest, namespace));
}

/** Says what is wrong with a text that has not the shape of a target. */
function refuseShape(text: string): never {
  const colon = text.lastIndexOf(":");
  const path = colon < 0 ? text : text.slice(0, colon);
  const port = colon < 0 ? "80" : text.slice(colon + 1) || "80";
  const segments = path.split("/");
  const [first = "", second = ""] = segments;
  if (segments.includes("") || segments.length > 3 || text.includes("://")) {
    refuse(text, "is not of the form [NAMESPACE/]KIND/NAME:PORT", `for example "svc/web:80" or "shop/svc/web:http"`);
  }
  if (segments.length === 1) refuse(text, "does not say what it is", `write "svc/${first}:${port}" or "pod/${first}:${port}"`);
  if (segments.length === 2 && kindOfWord(first) === undefined) refuseKind(text, first, `${second}:${port}`);
  refuse(text, "names no port", `write "${path}:80" or "${path}:http"`);
}

/** Whether a text names a kind where a target does, as against a hostname, or a URL with a path. */
export function looksLikeTarget(text: string): boolean {
  const segments = text.replace(/:[^:/]*$/, "").split("/");
  const [namespace = ""] = segments.slice(0, -2);
  if (segments.length < 2 || segments.length > 3 || /[.:]/.test(namespace)) return false;
  return kindOfWord(segments.at(-2) ?? "") !== undefined;
}

/** Takes a target apart. Throws KtError `profile-invalid` with a hint. */
export function splitTarget(text: string): TargetText {
  const typographic = typographicHint(text);
  if (typographic !== undefined) refuse(text, "is not of the form [NAMESPACE/]KIND/NAME:PORT", typographic);
  const match = /^(?:([^/:]+)\/)?([^/:]+)\/([^/:]+):([^/:]+)$/.exec(text);
  if (!match) refuseShape(text);
  const [, namespace, kindText = "", name = "", port = ""] = match;
  const kind = kindOfWord(kindText);
  if (kind === undefined) refuseKind(text, kindText, `${name}:${port}`, namespace);
  return { namespace, kind, name, port };
}

/** Holds the parts against what Kubernetes accepts. Throws KtError `profile-invalid`, quoting `text`. */
export function checkTarget(parts: TargetText, text: string): ParsedTarget {
  const { namespace, kind, name } = parts;
  checkNames(parts, `target "${text}"`);
  const port = parsePort(parts.port);
  if (port !== undefined) return { namespace, kind, name, port };
  if (/^[0-9]+$/.test(parts.port)) refuse(text, `has the port ${parts.port}`, "a port is a number from 1 to 65535 or the name of a port");
  refuse(text, `has the port "${parts.port}"`, "a port is a number from 1 to 65535 or the name of a port, in lower case");
}

/** Parses a whole target. Throws KtError `profile-invalid` with a hint. */
export function parseTarget(text: string): ParsedTarget {
  return checkTarget(splitTarget(text), text);
}
