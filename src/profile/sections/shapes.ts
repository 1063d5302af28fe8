/** Shapes that several sections have in common. The text given to a schema says what it wants. */

import * as v from "valibot";
import { KtError } from "#base/errors.ts";
import { isLabel } from "#route/pod-source-text.ts";

const targetExamples = ["monitoring/svc/grafana:http", "svc/web:80", "pod/web-0:8080", "deploy/web:8080"];
export const targetText = "[NAMESPACE/]KIND/NAME:PORT: KIND is svc, pod, deploy, sts, rs, ds, job or rc, PORT is a number or a name";

export const target = v.pipe(
  v.string('a target such as "svc/web:80"'),
  v.description(`What is reached, as ${targetText}.`),
  v.examples(targetExamples),
);

/** The target of a route that may have a jump host. */
export const routeTarget = v.pipe(
  v.string('a target such as "svc/web:80"'),
  v.description(`What is reached, as ${targetText}; with via an address: HOST:PORT or [IPV6]:PORT.`),
  v.examples([...targetExamples, "mydb.internal:3306", "[fd00::1]:5432"]),
);

export const context = v.pipe(
  v.string("the name of a context"),
  v.description("A kubeconfig context, or a short name from [contexts]. Default: the profile's."),
);

export const scheme = v.pipe(
  v.picklist(["http", "https"], '"http" or "https"'),
  v.description(
    "How the backend speaks when the client came in plain HTTP. Default: what the appProtocol of the service's port says, else https for the ports 443 and 8443 and for port names that begin with https, else http.",
  ),
);

export const forwarded = v.pipe(
  v.boolean("true or false"),
  v.description(
    "Whether kt passes the client's address to the backend in X-Forwarded-For, -Host and -Proto. With false kt adds nothing and changes nothing: for backends that refuse what comes from a proxy they do not know. Default: true.",
  ),
);

export const expose = v.pipe(
  v.boolean("true or false"),
  v.description(
    "Allows the addresses beside it to be other than loopback: every machine that reaches this one then reaches the cluster. Needs `kt allow` once. Default: false.",
  ),
);

const patternForm = /^[a-z0-9*?]([a-z0-9*?-]{0,61}[a-z0-9*?])?$/;

/** A name, or a pattern of names with * and ?. Throws KtError `profile-invalid`. */
export function parseNamePattern(text: string, what: string): string {
  if (isLabel(text) || patternForm.test(text)) return text;
  const hint = isLabel(text.toLowerCase())
    ? `write "${text.toLowerCase()}"`
    : "up to 63 lower case letters, digits and dashes; * stands for any text";
  throw new KtError("profile-invalid", `"${text}" is not a valid name of a ${what}`, { hints: [hint] });
}
