/** One thing that is done on a host, and what is said of it. */

import type { HostRepair } from "./host-outcome.ts";
import type { WantedFile } from "#operator/host/wanted/wanted-host.ts";

export type HostAction =
  | { readonly do: "push" }
  | { readonly do: "write"; readonly file: WantedFile }
  | { readonly do: "sysctl"; readonly name: string; readonly value: number }
  | { readonly do: "reload" }
  | { readonly do: "take-over" }
  | { readonly do: "enable" | "start" | "restart" | "disable" | "stop" | "retire" | "kill"; readonly unit: string }
  | { readonly do: "remove"; readonly path: string };

export interface HostStep {
  readonly action: HostAction;
  readonly repair: HostRepair;
}

export const step = (action: HostAction, kind: HostRepair["kind"], text: string): HostStep => ({ action, repair: { kind, text } });
