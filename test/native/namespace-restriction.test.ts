/** Why there are no user namespaces: the system's settings, in words. */

import { expect, test } from "bun:test";
import { namespaceRestriction } from "#native/namespace-restriction.ts";

test.each([
  ["linux", { "kernel.unprivileged_userns_clone": "0" }, "turned off", "sudo sysctl -w kernel.unprivileged_userns_clone=1"],
  ["linux", { "user.max_user_namespaces": "0" }, "turned off", "sudo sysctl -w user.max_user_namespaces=10000"],
  [
    "linux",
    { "kernel.apparmor_restrict_unprivileged_userns": "1" },
    "AppArmor",
    "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
  ],
  ["linux", { "user.max_user_namespaces": "96364" }, "(EPERM)", undefined],
  ["linux", {}, "(EPERM)", undefined],
  ["darwin", {}, "only Linux", undefined],
] as const)("%s, %p", (platform, set, why, remedy) => {
  const values: Readonly<Record<string, string>> = set;
  const found = namespaceRestriction("EPERM", platform, (name) => values[name] ?? "");
  expect(found.why).toContain(why);
  expect(found.remedy).toBe(remedy);
});
