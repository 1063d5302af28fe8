/** Which tunnels survive a reload: the policy as a table. */

import { expect, test } from "bun:test";
import type { ClusterView } from "#daemon/plans/clusters.ts";
import { type Attachment, nothingAttached, survives } from "#daemon/plans/survival.ts";

const view: ClusterView = { kubeconfig: ["/kube/config"], strangers: {}, environment: { AWS_PROFILE: "dev" } };
const otherKubeconfig: ClusterView = { ...view, kubeconfig: ["/kube/other"] };
const otherCredentials: ClusterView = { ...view, environment: { AWS_PROFILE: "admin" } };
const otherTerminal: ClusterView = { ...view, environment: { ...view.environment, TERM: "dumb" } };

/** One profile, "shop", that names these targets. */
const shop = (named: readonly string[], as: ClusterView = view): Attachment => ({ named: new Set(named), views: new Map([["shop", as]]) });

const cases: readonly (readonly [string, { readonly key?: string; readonly open?: number }, Attachment, Attachment, boolean])[] = [
  ["of a route that stays", {}, shop(["db"]), shop(["db"]), true],
  ["of a route that came only now", {}, shop([]), shop(["db"]), true],
  ["of a route that went", {}, shop(["db"]), shop([]), false],
  ["of a route that went, also while it is in use", { open: 1 }, shop(["db"]), shop([]), false],
  ["that no route names, as of a pattern", { key: "guess" }, shop(["db"]), shop([]), true],
  ["of a profile that went", {}, shop(["db"]), nothingAttached, false],
  ["that no route names, of a profile that went", { key: "guess", open: 1 }, shop(["db"]), nothingAttached, false],
  ["of a profile that was not attached before", {}, nothingAttached, shop(["db"]), true],
  ["that is in use, with another kubeconfig", { open: 1 }, shop(["db"]), shop(["db"], otherKubeconfig), false],
  ["that is in use, with other credentials", { open: 1 }, shop(["db"]), shop(["db"], otherCredentials), true],
  ["that is not in use, with other credentials", {}, shop(["db"]), shop(["db"], otherCredentials), false],
  ["that is not in use, from another terminal", {}, shop(["db"]), shop(["db"], otherTerminal), true],
  ["that no route names, with another kubeconfig", { key: "guess", open: 1 }, shop([]), shop([], otherKubeconfig), false],
];

test.each(cases)("a tunnel %s", (_, { key = "db", open = 0 }, before, after, expected) => {
  expect(survives({ key, profile: "shop", openConnections: open }, before, after)).toBe(expected);
});

test("two profiles are judged apart", () => {
  const both = (bill: ClusterView): Attachment => ({
    named: new Set(["db"]),
    views: new Map([
      ["shop", view],
      ["bill", bill],
    ]),
  });
  const [before, after] = [both(view), both(otherKubeconfig)];
  expect(["shop", "bill"].map((profile) => survives({ key: "db", profile, openConnections: 0 }, before, after))).toEqual([true, false]);
});
