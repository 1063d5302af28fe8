/** What stands for pods, as people write it: the words for its kinds, `[NAMESPACE/]KIND/NAME`, and the names that Kubernetes can have. */

import { KtError } from "#base/errors.ts";
import { nearest } from "#base/nearest.ts";
import { typographicHint } from "#base/typography.ts";
import type { PodSourceKind } from "./target.ts";

interface KindWords {
  readonly kind: PodSourceKind;
  /** Of the API; "" is the core group. */
  readonly group: string;
  /** Short, long and plural. */
  readonly words: readonly string[];
}

const kinds: readonly KindWords[] = [
  { kind: "service", group: "", words: ["svc", "service", "services"] },
  { kind: "pod", group: "", words: ["po", "pod", "pods"] },
  { kind: "deployment", group: "apps", words: ["deploy", "deployment", "deployments"] },
  { kind: "statefulset", group: "apps", words: ["sts", "statefulset", "statefulsets"] },
  { kind: "replicaset", group: "apps", words: ["rs", "replicaset", "replicasets"] },
  { kind: "daemonset", group: "apps", words: ["ds", "daemonset", "daemonsets"] },
  { kind: "job", group: "batch", words: ["job", "jobs"] },
  { kind: "replicationcontroller", group: "", words: ["rc", "replicationcontroller", "replicationcontrollers"] },
];

const kindsByWord = new Map(kinds.flatMap((each) => each.words.map((word) => [word, each] as const)));

/** All of these kinds are in version v1 of their groups. */
const version = "v1";

/** The kind that kubectl means by a word: long, short or plural, in any case, also as RESOURCE.GROUP or RESOURCE.VERSION.GROUP. */
export function kindOfWord(word: string): PodSourceKind | undefined {
  const lower = word.toLowerCase();
  const dot = lower.indexOf(".");
  const known = kindsByWord.get(dot < 0 ? lower : lower.slice(0, dot));
  if (known === undefined || dot < 0) return known?.kind;
  const qualifiers = known.group === "" ? [version, `${version}.`] : [known.group, `${version}.${known.group}`];
  return qualifiers.includes(lower.slice(dot + 1)) ? known.kind : undefined;
}

/**
 * What to write where a kind was expected and `word` stands, before `rest`. In front of a name alone a word may as well be the namespace of
 * a target whose kind was left out: "prod" is not a slip of "pod", but "scv" is one of "svc".
 */
export function kindHint(word: string, rest: string, namespace?: string): string {
  const near = nearest(word.toLowerCase(), kindsByWord.keys());
  const before = namespace === undefined ? "" : `${namespace}/`;
  const meant = near && `did you mean "${before}${near}/${rest}"?`;
  if (namespace !== undefined) return meant ?? namespacedHint(namespace, word, rest);
  if (meant !== undefined && isSlip(word, near)) return meant;
  return `write "${word}/svc/${rest}"${meant === undefined ? "" : `, or ${meant}`}`;
}

/** A kind in front of two more words stands where the namespace belongs. */
function namespacedHint(first: string, word: string, rest: string): string {
  if (kindOfWord(first) === undefined) return `write "${first}/svc/${rest}"`;
  return `write "${word}/${first}/${rest}": the namespace comes first`;
}

/** Its letters in another order, its plural, or a word too long to be like another one by chance. */
function isSlip(word: string, kind = ""): boolean {
  return [...word].sort().join("") === [...kind].sort().join("") || word === `${kind}s` || word.length > 4;
}

const dnsLabel = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** What namespaces, services and containers can be called (RFC 1123 label). */
export function isLabel(name: string): boolean {
  return dnsLabel.test(name);
}

const dnsSubdomain = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

function refuseName(quoted: string, what: string, name: string): never {
  const lower = name.toLowerCase();
  const usual = "lower case letters, digits and dashes, beginning and ending with a letter or digit";
  const hint = dnsSubdomain.test(lower) ? `write "${lower}"` : (typographicHint(name) ?? usual);
  throw new KtError("profile-invalid", `${quoted} has the ${what} "${name}", which Kubernetes cannot have`, { hints: [hint] });
}

export interface PodSource {
  readonly kind: PodSourceKind;
  readonly namespace: string | undefined;
  readonly name: string;
}

/** Holds the names against what Kubernetes accepts. Throws KtError `profile-invalid`; `quoted` begins its sentence: `target "…"`. */
export function checkNames({ kind, namespace, name }: PodSource, quoted: string): void {
  if (namespace !== undefined && !dnsLabel.test(namespace)) refuseName(quoted, "namespace", namespace);
  const fits = kind === "service" ? dnsLabel.test(name) : dnsSubdomain.test(name) && name.length <= 253;
  if (!fits) refuseName(quoted, `${kind} name`, name);
}

/**
 * Takes `[NAMESPACE/]KIND/NAME` apart, and where `usual` is given also `[NAMESPACE/]NAME`, which is of that kind then.
 * Throws KtError `profile-invalid`; `what` says in it what the text is.
 */
export function parsePodSource(text: string, what: string, usual?: PodSourceKind): PodSource {
  const quoted = `${what} "${text}"`;
  const refuse = (why: string, hint: string): never => {
    throw new KtError("profile-invalid", `${quoted} ${why}`, { hints: [hint] });
  };
  const segments = text.split("/");
  if (segments.includes("") || segments.length > 3)
    refuse("is not of the form [NAMESPACE/]KIND/NAME", 'for example "shop/svc/backend-api"');
  if (text.includes(":")) refuse("has a port", `write "${text.slice(0, text.indexOf(":"))}": the port is the target's`);
  const name = segments.pop() ?? "";
  const word = segments.at(-1);
  const known = word === undefined ? undefined : kindOfWord(word);
  if (known === undefined && usual !== undefined && segments.length < 2) return checked({ kind: usual, namespace: word, name }, quoted);
  if (word === undefined) return refuse("does not say what it is", `write "svc/${name}" or "pod/${name}"`);
  if (known === undefined) {
    const hint = kindHint(word, name, segments.length === 2 ? segments[0] : undefined);
    return refuse(`has the kind "${word}", which kt does not know`, hint);
  }
  return checked({ kind: known, namespace: segments.length === 2 ? segments[0] : undefined, name }, quoted);
}

function checked(source: PodSource, quoted: string): PodSource {
  checkNames(source, quoted);
  return source;
}
