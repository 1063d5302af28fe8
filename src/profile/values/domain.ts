/** Domains that a profile may give its services' names in. */

import { normaliseHostname } from "#base/hostname.ts";
import { KtError } from "#base/errors.ts";

/** Set aside for uses like this one (RFC 6761, RFC 8375, ICANN's "internal"), so a single label will do. */
const privateDomain = /^(test|internal|example|invalid|lan|home|corp)$/;

/** The second label of public suffixes such as co.uk and com.au. */
const registryLabel = /^(co|com|org|net|gov|gob|ac|edu|or|ne|go)$/;

function isPublicSuffix(labels: readonly string[]): boolean {
  const [first = "", country = ""] = labels;
  if (labels.length === 1) return !privateDomain.test(first);
  return labels.length === 2 && country.length === 2 && registryLabel.test(first);
}

/** Clusters may have any, as "cluster.local" by default, but none that everybody uses. Normalised. Throws KtError `profile-invalid`. */
export function parseClusterDomain(text: string): string {
  const refuse = (why: string): never => {
    throw new KtError("profile-invalid", `cluster_domain "${text}" ${why}`, { hints: ['for example cluster_domain = "cluster.local"'] });
  };
  const domain = normaliseHostname(text);
  if (domain === undefined) return refuse("is not a valid domain");
  const labels = domain.split(".");
  if (/^(localhost|local|arpa)$/.test(domain) || labels.at(-1) === "localhost") return refuse("has other meanings on every machine");
  const isRegistry = labels.length === 1 && (domain.length === 2 || registryLabel.test(domain));
  return isRegistry || (labels.length > 1 && isPublicSuffix(labels))
    ? refuse("is a public suffix, and its names are other people's")
    : domain;
}

/** Normalised. Throws KtError `profile-invalid` for one that others have. */
export function parseDomain(text: string): string {
  const refuse = (why: string): never => {
    throw new KtError("profile-invalid", `domain "${text}" ${why}`, { hints: ['for example domain = "dev.test"'] });
  };
  const domain = normaliseHostname(text.replace(/^\*?\./, ""));
  if (domain === undefined) return refuse("is not a valid domain");
  const labels = domain.split(".");
  if (labels.at(-1) === "localhost") return refuse("leads to 127.0.0.1 on every machine, and not to the services' addresses");
  if (labels.at(-1) === "local") return refuse("belongs to multicast DNS, which systems ask first");
  return isPublicSuffix(labels) ? refuse("is a public suffix, and its names are other people's") : domain;
}
