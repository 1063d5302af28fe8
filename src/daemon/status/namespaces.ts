/** The namespaces of [[forward]]s as the snapshot shows them, with one sentence for what is not as the cluster has it. */

import type { NamespaceStatus } from "#control/api.ts";
import type { DiscoveredNamespace } from "#discovery/discovery.ts";
import type { Forwarded, ForwardedAll } from "#discovery/forwarded.ts";
import { type Naming, refusedNames } from "#discovery/names.ts";
import type { Polling } from "#kube/objects/types.ts";
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
  const { namespace, context, services, problem, naming } = seen;
  const listed =
    services === undefined ? {} : { services: forwarded.filter(({ pod, address }) => pod === undefined && address !== "").length };
  const nameNotes = [...refusedNote(forwarded, naming), ...clashNotes(forwarded, all)];
  const notes = [...stateNotes(seen), ...lowPortNote(forwarded), ...forwarded.flatMap(placeNotes), ...nameNotes];
  return { namespace, context, ...listed, notes, ...(problem ? { problem: sent(toProblem(problem)) } : {}) };
}

function stateNotes({ isMissing, polling, slicesProblem }: DiscoveredNamespace): string[] {
  return [
    ...(isMissing ? ["the namespace is not there yet: its services are forwarded as soon as it is"] : []),
    ...(polling ? [pollingNote(polling)] : []),
    ...(slicesProblem ? [`pods of headless services have no addresses: ${slicesProblem.message}`] : []),
  ];
}

function pollingNote({ everyMs, names, refused, left }: Polling): string {
  const every = `every ${Math.ceil(everyMs / 1000)} s`;
  if (names === undefined) return `watching is not allowed here, so it is asked for ${every}`;
  const unread = refused.length === 0 ? "" : `; ${quoted(refused)} may not be read`;
  const unasked = left.length === 0 ? "" : `; ${quoted(left)} of include ${left.length === 1 ? "is" : "are"} too many for that`;
  return `listing is not allowed here, so ${quoted(names)} ${names.length === 1 ? "is" : "are"} asked for by name, ${every}${unread}${unasked}`;
}

function placeNotes({ service, notes }: Forwarded): string[] {
  return notes.map((note) => `svc/${service}: ${note}`);
}

/** Only Linux can be told otherwise. */
const lowPortsRemedy =
  process.platform === "linux" ? "; commands of kt run have them all the same, and every program after kt setup ports" : "";

/** All of them at once: most services have port 80. */
function lowPortNote(forwarded: readonly Forwarded[]): string[] {
  const raised = forwarded.flatMap(({ ports }) => ports.filter(({ lowPort }) => lowPort !== undefined));
  if (raised.length === 0) return [];
  const pairs = [...new Set(raised.map(({ port, localPort }) => `${port} is ${localPort}`))];
  return [`low ports need a privilege that kt does not have: ${pairs.join(", ")}${lowPortsRemedy}`];
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
    const names = quoted(those.map(({ name }) => name));
    return `${names} ${those.length === 1 ? "leads" : "lead"} to namespace "${namespace}", which comes first`;
  });
}

/** Of a namespace that is called like an end of the web's names, or a service like this machine's own. */
function refusedNote(forwarded: readonly Forwarded[], naming: Naming): string[] {
  const refused = forwarded.filter(({ address }) => address !== "").flatMap((place) => refusedNames(place, naming));
  if (refused.length === 0) return [];
  return [`${quoted(refused)} ${refused.length === 1 ? "is" : "are"} not given, as others have such names: the longer names lead there`];
}

function quoted(names: readonly string[]): string {
  const more = names.length > shownNames ? ` and ${names.length - shownNames} more` : "";
  const shown = names.slice(0, shownNames).map((name) => `"${name}"`);
  return `${shown.join(", ")}${more}`;
}
