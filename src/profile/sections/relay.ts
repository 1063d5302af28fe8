/** [relay]: the pod of kt's own in the cluster that reaches what port-forward does not, and more quickly. */

import * as v from "valibot";
import { KtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import { isImage } from "#profile/values/image.ts";
import type { Placed } from "#profile/values/placed.ts";
import type { RelayMode, RelayResources, Toleration } from "#route/relay-settings.ts";
import { isLabel } from "#route/pod-source-text.ts";
import type { SectionReader } from "./reader.ts";
import { bySetting, type LayerEntry, namedEntries, type Section } from "./section.ts";

const text = (what: string) => v.string(what);
const textTable = (what: string, description: string, example: Readonly<Record<string, string>>) =>
  v.optional(v.pipe(v.record(text("a name"), text("text")), v.description(description), v.examples([example]), v.title(what)));

const toleration = v.strictObject(
  {
    key: v.optional(text("the key of a taint")),
    operator: v.optional(v.picklist(["Exists", "Equal"], '"Exists" or "Equal"')),
    value: v.optional(text("the value of a taint")),
    effect: v.optional(v.picklist(["NoSchedule", "PreferNoSchedule", "NoExecute"], '"NoSchedule", "PreferNoSchedule" or "NoExecute"')),
  },
  'a table such as { key = "dedicated", operator = "Exists" }',
);

const quantities = (example: Readonly<Record<string, string>>) =>
  v.optional(v.pipe(v.record(text("the name of a resource"), text('a quantity such as "100m"')), v.examples([example])));

const shape = v.pipe(
  v.strictObject(
    {
      mode: v.optional(
        v.pipe(
          v.picklist(["auto", "always", "never"], '"auto", "always" or "never"'),
          v.description(
            'When the relay is used. auto: for what port-forward cannot reach. always: for every new connection, by port-forward while there is no relay. Default: "auto".',
          ),
        ),
      ),
      image: v.optional(
        v.pipe(
          text("the name of an image"),
          v.description("The image of kt that runs in the cluster; there is none by default. Needs `kt allow` once."),
          v.examples(["registry.example.com/kt:0.1.0"]),
        ),
      ),
      namespace: v.optional(
        v.pipe(text("the name of a namespace"), v.description("Where the relay runs. Default: the profile's."), v.examples(["tools"])),
      ),
      node_selector: textTable("labels", "Labels of the nodes that may run it.", { "kubernetes.io/arch": "amd64" }),
      tolerations: v.optional(
        v.pipe(
          v.array(toleration, "a list of tolerations"),
          v.description("Taints that do not keep it from a node, as in a pod."),
          v.examples([[{ key: "dedicated", operator: "Exists" as const, effect: "NoSchedule" as const }]]),
        ),
      ),
      resources: v.optional(
        v.pipe(
          v.strictObject(
            { requests: quantities({ cpu: "100m", memory: "64Mi" }), limits: quantities({ memory: "512Mi" }) },
            "a table with requests and limits",
          ),
          v.description("What it may use, as in a pod. Default: requests of 100m and 64Mi, a limit of 512Mi."),
          v.examples([{ limits: { memory: "256Mi" } }]),
        ),
      ),
      labels: textTable("labels", "Labels of the Job and its pod, besides kt's own.", { team: "shop" }),
    },
    "a table",
  ),
  v.description(
    "A pod that kt runs in the cluster while it is used: it connects to whatever the cluster reaches. Users of one cluster and namespace share it.",
  ),
);

type Given = v.InferOutput<typeof shape>;

/** Undefined where the file does not say it. */
export interface LayerRelay {
  readonly mode: Placed<RelayMode> | undefined;
  readonly image: Placed<string> | undefined;
  readonly namespace: Placed<string> | undefined;
  readonly nodeSelector: Placed<Readonly<Record<string, string>>> | undefined;
  readonly tolerations: Placed<readonly Toleration[]> | undefined;
  readonly resources: Placed<RelayResources> | undefined;
  readonly labels: Placed<Readonly<Record<string, string>>> | undefined;
}

export const relay: Section<Given, LayerRelay> = {
  shape,
  read: (reader, given = {}) => ({
    mode: reader.asWritten(["relay", "mode"], given.mode),
    image: reader.setting(["relay", "image"], given.image, parseImage),
    namespace: reader.setting(["relay", "namespace"], given.namespace, parseNamespace),
    nodeSelector: readTable(reader, "node_selector", given.node_selector),
    tolerations: reader.asWritten(["relay", "tolerations"], given.tolerations),
    resources: reader.setting(["relay", "resources"], given.resources, ({ requests = {}, limits = {} }) => ({ requests, limits })),
    labels: readTable(reader, "labels", given.labels),
  }),
  merge: bySetting,
  check: checkRelay,
};

const readTable = (reader: SectionReader, key: string, given: Readonly<Record<string, string>> | undefined) =>
  reader.asWritten(["relay", key], given);

function parseImage(image: string): string {
  if (isImage(image)) return image;
  throw new KtError("profile-invalid", `"${image}" is not a valid name of an image`, {
    hints: ['for example "registry.example.com/kt:0.1.0"'],
  });
}

function parseNamespace(namespace: string): string {
  if (isLabel(namespace)) return namespace;
  throw new KtError("profile-invalid", `"${namespace}" is not a valid name of a namespace`, {
    hints: ["lower case letters, digits and dashes"],
  });
}

/** An address without a jump host is reached by the relay, or not at all; in a pod of the cluster, by kt itself. */
function checkRelay({ mode, image }: LayerRelay, entries: readonly Placed<LayerEntry>[], isInside: boolean): void {
  if (image !== undefined && mode?.value !== "never") return;
  for (const { value, source, path } of namedEntries(entries)) {
    if (value.target.kind !== "relayed" || value.target.transport === "udp") continue;
    if (isInside && value.context === undefined) continue;
    const address = formatHostPort(value.target);
    const relayHint = image === undefined ? 'name an image of kt: [relay] image = "…"' : 'leave out mode = "never" in [relay]';
    source.problem(path, `target "${address}" is an address, which needs a jump host or the relay`, {
      hint: `add via = "svc/NAME", a pod that reaches it, or ${relayHint}`,
    });
  }
}
