/** Dynamic names and the index are for the user who runs the hub: any other user of the machine can reach its port as well. */

import { KtError } from "#base/errors.ts";
import { type ConnectionEnds, peerOwner } from "#native/socket-owner.ts";

/** Throws KtError `name-refused` for a connection of another user, but root. Where the system does not say whose it is, everyone may. */
export function checkOwner(ends: ConnectionEnds, ownerOf = peerOwner): void {
  const owner = ownerOf(ends);
  if (owner.kind === "unknown" || (owner.kind === "user" && isOwn(owner.uid))) return;
  const who = owner.kind === "user" ? `another user of this machine (uid ${owner.uid})` : "a client that has left already";
  throw new KtError("name-refused", `dynamic names, the list of routes and the dashboard are for the user who runs kt, and ${who} asked`, {
    hints: ["write a route for what other users are to reach: those are for everyone on this machine"],
  });
}

function isOwn(uid: number): boolean {
  return uid === 0 || uid === process.getuid?.();
}
