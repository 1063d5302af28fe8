/** Where this user's certificate authority is. */

import { type Clock, systemClock } from "#base/clock.ts";
import { dataDirectory, type Surroundings } from "#control/socket-path.ts";
import { AuthorityStore } from "#host/trust/authority-store.ts";
import { userAtHost } from "#native/user-at-host.ts";

export function ownAuthority(at: Surroundings, clock: Clock = systemClock): AuthorityStore {
  return new AuthorityStore({ directory: `${dataDirectory(at)}/ca`, owner: userAtHost(), clock });
}
