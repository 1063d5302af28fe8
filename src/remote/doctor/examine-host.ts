/** Looks at a host from the SSH connection up to its ports, and leaves nothing there. */

import { KtError, messageOf } from "#base/errors.ts";
import type { ErrorCode } from "#base/error-facts.ts";
import { systemClock } from "#base/clock.ts";
import { RemoteHost } from "#remote/remote-host.ts";
import { sha256Of } from "#remote/remote-files.ts";
import type { SshOptions } from "#remote/ssh-connection.ts";
import { sshAddressText } from "#remote/ssh-address.ts";
import { factsScript, parseFacts } from "./host-facts.ts";
import { broken, type HostCheck, type HostFinding, ok, warn } from "./host-finding.ts";
import { type EdgeNeeds, judgeHost } from "./host-findings.ts";

export interface HostQuestion {
  readonly ssh: SshOptions;
  /** False where the host's key is accepted unseen. */
  readonly isPinned: boolean;
  readonly needs: EdgeNeeds;
}

/** Where a connection ends, as far as it came. */
const steps: readonly (readonly [check: HostCheck, code: ErrorCode])[] = [
  ["ssh", "ssh-unreachable"],
  ["host key", "ssh-host-key"],
  ["login", "ssh-login"],
  ["root", "ssh-no-root"],
];

/** Where kt keeps what it installs. */
const folders = ["/etc", "/etc/systemd/system", "/etc/sysctl.d", "/usr/local/lib"];

export async function examineHost({ ssh, isPinned, needs }: HostQuestion): Promise<HostFinding[]> {
  let host: RemoteHost;
  try {
    host = await RemoteHost.open(ssh);
  } catch (error) {
    if (error instanceof KtError) return until(error, sayings(ssh, isPinned));
    throw error;
  }
  try {
    const facts = parseFacts(await host.must("asking what it is", ["sh", "-c", factsScript]));
    const judged = judgeHost(facts, needs, Math.round(systemClock.wallMs() / 1000));
    return [...sayings(ssh, isPinned), await filesOf(host), ...judged];
  } finally {
    host.close();
  }
}

/** What is said of each step that went well. */
function sayings({ address }: SshOptions, isPinned: boolean): HostFinding[] {
  const pin = isPinned
    ? ok("host key", "it is the one that the known hosts have")
    : warn("host key", "accepted without being compared: another host could be in its place", "put knownHosts into the Secret");
  return [
    ok("ssh", `${sshAddressText(address)} answers`),
    pin,
    ok("login", `signed in as "${address.user}"`),
    ok("root", "commands run as root"),
  ];
}

function until(error: KtError, sayings: readonly HostFinding[]): HostFinding[] {
  const at = Math.max(
    0,
    steps.findIndex(([, code]) => code === error.code),
  );
  const check = steps[at]?.[0] ?? "ssh";
  const rest: HostFinding = { check: "system", verdict: "skipped", text: "what the host is can only be asked over SSH", fixes: [] };
  return [...sayings.slice(0, at), broken(check, error.message, ...error.hints), rest];
}

/** Proves by writing that files can be written, whole and for root alone: /usr may be mounted read-only, a disk may be full. */
async function filesOf(host: RemoteHost): Promise<HostFinding> {
  const states = await host.fileStates(folders);
  const there = folders.filter((_, index) => states[index]?.kind === "folder");
  const bytes = new TextEncoder().encode("kt edge doctor\n");
  for (const folder of there) {
    const path = `${folder}/.kt-doctor`;
    try {
      await host.writeFile({ path, bytes, mode: "600" });
      const [state] = await host.fileStates([path]);
      await host.removeFile(path);
      if (state?.kind !== "file" || state.mode !== "600" || state.sha256 !== sha256Of(bytes))
        return broken("files", `what was written to "${path}" was not what stood there then`, "look at the file system of that folder");
    } catch (error) {
      return broken("files", messageOf(error), `mount it writable, and see that it has room: findmnt -T ${folder}`);
    }
  }
  return ok("files", `can be written in ${there.join(", ")}`);
}
