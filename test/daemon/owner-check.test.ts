/** Who may use dynamic names: the hub's own user and root. */

import { expect, test } from "bun:test";
import { checkOwner } from "#daemon/owner-check.ts";
import type { PeerOwner } from "#native/socket-owner.ts";

const ends = { local: { host: "127.0.0.1", port: 8989 }, remote: { host: "127.0.0.1", port: 40000 } };
const own = process.getuid?.() ?? 0;

test.each<[string, PeerOwner, boolean]>([
  ["the hub's own user", { kind: "user", uid: own }, true],
  ["root", { kind: "user", uid: 0 }, true],
  ["another user", { kind: "user", uid: own + 4711 }, false],
  ["one that has left already", { kind: "gone" }, false],
  ["one of whom the system does not tell", { kind: "unknown" }, true],
])("%s", (_who, owner, may) => {
  const check = (): void => checkOwner(ends, () => owner);
  if (may) expect(check).not.toThrow();
  else expect(check).toThrow("are for the user who runs kt");
});
