/** What a kubeconfig makes its reader do beyond speaking to the server it names with the credentials that it holds; pure. */

import { YAML } from "bun";
import { baseName, shellQuoted } from "#base/shell.ts";

export interface KubeconfigRisk {
  /** As a clause: "runs the program X". */
  readonly what: string;
  /** The whole of it, for who is asked. */
  readonly detail?: string | undefined;
  /** Programs and files that it names, as written. */
  readonly paths: readonly string[];
}

type Judge = (value: unknown) => KubeconfigRisk;

/** By key, wherever it stands: a reader of YAML may see more in a file than another. */
const judges: Readonly<Record<string, Judge>> = {
  exec: judgePlugin,
  "auth-provider": () => ({ what: "has a login of its own (auth-provider)", paths: [] }),
  tokenfile: (value) => readsFile("sends the content of a file as its token", value),
  "client-certificate": (value) => readsFile("reads a file as its certificate", value),
  "client-key": (value) => readsFile("reads a file as its key", value),
  "certificate-authority": (value) => readsFile("reads a file as its authority", value),
  "proxy-url": (value) => ({ what: "goes through a proxy of its own", detail: String(value), paths: [] }),
};

/** Empty of a kubeconfig that is whole in itself, and of what is none: that is refused when it is read. */
export function kubeconfigRisks(text: string): readonly KubeconfigRisk[] {
  try {
    return [...risksIn(YAML.parse(text), new Set())];
  } catch {
    return hasRiskyWord.test(text.replaceAll("\0", "")) ? [unclear] : [];
  }
}

/** What one reader of YAML refuses, another may take. */
const hasRiskyWord = /\b(?:exec|auth-provider|tokenFile|client-certificate|client-key|certificate-authority|proxy-url)\b["']?\s*:/i;
const unclear: KubeconfigRisk = { what: "is written so that it cannot be said what it does", paths: [] };

/** Anchors may lead to one value from many places, and in circles. */
function* risksIn(value: unknown, seen: Set<object>): Generator<KubeconfigRisk> {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  for (const [key, inner] of Object.entries(value)) {
    const judge = Object.hasOwn(judges, key.toLowerCase()) ? judges[key.toLowerCase()] : undefined;
    if (judge !== undefined && !isEmpty(inner)) yield judge(inner);
    else yield* risksIn(inner, seen);
  }
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || value === "" || value === false;
}

function readsFile(what: string, path: unknown): KubeconfigRisk {
  return { what, detail: String(path), paths: [String(path)] };
}

function judgePlugin(value: unknown): KubeconfigRisk {
  const { command, args, env }: { command?: unknown; args?: unknown; env?: unknown } =
    typeof value === "object" && value !== null ? value : {};
  const words = [command, ...(Array.isArray(args) ? args : [])].map((word) => String(word ?? ""));
  const variables = (Array.isArray(env) ? env : []).flatMap((item) => (hasName(item) ? [String(item.name)] : []));
  const withVariables = variables.length === 0 ? "" : ` with ${variables.join(", ")} set`;
  const values = (Array.isArray(env) ? env : []).flatMap((item) => (hasName(item) && "value" in item ? [String(item.value)] : []));
  return {
    what: `runs the program "${baseName(words[0] ?? "")}"`,
    detail: words.map(shellQuoted).join(" ") + withVariables,
    paths: [...new Set([...words, ...values].flatMap(namesIn))],
  };
}

/** What may be the name of a file in a word of a command: the whole, and each part of a line of a shell or of `--option=FILE`. */
function namesIn(word: string): readonly string[] {
  return [word, ...word.split(/[\s;&|()<>"'`=,:{}]+/)].filter((name) => name !== "").slice(0, mostNames);
}

/** A word with more parts than this is a program in itself, whose text is a part of the consent. */
const mostNames = 100;

function hasName(item: unknown): item is { readonly name: unknown } {
  return typeof item === "object" && item !== null && "name" in item;
}
