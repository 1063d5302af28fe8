/** Decides by a known-hosts file whether a host is the one it should be, before anything is sent to it. */

import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import { algorithmsFor, fingerprintOf, type HostKey, isSameKey } from "./host-key.ts";
import { type KnownHosts, lookUpHost, parseKnownHosts } from "./known-hosts.ts";
import { type SshAddress, sshAddressText } from "./ssh-address.ts";

/** What a host must prove. */
export interface HostTrust {
  /**
   * Those that are offered to it. A host picks one of its keys by them, and with more it might pick one that the file does not have.
   */
  readonly algorithms: readonly string[];
  /** Why this key is refused; undefined where it is the host's. */
  readonly objection: (key: HostKey) => KtError | undefined;
}

/** Throws KtError `ssh-host-key` where the file has nothing that this host could prove: it is then not even connected to. */
export function trustOf(text: string, address: SshAddress): HostTrust {
  const file = parseKnownHosts(text);
  const known = lookUpHost(file, address.host, address.port);
  const where = sshAddressText(address);
  const refuse = (why: string, hints: readonly string[] = [pinHint(address)]): KtError => new KtError("ssh-host-key", why, { hints });
  if (known.pinned.length === 0 && known.hasAuthority)
    throw refuse(`the known hosts have only a @cert-authority line for ${where}, and kt does not read host certificates`);
  if (known.pinned.length === 0) throw refuse(`the known hosts have no key of ${where}${unread(file)}`);
  const algorithms = algorithmsFor(known.pinned.map(({ type }) => type));
  const types = [...new Set(known.pinned.map(({ type }) => type))].join(", ");
  if (algorithms.length === 0) throw refuse(`the known hosts have only ${types} for ${where}, which kt does not accept`);
  return {
    algorithms,
    objection(key) {
      const shown = `${key.type} ${fingerprintOf(key)}`;
      if (known.revoked.some((revoked) => isSameKey(revoked, key)))
        return refuse(`${where} has shown ${shown}, which the known hosts mark as @revoked`, ["give the host a new key, and pin that one"]);
      if (known.pinned.some((pinned) => isSameKey(pinned, key))) return undefined;
      return refuse(`${where} has shown ${shown}, which is not the key that the known hosts have: it may be another host`, [
        "find out why before you go on: on the host's own console, ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub prints its fingerprint",
        pinHint(address),
      ]);
    },
  };
}

function pinHint({ host, port, user }: SshAddress): string {
  return command`kt edge secret --host ${host} ${port === 22 ? [] : ["--port", String(port)]} ${user === "root" ? [] : ["--user", user]}`;
}

function unread({ lines, unreadable: [first] }: KnownHosts): string {
  if (first === undefined) return "";
  return lines.length === 0 ? ": they are not in the format of known_hosts" : `: line ${first} is not in the format of known_hosts`;
}
