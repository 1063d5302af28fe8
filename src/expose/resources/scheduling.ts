/** What EdgeNodes say about their pods in Kubernetes' own words: resources, tolerations, affinity (core/v1). Pure. */

import { integer, list, mapOf, object, optional, quantity, required, text } from "#expose/schema/field.ts";

const words = mapOf(text());
const names = list(text());

export const resources = object({
  limits: optional("The most that the container may use.", mapOf(quantity)),
  requests: optional("What it is promised.", mapOf(quantity)),
  claims: optional(
    "Resource claims of the pod that it uses.",
    list(object({ name: required("The claim.", text()), request: optional("One request of it.", text()) }), { keys: ["name"] }),
  ),
});

export const tolerations = list(
  object({
    key: optional("The taint's key; absent with Exists: every taint.", text()),
    operator: optional("Exists, or Equal, the default.", text()),
    value: optional("The taint's value.", text()),
    effect: optional("NoSchedule, PreferNoSchedule or NoExecute; absent: each of them.", text()),
    tolerationSeconds: optional("With NoExecute, for how long.", integer({ format: "int64" })),
  }),
);

const requirements = list(
  object({
    key: required("A label's key.", text()),
    operator: required("In, NotIn, Exists, DoesNotExist, Gt or Lt.", text()),
    values: optional("What it is compared with.", names),
  }),
);

const labelSelector = object({
  matchLabels: optional("Labels with these values.", words),
  matchExpressions: optional("Further requirements.", requirements),
});

const nodeTerm = object({
  matchExpressions: optional("Of the node's labels.", requirements),
  matchFields: optional("Of its fields.", requirements),
});

const podTerm = object({
  labelSelector: optional("Which pods.", labelSelector),
  namespaceSelector: optional("In namespaces with these labels.", labelSelector),
  namespaces: optional("In these namespaces.", names),
  matchLabelKeys: optional("Labels that must be as the pod's own.", names),
  mismatchLabelKeys: optional("Labels that must differ from the pod's own.", names),
  topologyKey: required("The label of nodes by which they are together.", text()),
});

const weight = integer();

const podAffinity = object({
  preferredDuringSchedulingIgnoredDuringExecution: optional(
    "Better so.",
    list(object({ weight: required("1 to 100.", weight), podAffinityTerm: required("What is preferred.", podTerm) })),
  ),
  requiredDuringSchedulingIgnoredDuringExecution: optional("Only so.", list(podTerm)),
});

export const affinity = object({
  nodeAffinity: optional(
    "By the node's labels.",
    object({
      preferredDuringSchedulingIgnoredDuringExecution: optional(
        "Better so.",
        list(object({ weight: required("1 to 100.", weight), preference: required("What is preferred.", nodeTerm) })),
      ),
      requiredDuringSchedulingIgnoredDuringExecution: optional(
        "Only so.",
        object({ nodeSelectorTerms: required("One of these.", list(nodeTerm)) }),
      ),
    }),
  ),
  podAffinity: optional("Near other pods.", podAffinity),
  podAntiAffinity: optional("Away from other pods.", podAffinity),
});
