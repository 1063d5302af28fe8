/** The settings at the top of the file: what the profile is called, what it extends, and what counts for all of it. */

import * as v from "valibot";
import { isLabel } from "#route/pod-source-text.ts";
import { expandPath } from "#profile/values/paths.ts";
import type { Placed } from "#profile/values/placed.ts";
import type { SectionReader } from "./reader.ts";
import { context, expose } from "./shapes.ts";
import { readTunables, type Tunables, type Tuned, tunableShapes } from "./tunable.ts";

export const generalTunables = {
  idle_timeout: {
    kind: "duration",
    fallback: "60m",
    examples: ["60m", "1h30m", "0"],
    what: 'A tunnel closes after this long without a connection. "0" never.',
  },
  start_timeout: {
    kind: "duration",
    fallback: "30s",
    least: { ms: 1, why: "would never let a tunnel start", hint: 'for example start_timeout = "30s"' },
    what: "How long a new connection waits for a pod that is on its way.",
  },
} as const satisfies Tunables;

export const generalEntries = {
  name: v.optional(
    v.pipe(v.string("text"), v.description("The profile's name for people. Default: the folder's name."), v.examples(["shop"])),
  ),
  extends: v.optional(
    v.pipe(
      v.array(v.string('a file such as "./team.toml", or "kt:NAME"'), "a list of files"),
      v.description(
        "Profiles this one builds on: files relative to this one, and shipped ones as kt:NAME. What is said here wins over them.",
      ),
      v.examples([["kt:argocd", "./team.toml"]]),
    ),
  ),
  context: v.optional(
    v.pipe(context, v.description("The default context. Default: the kubeconfig's current-context."), v.examples(["dev"])),
  ),
  namespace: v.optional(
    v.pipe(
      v.string("the name of a namespace"),
      v.description('The default namespace. Default: the context\'s own, else "default".'),
      v.examples(["shop"]),
    ),
  ),
  kubeconfig: v.optional(
    v.pipe(
      v.union([v.string("a path"), v.array(v.string("a path"))], "a path or a list of paths"),
      v.description("Kubeconfig files: one path, several joined by colons, or a list. Default: $KUBECONFIG, else ~/.kube/config."),
      v.examples(["~/.kube/config", ["~/.kube/config", "./team.kubeconfig"]]),
    ),
  ),
  ...tunableShapes(generalTunables),
  expose: v.optional(expose),
};

const shape = v.object(generalEntries);

/** Undefined where the file does not say it. */
export interface GeneralSettings extends Tuned<typeof generalTunables> {
  readonly name: Placed<string> | undefined;
  readonly context: Placed<string> | undefined;
  readonly namespace: Placed<string> | undefined;
  readonly kubeconfig: Placed<readonly string[]> | undefined;
  readonly expose: Placed<boolean> | undefined;
}

export function readGeneral(reader: SectionReader, given: v.InferOutput<typeof shape>): GeneralSettings {
  return {
    name: reader.asWritten(["name"], given.name),
    context: reader.asWritten(["context"], given.context),
    namespace: readNamespace(reader, given.namespace),
    kubeconfig: reader.setting(["kubeconfig"], given.kubeconfig, (paths) => kubeconfigOf(reader, paths)),
    ...readTunables(reader, [], generalTunables, given),
    expose: reader.asWritten(["expose"], given.expose),
  };
}

function readNamespace(reader: SectionReader, namespace: string | undefined): Placed<string> | undefined {
  if (namespace === undefined) return undefined;
  if (isLabel(namespace)) return reader.place(["namespace"], namespace);
  const hint = "lower case letters, digits and dashes";
  return reader.problem(["namespace"], `"${namespace}" is not a valid name of a namespace`, { hint });
}

function kubeconfigOf({ source, home }: SectionReader, paths: string | readonly string[]): readonly string[] {
  const list = typeof paths === "string" ? paths.split(":") : paths;
  return list.filter((path) => path !== "").map((path) => expandPath(path, source.directory, home));
}
