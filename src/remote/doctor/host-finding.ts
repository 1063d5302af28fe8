/** What is found about a host that will be a public edge: one sentence per check, its verdict, and what to do about it. */

/** In the order in which one would mend them. */
export type HostCheck =
  | "ssh"
  | "host key"
  | "login"
  | "root"
  | "system"
  | "systemd"
  | "tun"
  | "tools"
  | "files"
  | "disk"
  | "clock"
  | "ports"
  | "firewall"
  | "mtu";

export interface HostFinding {
  readonly check: HostCheck;
  readonly verdict: "ok" | "warn" | "broken" | "skipped";
  readonly text: string;
  /** Commands to paste or sentences to act on, most useful first. */
  readonly fixes: readonly string[];
}

export const ok = (check: HostCheck, text: string): HostFinding => ({ check, verdict: "ok", text, fixes: [] });
export const warn = (check: HostCheck, text: string, ...fixes: string[]): HostFinding => ({ check, verdict: "warn", text, fixes });
export const broken = (check: HostCheck, text: string, ...fixes: string[]): HostFinding => ({ check, verdict: "broken", text, fixes });
