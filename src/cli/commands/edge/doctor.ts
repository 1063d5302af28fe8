/** `kt edge doctor`: whether a host can be a public edge, from the SSH connection up to its ports. */

import { KtError } from "#base/errors.ts";
import type { CommandContext, Options } from "#cli/command.ts";
import { hostAddress, hostTrust, loginSource, readCredential } from "#cli/edge/edge-login.ts";
import { type EdgeHost, edgeHostOf, objectsOfFiles } from "#cli/edge/edge-manifest.ts";
import { ownPorts, wireGuardBytes } from "#cli/edge/edge-ports.ts";
import { hostOfCluster } from "#cli/edge/host-of-cluster.ts";
import { exitCodes } from "#cli/exit.ts";
import { showFindings } from "#cli/screen/findings.ts";
import type { Output } from "#cli/screen/output.ts";
import { surroundings } from "#control/socket-path.ts";
import { edgeNodeDefaults } from "#expose/resources/edge-node.ts";
import { examineHost } from "#remote/doctor/examine-host.ts";
import { broken, type HostFinding } from "#remote/doctor/host-finding.ts";
import type { HostTrust } from "#remote/host-trust.ts";
import { remoteLimits } from "#remote/limits.ts";
import { readLogin } from "#remote/login.ts";

export async function edgeDoctor({ args, options, output }: CommandContext): Promise<number> {
  const host = await askedHost(args[0], options, output);
  const { host: name, port } = host.address;
  const findings = await output.waitFor(`looking at ${name}:${port}`, async () => await findingsOf(host));
  const isWhole = findings.every(({ verdict }) => verdict !== "broken");
  if (options.flag("json")) output.json({ ok: isWhole, findings });
  else showFindings(findings, output);
  return isWhole ? exitCodes.done : exitCodes.failed;
}

async function askedHost(node: string | undefined, options: Options, output: Output): Promise<EdgeHost> {
  const files = options.texts("file");
  const ways = [node !== undefined, files.length > 0, options.text("host") !== undefined].filter(Boolean).length;
  if (ways !== 1) {
    throw new KtError(
      "usage",
      ways === 0 ? "which host?" : "an EdgeNode, -f and --host name a host each, and kt edge doctor looks at one",
      {
        hints: ["kt edge doctor edge-node -n infra", "kt edge doctor --host 203.0.113.10 --key-file ~/.ssh/id_ed25519"],
      },
    );
  }
  if (files.length > 0) return edgeHostOf(objectsOfFiles(files.map(readCredential)), "files");
  return node === undefined ? await hostOfOptions(options) : await hostOfCluster(node, options, output);
}

async function findingsOf(host: EdgeHost): Promise<HostFinding[]> {
  const { address, connectMs, needs } = host;
  const login = await readLogin(host.login);
  let trust: HostTrust;
  try {
    trust = hostTrust(host);
  } catch (error) {
    // Without it nothing is sent there, so nothing else can be known.
    if (error instanceof KtError) return [broken("host key", error.message, ...error.hints)];
    throw error;
  }
  return await examineHost({ ssh: { address, login, trust, connectMs }, isPinned: host.knownHosts !== undefined, needs });
}

async function hostOfOptions(options: Options): Promise<EdgeHost> {
  const address = hostAddress(options);
  return {
    address,
    login: await loginSource(options),
    knownHosts: readCredential(options.text("knownHosts") ?? `${surroundings().home}/.ssh/known_hosts`),
    isSkipped: false,
    connectMs: remoteLimits.connectMs,
    needs: { ports: ownPorts(edgeNodeDefaults.tunnelPort, "wireguard"), packetBytes: edgeNodeDefaults.mtu + wireGuardBytes(address.host) },
  };
}
