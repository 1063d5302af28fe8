/** Starts the WireGuard that is in this kt, and gives its interface an address. */

import { type Subprocess, spawn } from "bun";
import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import { memoryProgram } from "#native/memory-program.ts";
import { hasLink, type LinkSettings, setLink } from "#native/network-link.ts";
import { wireGuardLimits } from "./limits.ts";
import { socketOf, UapiSocket } from "./uapi-socket.ts";

export interface WantedLink extends LinkSettings {
  /** Name of the interface, `kt-edge` or `kt-uplink`. */
  readonly link: string;
}

/** After a load it keeps 27 MB of memory with this, and 222 MB without. */
const memoryLimit = "64MiB";

/**
 * Resolves when the interface is up and its socket answers. The program goes on by itself: it ends when it is killed, or its interface
 * removed. Its words go to this process's standard error. Throws KtError `wireguard-failed`.
 */
export async function startWireGuard(program: Uint8Array, wanted: WantedLink, clock: Clock): Promise<Subprocess> {
  const { link } = wanted;
  // The socket of another program would answer.
  if (hasLink(link))
    throw new KtError("wireguard-failed", `there is an interface ${link} already`, { hints: [command`ip link del ${link}`] });
  const started = spawn([memoryProgram(program), link], {
    argv0: "wireguard-go",
    // "1" spares its advice to use the kernel's.
    env: { GOMEMLIMIT: memoryLimit, WG_PROCESS_FOREGROUND: "1", LOG_LEVEL: process.env["LOG_LEVEL"] ?? "error" },
    stdio: ["ignore", "inherit", "inherit"],
  });
  try {
    await Promise.race([answers(link, clock), endsEarly(link, started)]);
    setLink(link, wanted);
  } catch (error) {
    started.kill();
    throw error;
  }
  return started;
}

async function endsEarly(link: string, started: Subprocess): Promise<never> {
  const code = await started.exited;
  throw new KtError("wireguard-failed", `WireGuard ended with ${code} before its interface ${link} was up`, {
    hints: ["its own words stand above", "it needs /dev/net/tun and the capability NET_ADMIN"],
  });
}

async function answers(link: string, clock: Clock): Promise<void> {
  await new UapiSocket(socketOf(link)).answering(clock, wireGuardLimits.startMs);
}
