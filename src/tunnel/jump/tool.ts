/** What a jump host runs to reach an address: socat, or one of the programs that are called nc, each with its own ways. */

import { KtError } from "#base/errors.ts";
import { tunnelLimits } from "#tunnel/limits.ts";

/** Where a jump host is to connect. */
export interface JumpAddress {
  /** A name, or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface JumpTool {
  readonly name: "socat" | "nc";
  /** Whether it passes the end of its input on, and goes on reading. */
  readonly halfCloses: boolean;
  /** What it says once connected, where the time to connect must be bounded by that. */
  readonly connectedSign?: RegExp;
  /** What runs, argument by argument. Throws KtError for a host that cannot be an address. */
  command(address: JumpAddress): readonly string[];
}

/** What each program answers without connecting anywhere. */
export const toolProbes = { socat: ["socat", "-V"], nc: ["nc", "-h"] } as const;

const connectSeconds = String(tunnelLimits.jumpConnectMs / 1000);

/**
 * In socat's addresses `,` begins an option and `:` and `!` separate; of nc an argument that begins with "-" is an option.
 * Profiles hold only hosts that are none of this; here nothing else gets through.
 */
function checked({ host, port }: JumpAddress): JumpAddress {
  const plausible = host.includes(":") ? /^[\da-f:.]+$/i : /^[a-z\d_][a-z\d_.-]*$/i;
  if (!plausible.test(host) || !Number.isInteger(port)) throw new KtError("target-not-found", `"${host}:${port}" is not a valid address`);
  return { host, port };
}

export const socat: JumpTool = {
  name: "socat",
  halfCloses: true,
  command(address) {
    const { host, port } = checked(address);
    const to = host.includes(":") ? `TCP6:[${host}]:${port}` : `TCP:${host}:${port}`;
    const waitSeconds = tunnelLimits.jumpHalfClosedMs / 1000;
    // -d: it warns of resets. shut-close: it closes its output when the target has ended.
    const options = ["-d", `-t${waitSeconds}`, `-b${tunnelLimits.jumpBlockBytes}`];
    return ["socat", ...options, "STDIO,shut-close", `${to},connect-timeout=${connectSeconds},nodelay`];
  },
};

function nc(options: readonly string[], rest: Pick<JumpTool, "halfCloses" | "connectedSign">): JumpTool {
  return {
    name: "nc",
    ...rest,
    command(address) {
      const { host, port } = checked(address);
      return ["nc", ...options, host, String(port)];
    },
  };
}

/**
 * Which nc this is, by its help. Their `-w` differ: that of busybox and ncat bounds the connecting alone, OpenBSD's would cut
 * idle connections, and the oldest one's also bounds the wait for an answer once its input has ended, which it does not pass on.
 */
export function ncByHelp(help: string): JumpTool {
  const boundsConnect = /^Ncat\b/m.test(help) || /-w\s+SEC\s+Connect timeout/i.test(help);
  if (boundsConnect) return nc(["-w", connectSeconds], { halfCloses: true });
  if (/-N\b.*shutdown/i.test(help)) return nc(["-v", "-N"], { halfCloses: true, connectedSign: /succeeded!/ });
  if (/timeout for connects and final net reads/i.test(help)) return nc(["-w", connectSeconds], { halfCloses: false });
  return nc([], { halfCloses: false });
}
