/** `kt edge doctor`: whether a host can be a public edge, from the SSH connection up to its ports. */

import { KtError } from "#base/errors.ts";
import type { CommandContext, Options } from "#cli/command.ts";
import { hostAddress, loginSource, readCredential } from "#cli/edge/edge-login.ts";
import { type EdgeHost, edgeHostOf } from "#cli/edge/edge-manifest.ts";
import { ownPorts } from "#cli/edge/edge-ports.ts";
import { exitCodes } from "#cli/exit.ts";
import { showFindings } from "#cli/screen/findings.ts";
import { surroundings } from "#control/socket-path.ts";
import { edgeNodeDefaults } from "#expose/resources/edge-node.ts";
import { examineHost } from "#remote/doctor/examine-host.ts";
import { broken, type HostFinding } from "#remote/doctor/host-finding.ts";
import { algorithmsFor, hostKeyTypes } from "#remote/host-key.ts";
import { type HostTrust, trustOf } from "#remote/host-trust.ts";
import { remoteLimits } from "#remote/limits.ts";
import { readLogin } from "#remote/login.ts";

export async function edgeDoctor({ options, output }: CommandContext): Promise<number> {
  const files = options.texts("file");
  const host = files.length > 0 ? edgeHostOf(files.map(readCredential)) : await hostOfOptions(options);
  const { host: name, port } = host.address;
  const findings = await output.waitFor(`looking at ${name}:${port}`, async () => await findingsOf(host));
  const isWhole = findings.every(({ verdict }) => verdict !== "broken");
  if (options.flag("json")) output.json({ ok: isWhole, findings });
  else showFindings(findings, output);
  return isWhole ? exitCodes.done : exitCodes.failed;
}

async function findingsOf(host: EdgeHost): Promise<HostFinding[]> {
  const { address, connectMs, needed } = host;
  const login = await readLogin(host.login);
  let trust: HostTrust;
  try {
    trust = trustIn(host);
  } catch (error) {
    // Without it nothing is sent there, so nothing else can be known.
    if (error instanceof KtError) return [broken("host key", error.message, ...error.hints)];
    throw error;
  }
  return await examineHost({ ssh: { address, login, trust, connectMs }, isPinned: host.knownHosts !== undefined, needed });
}

/** As the operator decides it: without known hosts only a flag of the EdgeNode has any host accepted. */
function trustIn({ knownHosts, isSkipped, address }: EdgeHost): HostTrust {
  if (knownHosts !== undefined || !isSkipped) return trustOf(knownHosts ?? "", address);
  return { algorithms: algorithmsFor(hostKeyTypes), objection: () => undefined };
}

async function hostOfOptions(options: Options): Promise<EdgeHost> {
  return {
    address: hostAddress(options),
    login: await loginSource(options),
    knownHosts: readCredential(options.text("knownHosts") ?? `${surroundings().home}/.ssh/known_hosts`),
    isSkipped: false,
    connectMs: remoteLimits.connectMs,
    needed: ownPorts(edgeNodeDefaults.tunnelPort, "wireguard"),
  };
}
