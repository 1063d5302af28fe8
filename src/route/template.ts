/** Target templates: what a pattern's captures are put into. */

import { KtError } from "#base/errors.ts";
import { nearest } from "#base/nearest.ts";
import { type Captures, fillText } from "./pattern.ts";
import { parsePort } from "./port.ts";
import { type ParsedTarget, checkTarget, splitTarget } from "./target-text.ts";
import type { PodSourceKind, PodTarget } from "./target.ts";

/** A target with `{captures}` in it. */
export interface TargetTemplate {
  readonly kind: PodSourceKind;
  /** The attached profile whose kubeconfig counts. */
  readonly profile: string;
  /** A context or its short name. */
  readonly context: string | undefined;
  /** Short names of contexts. */
  readonly contexts: Readonly<Record<string, string>>;
  readonly namespace: string | undefined;
  readonly name: string;
  /** A port, or `{port}`. */
  readonly port: string;
}

function checkCaptures(text: string, captures: readonly string[], whole: string): void {
  for (const [, name = ""] of text.matchAll(/\{([^{}]*)\}/g)) {
    if (captures.includes(name)) continue;
    const near = nearest(name, captures);
    const hint =
      near === undefined ? `the pattern captures ${captures.map((known) => `{${known}}`).join(", ")}` : `did you mean "{${near}}"?`;
    throw new KtError("profile-invalid", `"${whole}" uses {${name}}, which the pattern does not capture`, { hints: [hint] });
  }
}

/** A target's parts, each with the captures in it. */
export type ParsedTargetTemplate = Omit<ParsedTarget, "port"> & { readonly port: string };

/** The written form's parts with their captures in place. Throws KtError `profile-invalid` when no capture could make it a target. */
export function parseTargetTemplate(text: string, captures: readonly string[]): ParsedTargetTemplate {
  const parts = splitTarget(text);
  // Where the name does not say the port, the Host header does.
  checkCaptures(parts.port === "{port}" ? text.slice(0, -":{port}".length) : text, captures, text);
  if (parts.port.includes("{") && parts.port !== "{port}") {
    throw new KtError("profile-invalid", `target "${text}" captures its port under another name`, { hints: ["call the capture {port}"] });
  }
  const sample = (part: string): string => part.replaceAll(/\{[a-z0-9_]+\}/g, "x");
  const { namespace, name, kind, port } = parts;
  checkTarget({ kind, namespace: namespace === undefined ? undefined : sample(namespace), name: sample(name), port: sample(port) }, text);
  return parts;
}

/** Checks a context that may hold captures. Throws KtError `profile-invalid`. */
export function checkContextTemplate(text: string, captures: readonly string[]): void {
  checkCaptures(text, captures, text);
}

const derived = { mustBeCurrent: false };

/** The port of a URL that names none. */
const defaultPort = 80;

/**
 * The target for one set of captures, as a derived one; undefined when they make none (a port out of range). `sentPort` is that of
 * the Host header, which counts where the template leaves the port open.
 */
export function fillTarget(template: TargetTemplate, captures: Captures, sentPort: number = defaultPort): PodTarget | undefined {
  const port = parsePort(fillText(template.port, { port: String(sentPort), ...captures }));
  if (port === undefined) return undefined;
  const label = template.context === undefined ? undefined : fillText(template.context, captures);
  const context = label === undefined || !Object.hasOwn(template.contexts, label) ? label : template.contexts[label];
  const namespace = template.namespace === undefined ? undefined : fillText(template.namespace, captures);
  const cluster = { profile: template.profile, context };
  return { kind: template.kind, cluster, namespace, name: fillText(template.name, captures), port, derived };
}
