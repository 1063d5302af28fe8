/** Fields that both kinds have: references, ports, durations, and what a status says. Pure. */

import { choice, type Field, integer, list, object, optional, required, text } from "#expose/schema/field.ts";
import type { Rule } from "#expose/schema/open-api.ts";
import { goDurationPattern, parseGoDuration } from "#expose/values/go-duration.ts";

export const port = integer({ minimum: 1, maximum: 65_535 });

/** 0 is the default, as for those who wrote it so for achetronic/tunnel. */
export const portOrDefault = integer({ minimum: 0, maximum: 65_535 });

/** Of a Kubernetes object. */
export const objectName = text({ minLength: 1, maxLength: 253 });

/** "" is the default, too. */
const namespaceName = text({ maxLength: 63 });

/** A reference to something in the referrer's namespace, or in the one that it names. */
export const secretRef = object({
  name: required("The Secret.", objectName),
  namespace: optional("Its namespace; default: that of the object which refers to it.", namespaceName),
});

export const nodeRef = object({
  name: required("The EdgeNode.", objectName),
  namespace: optional("Its namespace; default: that of the PortBinding.", namespaceName),
});

const durationChars = 64;

/** Those that Go reads; "" is the default. `leastMs` is the least, or what it must be above. */
function durationRule(zero: "allowed" | "refused"): Rule<string> {
  const isAllowed = zero === "allowed";
  return {
    cel: `self == '' || (self.matches('${goDurationPattern}') && duration(self) ${isAllowed ? ">=" : ">"} duration('0s'))`,
    message: `must be a duration ${isAllowed ? "of 0 or more" : "above 0"}, such as 30s, 500ms or 1h30m`,
    holds(value) {
      const durationMs = parseGoDuration(value);
      return value === "" || (durationMs !== undefined && (isAllowed ? durationMs >= 0 : durationMs > 0));
    },
  };
}

/** Above 0. */
export const duration: Field<string> = text({ maxLength: durationChars, rules: [durationRule("refused")] });

/** 0 means none, or that there is no limit. */
export const durationOrZero: Field<string> = text({ maxLength: durationChars, rules: [durationRule("allowed")] });

/** As `metav1.Condition`. */
export const conditions = list(
  object({
    type: required("What it is about.", text({ minLength: 1, maxLength: 316 })),
    status: required("Whether it holds.", choice(["True", "False", "Unknown"])),
    reason: required("Why, in one word.", text({ minLength: 1, maxLength: 1024 })),
    message: required("Why, in words.", text({ maxLength: 32_768 })),
    lastTransitionTime: required("When the status last changed.", dateTime()),
    observedGeneration: optional("The generation that it is about.", integer({ format: "int64", minimum: 0 })),
  }),
  { keys: ["type"] },
);

export function dateTime(): Field<string> {
  const field = text();
  return { ...field, openApi: { ...field.openApi, format: "date-time" } };
}
