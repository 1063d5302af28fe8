/** The two CustomResourceDefinitions, made from the fields that kt itself reads by. Pure. */

import { type Field, object, optional, required } from "#expose/schema/field.ts";
import type { OpenApi } from "#expose/schema/open-api.ts";
import { edgeNodeSpec, edgeNodeStatus } from "./edge-node.ts";
import { portBindingSpec, portBindingStatus } from "./port-binding.ts";

export const exposeGroup = "tunnel.achetronic.com";
export const exposeVersion = "v1alpha1";

interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "date";
  readonly jsonPath: string;
  /** Above 0 only with `-o wide`. */
  readonly priority?: number;
}

interface Kind {
  readonly kind: string;
  readonly shortName: string;
  readonly description: string;
  readonly spec: Field<unknown>;
  readonly status: Field<unknown>;
  readonly columns: readonly Column[];
}

const ready = (field: "status" | "reason"): string => `.status.conditions[?(@.type=="Ready")].${field}`;
const generation: Column = { name: "ObservedGen", type: "integer", jsonPath: ".status.observedGeneration" };
const age: Column = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };
const readyColumn: Column = { name: "Ready", type: "string", jsonPath: ready("status") };
const reasonColumn: Column = { name: "Reason", type: "string", jsonPath: ready("reason"), priority: 1 };

const kinds: readonly Kind[] = [
  {
    kind: "EdgeNode",
    shortName: "en",
    description: "A host with a public address at which services of the cluster are reached.",
    spec: edgeNodeSpec,
    status: edgeNodeStatus,
    columns: [
      { name: "Address", type: "string", jsonPath: ".spec.address" },
      { name: "Replicas", type: "integer", jsonPath: ".spec.uplink.replicas" },
      readyColumn,
      generation,
      age,
      reasonColumn,
    ],
  },
  {
    kind: "PortBinding",
    shortName: "pb",
    description: "Public ports of an EdgeNode, and where each of them leads in the cluster.",
    spec: portBindingSpec,
    status: portBindingStatus,
    columns: [{ name: "Node", type: "string", jsonPath: ".spec.edgeNodeRef.name" }, generation, readyColumn, age, reasonColumn],
  },
];

/** For kubectl apply. */
export function edgeCrds(): { readonly kind: string; readonly metadata: { readonly name: string } }[] {
  return kinds.map(crdOf);
}

function crdOf({ kind, shortName, description, spec, status, columns }: Kind) {
  const singular = kind.toLowerCase();
  const plural = `${singular}s`;
  const root = object({ spec: required("What is wanted.", spec), status: optional("What there is.", status) });
  const schema: OpenApi = { description, ...root.openApi };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${exposeGroup}` },
    spec: {
      group: exposeGroup,
      scope: "Namespaced",
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames: [shortName] },
      versions: [
        {
          name: exposeVersion,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: schema },
        },
      ],
    },
  };
}
