/** The profiles that come with kt, embedded in the binary, for `extends = ["kt:NAME"]`. */

import argocd from "#profiles/argocd.toml" with { type: "text" };

/** By name, as in `kt:NAME`. */
export const shippedProfiles: ReadonlyMap<string, string> = new Map<string, string>([["argocd", argocd]]);
