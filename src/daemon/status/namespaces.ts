/** The namespaces of [[forward]]s as the snapshot shows them, with one sentence for what is not as the cluster has it. */

import type { NamespaceStatus } from "#control/api.ts";
import type { DiscoveredNamespace } from "#discovery/discovery.ts";
import type { Forwarded, ForwardedAll } from "#discovery/forwarded.ts";
import { kubeLimits } from "#kube/limits.ts";
import { toProblem } from "#observe/events.ts";
import type { ForwardsState, UnopenedForward } from "#daemon/plans/opened-forwards.ts";
import { sent } from "./sent.ts";

/** In the order of the profile. */
export function namespaceStates({ discovered, all, unopened }: ForwardsState): NamespaceStatus[] {
  const byPlace = Map.groupBy(all.forwarded, placeOf);
  const places = discovered.namespaces.map((each) => namespaceState(each, byPlace.get(placeOf(each)) ?? [], all));
  const globs = discovered.problems.map(({ globs: names, context, problem }): NamespaceStatus => {
    return { namespace: names.join(", "), context, notes: [], problem: sent(toProblem(problem)) };
  });
  return [...places, ...globs, ...unopened.map(unopenedState)];
}

const placeOf = ({ context, namespace }: { readonly context: string; readonly namespace: string }): string => `${context}\0${namespace}`;

function unopenedState({ forward: { namespaces, context }, problem }: UnopenedForward): NamespaceStatus {
  return { namespace: namespaces?.join(", ") ?? "", context: context ?? "", notes: [], problem: sent(toProblem(problem)) };
}

function namespaceState(seen: DiscoveredNamespace, forwarded: readonly Forwarded[], all: ForwardedAll): NamespaceStatus {
  const { namespace, context, services, problem } = seen;
  const listed =
    services === undefined ? {} : { services: forwarded.filter(({ pod, address }) => pod === undefined && address !== "").length };
  const notes = [...stateNotes(seen), ...lowPortNote(forwarded), ...forwarded.flatMap(placeNotes), ...clashNotes(forwarded, all)];
  return { namespace, context, ...listed, notes, ...(problem ? { problem: sent(toProblem(problem)) } : {}) };
}

function stateNotes({ isMissing, isPolled, slicesProblem }: DiscoveredNamespace): string[] {
  const seconds = kubeLimits.pollIntervalMs / 1000;
  return [
    ...(isMissing ? ["the namespace is not there yet: its services are forwarded as soon as it is"] : []),
    ...(isPolled ? [`watching is not allowed here, so it is asked for every ${seconds} s`] : []),
    ...(slicesProblem ? [`pods of headless services have no addresses: ${slicesProblem.message}`] : []),
  ];
}

function placeNotes({ service, notes }: Forwarded): string[] {
  return notes.map((note) => `svc/${service}: ${note}`);
}

/** All of them at once: most services have port 80. */
function lowPortNote(forwarded: readonly Forwarded[]): string[] {
  const raised = forwarded.flatMap(({ ports }) => ports.filter(({ isRaised }) => isRaised));
  if (raised.length === 0) return [];
  const pairs = [...new Set(raised.map(({ port, localPort }) => `${port} is ${localPort}`))];
  return [`low ports need a privilege that kt does not have: ${pairs.join(", ")}`];
}

/** So many names are quoted. */
const shownNames = 3;

/** Bare names lead to one namespace only: said once for each that has them. */
function clashNotes(forwarded: readonly Forwarded[], { clashes, forwarded: everyone }: ForwardedAll): string[] {
  const own = new Set(forwarded.map(({ address }) => address));
  const holderOf = (address: string): string => everyone.find((each) => each.address === address)?.namespace ?? address;
  const byHolder = Map.groupBy(
    clashes.filter(({ refused }) => own.has(refused)),
    ({ kept }) => holderOf(kept),
  );
  return [...byHolder].map(([namespace, those]) => {
    const names = those.slice(0, shownNames).map(({ name }) => `"${name}"`);
    const more = those.length > shownNames ? ` and ${those.length - shownNames} more` : "";
    return `${names.join(", ")}${more} ${those.length === 1 ? "leads" : "lead"} to namespace "${namespace}", which comes first`;
  });
}
