/** What has to be done on a host, in which order: the difference between what is wanted there and what is. Pure. */

import { sha256Of } from "#remote/remote-files.ts";
import type { HostRepair } from "./host-outcome.ts";
import { versionOf } from "./kt-binary.ts";
import { edgeUnit, places, wireguardUnit } from "./places.ts";
import { isCertificate, type SeenHost, type SeenUnit } from "./seen-host.ts";
import type { WantedFile, WantedHost } from "./wanted-host.ts";

export type HostAction =
  | { readonly do: "push" }
  | { readonly do: "write"; readonly file: WantedFile }
  | { readonly do: "sysctl"; readonly name: string; readonly value: number }
  | { readonly do: "reload" }
  | { readonly do: "enable" | "start" | "restart" | "disable" | "stop" | "retire" | "kill"; readonly unit: string }
  | { readonly do: "remove"; readonly path: string };

export interface HostStep {
  readonly action: HostAction;
  readonly repair: HostRepair;
}

type Compared = (seen: SeenHost, wanted: WantedHost) => readonly HostStep[];

/** Nothing for a host that is as wanted. */
export function hostSteps(seen: SeenHost, wanted: WantedHost): HostStep[] {
  const files = wanted.files.flatMap((file) => fileSteps(seen, file));
  return [
    ...binarySteps(seen, wanted),
    ...files,
    ...sysctlSteps(seen, wanted),
    ...reloadSteps(seen, wanted, files),
    ...unitSteps(seen, wanted),
    ...formerSteps(seen, wanted),
    ...leftoverSteps(seen, wanted),
  ];
}

const step = (action: HostAction, kind: HostRepair["kind"], text: string): HostStep => ({ action, repair: { kind, text } });

const binarySteps: Compared = ({ stamp, binarySha256 }, { binary }) => {
  const [mode, owner] = stamp.split(":");
  const isSame = binarySha256 === undefined || binarySha256 === binary.sha256;
  if (stamp !== "" && isSame && mode === "755" && owner === "0") return [];
  const why = stamp === "" ? "it was missing" : isSame ? "its owner or mode had changed" : "it had changed";
  return [step({ do: "push" }, "binary", `kt ${versionOf(binary)} was written: ${why}`)];
};

function fileSteps({ files, edgeUser }: SeenHost, file: WantedFile): HostStep[] {
  const seen = files.get(file.path);
  // Before the edge's first start its user does not exist, and afterwards systemd makes the files the user's at each start.
  const owner = file.owner === "root" ? 0 : (edgeUser ?? 0);
  const why =
    seen === undefined
      ? "it was missing"
      : !seen.isRegular || seen.sha256 !== sha256Of(file.bytes)
        ? "it had changed"
        : seen.mode !== file.mode || seen.owner !== owner
          ? "its owner or mode had changed"
          : undefined;
  return why === undefined ? [] : [step({ do: "write", file }, file.kind, `${file.path} was written: ${why}`)];
}

const sysctlSteps: Compared = ({ sysctls }, wanted) =>
  wanted.sysctls.flatMap(({ name, value }) => {
    const seen = sysctls.get(name);
    if (seen === undefined || !seen.isWritable || seen.value === String(value)) return [];
    return [step({ do: "sysctl", name, value }, "sysctl", `${name} was set to ${value}: it was ${seen.value}`)];
  });

/** What the host does not do, or not yet. */
export function hostWarnings(seen: SeenHost, wanted: WantedHost): string[] {
  const current = edgeUnit(versionOf(wanted.binary));
  const waits = seen.units.get(current)?.active === "deactivating" && servesBeside(seen, current);
  return [
    ...wanted.sysctls.flatMap(({ name, value }) => sysctlWarning(seen, name, value)),
    ...(waits ? [`${current} starts again when it has ended its last connection: until then the edge of another version serves`] : []),
  ];
}

function sysctlWarning({ sysctls }: SeenHost, name: string, value: number): string[] {
  const seen = sysctls.get(name);
  if (seen === undefined) return [`the host's kernel has no ${name}, which would be ${value}`];
  return seen.isWritable || seen.value === String(value)
    ? []
    : [`the host does not let ${name} be set to ${value}: it stays ${seen.value}`];
}

function reloadSteps({ units }: SeenHost, wanted: WantedHost, files: readonly HostStep[]): HostStep[] {
  const isWritten = files.some(({ repair }) => repair.kind === "unit");
  if (!isWritten && !wanted.units.some((unit) => units.get(unit)?.isStale === true)) return [];
  return [step({ do: "reload" }, "unit", "systemd has read the units of kt again")];
}

const unitSteps: Compared = (seen, wanted) =>
  wanted.units.flatMap((unit) => {
    const { active, isEnabled } = seen.units.get(unit) ?? absent;
    const needsRestart = active === "active" && unit === wireguardUnit && linkProblem(seen, wanted) !== undefined;
    return [
      ...(isEnabled ? [] : [step({ do: "enable", unit }, "unit", `${unit} was enabled: it would not have been started at boot`)]),
      ...startSteps(seen, unit, active),
      ...(needsRestart ? [step({ do: "restart", unit }, "link", `${unit} was restarted: ${linkProblem(seen, wanted)}`)] : []),
    ];
  });

const absent: SeenUnit = { active: "inactive", isEnabled: false, isStale: false };
const isStarting = (active: string): boolean => ["active", "activating", "reloading"].includes(active);

/** A unit that ends is not started before it has ended, which an edge does with its last connection. */
function startSteps(seen: SeenHost, unit: string, active: string): HostStep[] {
  if (isStarting(active)) return [];
  const start = step({ do: "start", unit }, "unit", `${unit} was started: it was ${active}`);
  if (active !== "deactivating") return [start];
  if (servesBeside(seen, unit)) return [];
  return [step({ do: "kill", unit }, "unit", `${unit} was killed: it had been stopped, and no other edge served`), start];
}

/** Another edge runs, which serves as long as this one ends. */
function servesBeside({ units }: SeenHost, unit: string): boolean {
  return isOfEdge(unit) && [...units].some(([name, { active }]) => name !== unit && isOfEdge(name) && active === "active");
}

const isOfEdge = (unit: string): boolean => unit.startsWith("kt-edge@");

/** Units that are not up yet, or do not stay up. */
export function unitsDown(seen: SeenHost, wanted: WantedHost): string[] {
  return wanted.units.filter((unit) => {
    const { active } = seen.units.get(unit) ?? absent;
    return active !== "active" && !(active === "deactivating" && servesBeside(seen, unit));
  });
}

function linkProblem({ link: seen }: SeenHost, { link }: WantedHost): string | undefined {
  if (link === undefined) return undefined;
  if (seen === undefined) return "its link was missing";
  if (!seen.isUp) return "its link was down";
  if (!seen.addresses.some((address) => address.split("/")[0] === link.address)) return `its link had not the address ${link.address}`;
  return seen.mtu === link.mtu ? undefined : `its link had an MTU of ${seen.mtu}`;
}

/** Edges of other versions, once the wanted one runs: they accept nothing more, and end with their last connection. */
const formerSteps: Compared = ({ units }, wanted) => {
  const current = edgeUnit(versionOf(wanted.binary));
  if (units.get(current)?.active !== "active") return [];
  const others = [...units].filter(([unit]) => isOfEdge(unit) && unit !== current);
  return others.flatMap(([unit, { active, isEnabled }]) => [
    ...(isEnabled ? [step({ do: "disable", unit }, "unit", `${unit} was disabled: it is of another version`)] : []),
    ...(isStarting(active) ? [step({ do: "retire", unit }, "unit", `${unit} accepts nothing more: it is of another version`)] : []),
  ]);
};

const leftoverSteps: Compared = (seen, wanted) => {
  const wantedPaths = new Set(wanted.files.map(({ path }) => path));
  const remove = (path: string): HostStep => step({ do: "remove", path }, "leftover", `${path} was removed: nothing needs it any more`);
  const certificates = [...seen.files.keys()].filter((path) => isCertificate(path) && !wantedPaths.has(path));
  const current = versionOf(wanted.binary);
  const versions = seen.installed.filter((version) => version !== current && !isUsed(seen, version));
  return [
    ...wireguardLeftovers(seen, wanted),
    ...certificates.map(remove),
    ...versions.map((version) => remove(`${places.binaries}/${version}`)),
  ];
};

/** One that is to stop is used until it has ended: it may be started again when it fails meanwhile. */
function isUsed({ running, units }: SeenHost, version: string): boolean {
  const active = units.get(edgeUnit(version))?.active ?? "inactive";
  return running.includes(version) || !["inactive", "failed"].includes(active);
}

/** The tunnel is another transport's now. */
const wireguardLeftovers: Compared = ({ units, files }, wanted) => {
  const path = `${places.units}/${wireguardUnit}`;
  const unit = units.get(wireguardUnit);
  if (wanted.link !== undefined || !files.has(path)) return [];
  const why = "the tunnel does not use WireGuard any more";
  return [
    ...(unit?.isEnabled ? [step({ do: "disable", unit: wireguardUnit }, "leftover", `${wireguardUnit} was disabled: ${why}`)] : []),
    ...(unit?.active === "active" ? [step({ do: "stop", unit: wireguardUnit }, "leftover", `${wireguardUnit} was stopped: ${why}`)] : []),
    step({ do: "remove", path }, "leftover", `${path} was removed: ${why}`),
  ];
};
