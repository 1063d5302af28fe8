/** Where a host's SSH server is, and as whom it is entered. */

import { formatHostPort } from "#base/hostname.ts";

export interface SshAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/** As messages write it: without the port that everyone expects. */
export function sshAddressText({ host, port }: Pick<SshAddress, "host" | "port">): string {
  return port === 22 ? host : formatHostPort({ host, port });
}
