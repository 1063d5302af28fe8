/** What the status of an EdgeNode says, by what is known of it. Pure. */

import type { EdgeStatus } from "#expose/host/edge-status.ts";
import type { Condition } from "#expose/conditions.ts";
import type { NodeFacts, Reason } from "./node-facts.ts";

/** `problem` where the EdgeNode itself is wrong. */
export function nodeConditions(facts: NodeFacts, problem: Condition | undefined): Condition[] {
  if (problem !== undefined) {
    const { reason, message } = problem;
    return [...["Enrolled", "TunnelEstablished", "ConfigSynced"].map((type) => condition(type, "Unknown", { reason, message })), problem];
  }
  const others = [enrolled(facts), established(facts), synced(facts)];
  return [...others, ready(facts, others)];
}

function condition(type: string, status: Condition["status"], { reason, message }: Reason): Condition {
  return { type, status, reason, message };
}

const notYet: Reason = { reason: "Provisioning", message: "the host is being set up" };

function enrolled({ isEnrolled, failure }: NodeFacts): Condition {
  if (isEnrolled) return condition("Enrolled", "True", { reason: "Enrolled", message: "the host has been set up" });
  return condition("Enrolled", "False", failure ?? notYet);
}

/** Those of the uplinks that are wanted. */
function uplinksOf({ wanted }: NodeFacts, edge: EdgeStatus): EdgeStatus["uplinks"] {
  return edge.uplinks.filter(({ ordinal }) => wanted?.plan.settings.uplinks.some((each) => each.ordinal === ordinal));
}

function established(facts: NodeFacts): Condition {
  const edge = facts.edge;
  if (edge === undefined) return condition("TunnelEstablished", "Unknown", unreadable(facts));
  const uplinks = uplinksOf(facts, edge);
  const healthy = uplinks.filter(({ isHealthy }) => isHealthy).length;
  const all = facts.wanted?.plan.settings.uplinks.length ?? 0;
  const count = `${healthy} of ${all} uplinks ${healthy === 1 ? "is" : "are"} healthy`;
  if (healthy > 0) return condition("TunnelEstablished", "True", { reason: "Established", message: count });
  return condition("TunnelEstablished", "False", { reason: "NoUplink", message: [count, ...problemsOf(uplinks)].join("; ") });
}

function problemsOf(uplinks: EdgeStatus["uplinks"]): string[] {
  return uplinks.filter(({ isHealthy }) => !isHealthy).map(({ ordinal, problem }) => `uplink ${ordinal}: ${problem}`);
}

function unreadable({ silence, isEnrolled, failure }: NodeFacts): Reason {
  if (!isEnrolled) return failure ?? notYet;
  return { reason: "VPSDegraded", message: `the edge does not say how it does: ${silence || "it has not been asked yet"}` };
}

function synced(facts: NodeFacts): Condition {
  const { failure, wanted } = facts;
  const is = (status: Condition["status"], reason: Reason): Condition => condition("ConfigSynced", status, reason);
  if (failure !== undefined) return is("False", failure);
  const edge = facts.edge;
  if (edge === undefined) return is("Unknown", unreadable(facts));
  if (wanted?.document === undefined || edge.hash !== wanted.document.hash)
    return is("False", { reason: "NotYetApplied", message: "the edge follows another plan yet" });
  return is("True", { reason: "Synced", message: "the edge follows this plan" });
}

/** The first of the others that does not hold is what matters; with all of them, every uplink must be there. */
function ready(facts: NodeFacts, others: readonly Condition[]): Condition {
  const is = (status: Condition["status"], reason: Reason): Condition => condition("Ready", status, reason);
  if (facts.failure !== undefined) return is("False", facts.failure);
  const bad = others.find(({ status }) => status !== "True");
  if (bad !== undefined) return is(bad.status === "Unknown" && !facts.isEnrolled ? "False" : bad.status, degraded(bad));
  const edge = facts.edge;
  const uplinks = edge === undefined ? [] : uplinksOf(facts, edge);
  const healthy = uplinks.filter(({ isHealthy }) => isHealthy).length;
  const all = facts.wanted?.plan.settings.uplinks.length ?? 0;
  if (healthy < all)
    return is("False", {
      reason: "UplinksDegraded",
      message: [`${healthy} of ${all} uplinks are healthy`, ...problemsOf(uplinks)].join("; "),
    });
  return is("True", { reason: "AllHealthy", message: "the host, the tunnel and every uplink are as wanted" });
}

/** By the words that users of achetronic/tunnel know. */
function degraded({ reason, message }: Condition): Reason {
  return { reason: reason === "NoUplink" ? "UplinksDegraded" : reason, message };
}

export interface UplinkStatus {
  readonly ordinal: number;
  readonly tunnelIP: string;
  readonly publicKey: string;
  readonly lastHandshake?: string;
}

export function uplinkStatuses(facts: NodeFacts): UplinkStatus[] {
  const { wanted } = facts;
  const said = new Map(facts.edge?.uplinks.map((each) => [each.ordinal, each.lastHandshake]));
  return (wanted?.plan.settings.uplinks ?? []).flatMap(({ ordinal, address }) => {
    const publicKey = wanted?.publicKeys.get(ordinal);
    const lastHandshake = said.get(ordinal) ?? "";
    return publicKey === undefined ? [] : [{ ordinal, tunnelIP: address, publicKey, ...(lastHandshake !== "" && { lastHandshake }) }];
  });
}
