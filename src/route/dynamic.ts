/** The built-in dynamic names: `{service}-{port}.svc.{namespace}.ns.{context}.cx.<suffix>`, the same for pods, and their long forms. */

import { type Captures, HostPattern } from "./pattern.ts";
import { protocolWords, schemeForPort } from "./port.ts";
import type { Ambiguous, Conflict, DynamicEntry, Found, Manner, Refused } from "./lookup.ts";
import { reachOf, refusedApiServer, refusedContext } from "./reach.ts";
import { fillTarget } from "./template.ts";
import { formatTarget, type PodSourceKind } from "./target.ts";

/** One written form of the dynamic names under one suffix. */
interface Form {
  readonly kind: PodSourceKind;
  readonly pattern: HostPattern;
  /** The form that can be read in one way only: the port in a label of its own, before the name. */
  readonly long: HostPattern;
}

interface Suffix {
  readonly suffix: string;
  readonly forms: readonly Form[];
  /** In the order in which they were attached. */
  readonly entries: DynamicEntry[];
}

const place = "{namespace}.ns.{context}.cx";

function formsOf(suffix: string): readonly Form[] {
  const kinds = [
    ["service", "svc"],
    ["pod", "pod"],
  ] as const;
  return kinds.flatMap(([kind, word]) => {
    const long = HostPattern.parse(`{port}.{name}.${word}.${place}.${suffix}`);
    return [
      { kind, long, pattern: HostPattern.parse(`{name}-{port}.${word}.${place}.${suffix}`) },
      { kind, long, pattern: long },
    ];
  });
}

/** The short form's rule, for pages and error messages. */
const rule = `in the short form the port follows the last dash: a number from 10, a name after a single dash, or one of ${protocolWords.join(", ")}; any other port goes in front, as PORT.NAME`;

export class DynamicNames {
  readonly conflicts: readonly Conflict[];
  readonly #bySuffix: ReadonlyMap<string, Suffix>;

  constructor(entries: readonly DynamicEntry[]) {
    const bySuffix = new Map<string, Suffix>();
    for (const entry of entries) {
      const group = bySuffix.get(entry.suffix) ?? { suffix: entry.suffix, forms: formsOf(entry.suffix), entries: [] };
      group.entries.push(entry);
      bySuffix.set(entry.suffix, group);
    }
    this.#bySuffix = bySuffix;
    this.conflicts = [...bySuffix.values()].flatMap(contextConflicts);
  }

  get suffixes(): readonly string[] {
    return [...this.#bySuffix.keys()];
  }

  /** Of a normalised name; undefined when it has not the shape of a dynamic one. */
  lookup(host: string): Found | Ambiguous | Refused | undefined {
    for (const group of this.#bySuffix.values()) {
      if (!host.endsWith(`.${group.suffix}`)) continue;
      for (const form of group.forms) {
        const match = form.pattern.match(host);
        if (match?.kind === "match") return found(host, form, match.captures, group.entries);
        if (match?.kind === "unclear") return unclear(host, form, match.readings);
      }
    }
    return undefined;
  }

  /** How names under the same suffix are written, for a name that ends like one of them. */
  hintFor(host: string): string | undefined {
    const group = [...this.#bySuffix.values()].find(({ suffix }) => host.endsWith(`.${suffix}`));
    if (group === undefined) return undefined;
    return `names under ${group.suffix} are written NAME-PORT.svc.NAMESPACE.ns.CONTEXT.cx.${group.suffix}, with pod in place of svc for a pod; ${rule}`;
  }
}

/**
 * The profile whose view of the clusters counts: of those that reach the context, else of all, the first attached one that knows
 * the context by this label, else the first attached one, which takes the label for the name of a context.
 */
function ownerOf(context: string, entries: readonly DynamicEntry[]): DynamicEntry | undefined {
  const reaching = (["yes", "if-current"] as const)
    .map((how) => entries.filter((entry) => reachOf(entry, context) === how))
    .find((some) => some.length > 0);
  const candidates = reaching ?? entries;
  return candidates.find((entry) => Object.hasOwn(entry.contexts, context)) ?? candidates[0];
}

/** No profile says how the backend speaks. */
const manner: Manner = { forwarded: true, schemeGiven: false };

function found(host: string, form: Form, captures: Captures, entries: readonly DynamicEntry[]): Found | Refused | undefined {
  const { context: label = "" } = captures;
  const owner = ownerOf(label, entries);
  if (owner === undefined) return undefined;
  const { profile, contexts, tls } = owner;
  const template = { kind: form.kind, profile, context: "{context}", contexts, namespace: "{namespace}", name: "{name}", port: "{port}" };
  const target = fillTarget(template, captures);
  if (target === undefined) return undefined;
  const route = `[routes] "NAME.localhost" = "${formatTarget(target)}"`;
  const reach = reachOf(owner, label);
  if (reach === "no") return refusedContext(host, label, owner, route);
  const derived = { mustBeCurrent: reach === "if-current" };
  const scheme = schemeForPort(target.port);
  return (
    refusedApiServer(host, target, route) ?? {
      kind: "found",
      profile,
      route: host,
      via: "dynamic",
      target: { ...target, derived },
      scheme,
      manner,
      ...(tls && { tls }),
    }
  );
}

function unclear(host: string, form: Form, readings: readonly Captures[]): Ambiguous {
  const described = readings.map((captures) => {
    const { name = "", port } = captures;
    if (port !== undefined) return `${form.kind} "${name}", port ${port}: write ${form.long.fill(captures)}`;
    return `${form.kind} "${name}", its port forgotten: write ${form.pattern.fill({ ...captures, port: "PORT" })}`;
  });
  return { kind: "ambiguous", host, readings: described, hint: rule };
}

/** Short names that two profiles give to different contexts. */
function contextConflicts({ entries }: Suffix): Conflict[] {
  const holders = new Map<string, DynamicEntry>();
  const conflicts: Conflict[] = [];
  for (const entry of entries) {
    for (const [label, context] of Object.entries(entry.contexts)) {
      const holder = holders.get(label);
      if (holder === undefined) holders.set(label, entry);
      else if (holder.contexts[label] !== context)
        conflicts.push({ kind: "context", profile: entry.profile, route: label, holder: holder.profile });
    }
  }
  return conflicts;
}
