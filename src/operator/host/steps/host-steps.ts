/** What has to be done on a host, in which order: the difference between what is wanted there and what is. Pure. */

import { sha256Of } from "#remote/remote-files.ts";
import { type HostStep, step } from "./host-step.ts";
import { versionOf } from "#operator/host/wanted/kt-binary.ts";
import { edgeUnits, offloadsUnit, places, wireguardUnit } from "#operator/host/wanted/places.ts";
import { isCertificate, type SeenHost } from "#operator/host/seen/seen-host.ts";
import { formerSteps, unitSteps } from "./unit-steps.ts";
import type { WantedFile, WantedHost } from "#operator/host/wanted/wanted-host.ts";

type Compared = (seen: SeenHost, wanted: WantedHost) => readonly HostStep[];

/** Nothing for a host that is as wanted. */
export function hostSteps(seen: SeenHost, wanted: WantedHost): HostStep[] {
  const files = wanted.files.flatMap((file) => fileSteps(seen, file));
  return [
    ...binarySteps(seen, wanted),
    ...files,
    ...sysctlSteps(seen, wanted),
    ...reloadSteps(seen, files),
    ...takeOverSteps(seen),
    ...unitSteps(seen, wanted),
    ...formerSteps(seen, wanted),
    ...leftoverSteps(seen, wanted),
  ];
}

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

/** What the host does not do. */
export function hostWarnings(seen: SeenHost, wanted: WantedHost): string[] {
  return wanted.sysctls.flatMap(({ name, value }) => sysctlWarning(seen, name, value));
}

function sysctlWarning({ sysctls }: SeenHost, name: string, value: number): string[] {
  const seen = sysctls.get(name);
  if (seen === undefined) return [`the host's kernel has no ${name}, which would be ${value}`];
  return seen.isWritable || seen.value === String(value)
    ? []
    : [`the host does not let ${name} be set to ${value}: it stays ${seen.value}`];
}

const reloadSteps = ({ units }: SeenHost, files: readonly HostStep[]): HostStep[] => {
  const isWritten = files.some(({ repair }) => repair.kind === "unit");
  if (!isWritten && ![...units.values()].some(({ isStale }) => isStale)) return [];
  return [step({ do: "reload" }, "unit", "systemd has read the units of kt again")];
};

function takeOverSteps({ hasPredecessor }: SeenHost): HostStep[] {
  if (!hasPredecessor) return [];
  return [
    step({ do: "take-over" }, "taken-over", "the proxy, the link and the files of achetronic/tunnel were removed: kt serves instead"),
  ];
}

const leftoverSteps: Compared = (seen, wanted) => {
  const wantedPaths = new Set(wanted.files.map(({ path }) => path));
  const remove = (path: string): HostStep => step({ do: "remove", path }, "leftover", `${path} was removed: nothing needs it any more`);
  const certificates = [...seen.files.keys()].filter((path) => isCertificate(path) && !wantedPaths.has(path));
  const current = versionOf(wanted.binary);
  const versions = seen.installed.filter((version) => version !== current && !isUsed(seen, version));
  return [
    ...unitLeftovers(seen, wanted),
    ...certificates.map(remove),
    ...versions.map((version) => remove(`${places.binaries}/${version}`)),
  ];
};

/** One that is to stop is used until it has ended: it may be started again when it fails meanwhile. */
function isUsed({ running, units }: SeenHost, version: string): boolean {
  const isDown = (unit: string): boolean => ["inactive", "failed"].includes(units.get(unit)?.active ?? "inactive");
  return running.includes(version) || !edgeUnits(version).every(isDown);
}

/** Units that come and go with the settings of an EdgeNode. */
const optional = [
  { unit: wireguardUnit, why: "the tunnel does not use WireGuard any more" },
  { unit: offloadsUnit, why: "the network card may join and split packets again" },
];

const unitLeftovers: Compared = ({ units, files }, wanted) =>
  optional.flatMap(({ unit, why }) => {
    const path = `${places.units}/${unit}`;
    if (wanted.units.includes(unit) || !files.has(path)) return [];
    const { isEnabled = false, active = "" } = units.get(unit) ?? {};
    return [
      ...(isEnabled ? [step({ do: "disable", unit }, "leftover", `${unit} was disabled: ${why}`)] : []),
      ...(active === "active" ? [step({ do: "stop", unit }, "leftover", `${unit} was stopped: ${why}`)] : []),
      step({ do: "remove", path }, "leftover", `${path} was removed: ${why}`),
    ];
  });
