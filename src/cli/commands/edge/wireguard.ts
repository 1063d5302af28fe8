/** `kt edge wireguard`: starts the WireGuard that is in this kt, for the unit kt-wireguard.service of a public edge. */

import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { parseIpv4 } from "#base/ipv4.ts";
import type { CommandContext, Options } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { wireGuardNotice, wireGuardProgram } from "#wireguard/program.ts";
import { startWireGuard, type WantedLink } from "#wireguard/start-wireguard.ts";

/** Ends once the link is up, and leaves WireGuard running: it takes a third of the memory that kt beside it would. */
export async function edgeWireguard({ options, output }: CommandContext): Promise<number> {
  if (options.flag("notice")) {
    for (const line of (await wireGuardNotice()).split("\n")) output.line(line);
    return exitCodes.done;
  }
  const wanted = linkOf(options);
  const { pid } = await startWireGuard(await wireGuardProgram(), wanted, systemClock);
  output.log("info", "wireguard-up", { link: wanted.link, pid });
  return exitCodes.done;
}

function linkOf(options: Options): WantedLink {
  const link = options.text("link") ?? "kt-edge";
  // Of Linux: up to 15 characters, of which kt uses these.
  if (!/^[a-z0-9-]{1,15}$/.test(link)) throw wrong(link, "name of an interface", "kt edge wireguard --link kt-edge");
  const written = options.text("address") ?? "";
  const [, address = "", prefix = ""] = /^([0-9.]+)\/([0-9]{1,2})$/.exec(written) ?? [];
  if (parseIpv4(address) === undefined || Number(prefix) > 32)
    throw wrong(written, "address with the length of a prefix", "kt edge wireguard --address 10.200.0.1/24");
  const mtu = options.text("mtu") ?? "1420";
  // 576: every host takes as much (RFC 791 §3.1).
  if (!/^[0-9]{3,5}$/.test(mtu) || Number(mtu) < 576 || Number(mtu) > 65535) throw wrong(mtu, "MTU", "kt edge wireguard --mtu 1420");
  return { link, address, prefixLength: Number(prefix), mtu: Number(mtu) };
}

function wrong(text: string, what: string, example: string): KtError {
  return new KtError("usage", `"${text}" is not a valid ${what}`, { hints: [example] });
}
