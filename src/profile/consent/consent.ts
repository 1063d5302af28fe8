/** What a profile would do that could run code, send the user's data elsewhere or let others in, with what consent is bound to. */

import { CryptoHasher } from "bun";
import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import type { FoundFile } from "#profile/read/extends.ts";
import { defaultJumpImage } from "#profile/sections/jump.ts";
import type { ConsentFact } from "./consent-fact.ts";
import type { KubeconfigRisk } from "./kubeconfig-risks.ts";
import type { Layer } from "#profile/read/layer.ts";
import { namedEntries } from "#profile/sections/section.ts";
import { openings } from "./openings.ts";
import type { KeyPath } from "#profile/toml/positions.ts";
import type { Source } from "#profile/read/source.ts";
import { steeringReason } from "./steering.ts";

/** A file that the profile is made of. */
export interface ProfilePart extends FoundFile {
  readonly path: string;
  /** It is not in the profile's folder. */
  readonly isOutside: boolean;
  /** The name of its owner, where that is neither the user nor root. */
  readonly foreignOwner: string | undefined;
}

/** A kubeconfig that the profile names and that is not the one which the user's own tools take. */
export interface NamedKubeconfig {
  readonly path: string;
  readonly risks: readonly KubeconfigRisk[];
  /** Of the file's text alone; empty where nothing about it needs consent. */
  readonly accepted: string;
  /** By absolute path, the state of what it names in the profile's folder and its own. */
  readonly programs: Readonly<Record<string, string>>;
  /** Of the file, and of the programs in the profile's folder that it names. */
  readonly digest: string;
  readonly foreignOwner: string | undefined;
  /** The files that it is merged with. */
  readonly mergedWith: readonly string[];
}

export interface ConsentInput {
  readonly layer: Layer;
  readonly sources: readonly Source[];
  readonly parts: readonly ProfilePart[];
  readonly kubeconfigs: readonly NamedKubeconfig[];
}

type Rule = (input: ConsentInput) => readonly ConsentFact[];

/** One rule for each way; a new section of the profile that could do such a thing adds its own. */
const rules: readonly Rule[] = [
  foreignOwners,
  kubeconfigs,
  steeringVariables,
  sentVariables,
  jumpPods,
  relayImage,
  reverses,
  outsideFiles,
  opened,
];

/** Empty of a profile that only maps names to services of the user's own contexts. */
export function consentFacts(input: ConsentInput): readonly ConsentFact[] {
  const facts = new Map(rules.flatMap((rule) => rule(input)).map((fact) => [fact.content, fact]));
  return [...facts.values()];
}

/** Equal for the same facts in any order. */
export function consentDigest(facts: readonly ConsentFact[]): string {
  return digestOf(JSON.stringify(facts.map(({ content }) => content).sort()));
}

export function digestOf(content: string | Uint8Array): string {
  return new CryptoHasher("sha256").update(content).digest("hex");
}

const content = (...parts: readonly unknown[]): string => JSON.stringify(parts);

function foreignOwners({ parts, kubeconfigs: named }: ConsentInput): readonly ConsentFact[] {
  return [...parts, ...named].flatMap(({ path, foreignOwner }) =>
    foreignOwner === undefined
      ? []
      : [
          {
            what: `is made of "${path}", which belongs to another user, ${foreignOwner}`,
            why: "who owns the file can change what kt does as you, at any time",
            content: content("owner", path, foreignOwner),
            isForeign: true,
          },
        ],
  );
}

function kubeconfigs({ kubeconfigs: named }: ConsentInput): readonly ConsentFact[] {
  return named.flatMap(({ path, risks, digest, mergedWith }) => {
    const merged = mergedWith.length === 0 ? [] : ["is merged with other kubeconfigs, whose credentials may then go to its servers"];
    const all = [...risks.map(({ what }) => what), ...merged];
    if (all.length === 0) return [];
    const details = risks.flatMap(({ detail }) => detail ?? []);
    return [
      {
        what: `uses the kubeconfig "${path}", which ${[...new Set(all)].join(" and ")}`,
        why: "it could run code as you, or send what is yours to a server of its choice",
        detail: [...details, ...mergedWith.map((other) => `merged with ${other}`)].join("\n"),
        content: content("kubeconfig", path, digest, mergedWith),
      },
    ];
  });
}

function steeringVariables({ layer }: ConsentInput): readonly ConsentFact[] {
  return [...layer.env].flatMap(([name, { source, path }]) => {
    const reason = steeringReason(name);
    const written = source.textAt(path);
    return reason === undefined || source.isShipped
      ? []
      : [
          {
            what: `sets ${name} by [env]`,
            why: reason,
            detail: `${name} = ${written}`,
            content: content("env", name, written),
          },
        ];
  });
}

/** What stays on this machine, by the first and the last part of where it stands. What is not known to stay leaves. */
const staying = {
  tables: new Set("env http proxy name idle_timeout start_timeout expose".split(" ")),
  settings: new Set("host scheme protocol tls method local".split(" ")),
};
/** What chooses among contexts and files: with a stranger's kubeconfig, the server learns which was chosen. */
const choosing = { tables: new Set("context contexts kubeconfig extends".split(" ")), settings: new Set(["context"]) };

function stays(path: KeyPath, hasStranger: boolean): boolean {
  const kinds = hasStranger ? [staying] : [staying, choosing];
  return kinds.some(({ tables, settings }) => tables.has(path[0] ?? "") || settings.has(path.at(-1) ?? ""));
}

function sentVariables({ sources, kubeconfigs: named }: ConsentInput): readonly ConsentFact[] {
  // The administrators of the user's own cluster know the user's name; the server of a stranger's kubeconfig does not.
  const known: ReadonlySet<string> = new Set(named.length > 0 ? [] : ["USER", "LOGNAME"]);
  // Another server is another matter: what may go to one need not go to the next.
  const servers = named.flatMap(({ path, digest }) => [path, digest]);
  const names = sources.filter(({ isShipped }) => !isShipped).flatMap((source) => source.used);
  return names
    .filter(({ name, path }) => !known.has(name) && !stays(path, named.length > 0))
    .map(({ name }) => ({
      what: `sends the variable ${name} of your environment to a cluster, as a part of a name`,
      why: "it may be a secret",
      content: content("variable", name, ...servers),
    }));
}

function jumpPods({ layer }: ConsentInput): readonly ConsentFact[] {
  return namedEntries(layer.entries).flatMap(({ value: { target }, source, path }) => {
    if (target.via?.create === undefined) return [];
    const { image, command: words } = target.via.create;
    // As written: it may hold a variable, whose value is not to be shown.
    const written = (key: string): string => source.textAt([...path, "via", "create", key]);
    return [
      ...(image === defaultJumpImage ? [] : [imageFact(written("image"))]),
      ...(words === undefined || isWaiting(words) ? [] : [commandFact(written("command"))]),
    ];
  });
}

const runsThere = "it is code that runs in your cluster, as you";

function imageFact(image: string): ConsentFact {
  return { what: `runs the image "${image}" as a jump pod`, why: runsThere, content: content("image", image) };
}

function relayImage({ layer }: ConsentInput): readonly ConsentFact[] {
  const image = layer.relay.image?.source.textAt(["relay", "image"]);
  if (image === undefined) return [];
  return [{ what: `runs the image "${image}" as the relay`, why: runsThere, content: content("relay", image) }];
}

/** As written: it may hold a variable, whose value is not to be shown. The context and the namespace say whose cluster it is. */
function reverses({ layer }: ConsentInput): readonly ConsentFact[] {
  const { context, namespace } = layer.settings;
  return [...layer.reverse.values()].map(({ value, source, path }) => {
    const written = (key: string): string => source.textAt([...path.slice(0, -1), key]);
    const [service, local] = [written("service"), written("local")];
    const instead = value.replace ? ", in place of the service that is there" : "";
    const place = [value.context ?? context?.value, value.namespace ?? namespace?.value];
    return {
      what: `lets the cluster connect to ${local} on this machine as the service "${service}"${instead} ([[reverse]])`,
      why: value.replace
        ? "what the cluster sends to that service comes here, and every client of it there reaches what listens here"
        : "every client of that service there reaches what listens here",
      content: content("reverse", service, local, value.replace, ...place),
    };
  });
}

function commandFact(words: string): ConsentFact {
  return { what: "runs a command of its own in a jump pod", why: runsThere, detail: words, content: content("command", words) };
}

const isWaiting = (words: readonly string[]): boolean => words.length === 2 && /^(?:\/bin\/)?sleep$/.test(words[0] ?? "");

function outsideFiles({ parts }: ConsentInput): readonly ConsentFact[] {
  return parts
    .filter(({ isOutside }) => isOutside)
    .map(({ path, text }) => ({
      what: `extends "${path}", which is outside of its folder`,
      why: "it was not written for this profile",
      content: content("extends", path, digestOf(text)),
    }));
}

function opened({ layer }: ConsentInput): readonly ConsentFact[] {
  return openings(layer);
}

/** A profile with what needs consent and has none. */
export class NotAllowedError extends KtError {
  readonly facts: readonly ConsentFact[];
  /** A change in one of these may bring the consent, or make it needless. */
  readonly files: readonly string[];

  constructor(profile: string, facts: readonly ConsentFact[], files: readonly string[]) {
    const list = facts.map(({ what }) => what).join("; ");
    super("profile-not-allowed", `"${profile}" needs your consent, since it ${list}`, { hints: [allowCommand(profile)] });
    this.facts = facts;
    this.files = files;
  }
}

/** The command that gives consent: by the folder where that is enough. */
export function allowCommand(profile: string): string {
  return command`kt allow ${profile.replace(/\/tunnels\.toml$/, "") || "/"}`;
}
