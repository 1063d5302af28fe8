/** Does on a host what has been found to be missing. */

import type { RemoteHost } from "#remote/remote-host.ts";
import type { HostAction } from "#operator/host/steps/host-step.ts";
import { hostLimits } from "./limits.ts";
import { versionOf } from "#operator/host/wanted/kt-binary.ts";
import { removePredecessor } from "#operator/host/wanted/predecessor.ts";
import { binaryPath, places } from "#operator/host/wanted/places.ts";
import type { WantedHost } from "#operator/host/wanted/wanted-host.ts";

/** What was there before is kept, for the day on which kt goes: the first value that was met. */
const setSysctl = `set -eu
path=/proc/sys/$(echo "$1" | tr . /)
grep -qs "^sysctl $1 " ${places.former} || echo "sysctl $1 $(cat "$path")" >>${places.former}
echo "$2" >"$path"`;

export async function act(host: RemoteHost, wanted: WantedHost, action: HostAction): Promise<void> {
  switch (action.do) {
    case "push":
      return await push(host, wanted);
    case "write": {
      const { path, bytes, mode, owner } = action.file;
      return await host.writeFile({ path, bytes, mode, ...(owner === "edge" ? { ownerOf: `${places.state}/` } : {}) });
    }
    case "sysctl":
      await host.must(`setting ${action.name}`, ["sh", "-c", setSysctl, "sh", action.name, String(action.value)]);
      return;
    case "remove":
      await host.must(`removing "${action.path}"`, ["rm", "-rf", "--", action.path]);
      return;
    case "take-over":
      await host.must("removing achetronic/tunnel", ["sh", "-c", removePredecessor], { timeoutMs: hostLimits.takeOverMs });
      return;
    default:
      await host.must(...systemctl(action));
  }
}

/** The folders that files are written into. */
export async function makeFolders(host: RemoteHost, wanted: WantedHost): Promise<void> {
  const folders = [places.certificates, `${places.binaries}/${versionOf(wanted.binary)}`, "/etc/sysctl.d"];
  await host.must("making kt's folders", ["sh", "-c", 'umask 022; mkdir -p -- "$@"', "sh", ...folders]);
}

async function push(host: RemoteHost, { binary }: WantedHost): Promise<void> {
  const gzip: ReadableWritablePair<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> = new CompressionStream("gzip");
  const packed = binary.read().pipeThrough(gzip);
  const path = binaryPath(versionOf(binary));
  await host.writePackedFile({ path, sha256: binary.sha256, packed, mode: "755" }, { timeoutMs: hostLimits.pushMs });
}

type UnitAction = Exclude<HostAction, { readonly do: "push" | "write" | "sysctl" | "remove" | "take-over" }>;

function systemctl(action: UnitAction): [what: string, argv: string[]] {
  switch (action.do) {
    case "reload":
      return ["having systemd read its units", ["systemctl", "daemon-reload"]];
    case "retire":
      // Its last connection may take days.
      return [`having ${action.unit} end`, ["systemctl", "stop", "--no-block", "--", action.unit]];
    case "kill":
      return [`ending ${action.unit}`, ["systemctl", "kill", "--signal=KILL", "--", action.unit]];
    case "start":
      // Whether it comes up is seen afterwards, and said in its own words.
      return [`starting ${action.unit}`, ["systemctl", "start", "--no-block", "--", action.unit]];
    default:
      return [`${gerunds[action.do]} ${action.unit}`, ["systemctl", action.do, "--quiet", "--", action.unit]];
  }
}

const gerunds = { enable: "enabling", restart: "restarting", disable: "disabling", stop: "stopping" } as const;
