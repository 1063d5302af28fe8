/** What a host says about what kt has there. */

import { KtError } from "#base/errors.ts";
import { parseTakenPort, type TakenPort } from "#remote/doctor/taken-port.ts";
import { places } from "#operator/host/wanted/places.ts";

export interface SeenFile {
  readonly isRegular: boolean;
  readonly mode: string;
  readonly owner: number;
  /** Undefined for what cannot be read as a file. */
  readonly sha256: string | undefined;
}

export interface SeenUnit {
  /** systemd's word. */
  readonly active: string;
  readonly isEnabled: boolean;
  /** Its file has changed since systemd read it. */
  readonly isStale: boolean;
}

export interface SeenHost {
  readonly machine: string;
  /** The name of the first process. */
  readonly init: string;
  /** What loads the binary is there. */
  readonly hasLoader: boolean;
  readonly hasTun: boolean;
  readonly freeBytes: number;
  /** achetronic/tunnel has enrolled it. */
  readonly hasPredecessor: boolean;
  /** Of the wanted version; empty where it is not there. */
  readonly stamp: string;
  /** Undefined where its stamp is that of the question. */
  readonly binarySha256: string | undefined;
  /** Versions that are there, and those of which a process runs. */
  readonly installed: readonly string[];
  readonly running: readonly string[];
  /** By path: those that were asked for and are there, and all certificates. */
  readonly files: ReadonlyMap<string, SeenFile>;
  /** The number of the edge's user; undefined before its first start. */
  readonly edgeUser: number | undefined;
  /** Of the edge, by transport. */
  readonly publicKeys: Readonly<Record<"wireguard" | "tls", string | undefined>>;
  /** By name; those that the kernel does not have are left out. */
  readonly sysctls: ReadonlyMap<string, { readonly value: string; readonly isWritable: boolean }>;
  readonly link: { readonly mtu: number; readonly isUp: boolean; readonly addresses: readonly string[] } | undefined;
  /** By programs that are not kt's. */
  readonly takenPorts: readonly TakenPort[];
  /** By name. */
  readonly units: ReadonlyMap<string, SeenUnit>;
}

/** Throws KtError `ssh-failed` where it is not what the script says. */
export function parseSeenHost(text: string): SeenHost {
  const facts = new Facts(text);
  const machine = facts.one("machine");
  if (machine === "") throw new KtError("ssh-failed", "the host's answer about what kt has there cannot be read");
  const [mtu, flags] = facts.one("link").split(" ");
  const owner = facts.one("owner");
  return {
    machine,
    init: facts.one("init"),
    hasLoader: facts.one("loader") !== "",
    hasTun: facts.one("tun") !== "",
    freeBytes: Number(facts.one("free")) * 1024,
    hasPredecessor: facts.one("predecessor") !== "",
    stamp: facts.one("stamp"),
    binarySha256: facts.one("binary").split(" ")[0] || undefined,
    installed: facts.all("installed").filter((name) => /^[0-9a-f]+$/.test(name)),
    running: facts.all("running"),
    files: filesOf(facts),
    edgeUser: owner === "" ? undefined : Number(owner),
    publicKeys: { wireguard: keyOf(facts.one("key")), tls: keyOf(facts.one("pin")) },
    sysctls: new Map(facts.all("sysctl").map(sysctlOf)),
    link: mtu ? { mtu: Number(mtu), isUp: (Number(flags) & 1) === 1, addresses: facts.all("address") } : undefined,
    takenPorts: facts
      .all("port")
      .flatMap((line) => parseTakenPort(line))
      .filter(isForeign),
    units: unitsOf(facts),
  };
}

/** What the kernel holds itself has no holder. */
const isForeign = ({ holders }: TakenPort): boolean => holders.some((name) => name !== "kt" && name !== "wireguard-go");

class Facts {
  readonly #lines: readonly (readonly [name: string, value: string])[];

  constructor(text: string) {
    this.#lines = text.split("\n").map((line) => {
      const [name = ""] = line.split(" ", 1);
      return [name, line.slice(name.length + 1)];
    });
  }

  all(name: string): string[] {
    return this.#lines.filter(([key]) => key === name).map(([, value]) => value);
  }

  one(name: string): string {
    return this.all(name)[0]?.trim() ?? "";
  }
}

function filesOf(facts: Facts): Map<string, SeenFile> {
  const sums = new Map(facts.all("sum").map((line) => [line.slice(66), line.slice(0, 64)]));
  return new Map(
    facts.all("stat").flatMap((line) => {
      const [, mode = "", owner = "", kind = "", path = ""] = /^([0-7]+) (\d+) ([^:]*):(.*)$/.exec(line) ?? [];
      if (path === "") return [];
      return [[path, { isRegular: kind.startsWith("regular"), mode, owner: Number(owner), sha256: sums.get(path) }] as const];
    }),
  );
}

/** 32 bytes, whatever else stands there. */
function keyOf(text: string): string | undefined {
  return /^[A-Za-z0-9+/]{43}=$/.test(text) ? text : undefined;
}

function sysctlOf(line: string): [string, { value: string; isWritable: boolean }] {
  const [name = "", can, ...value] = line.split(/\s+/);
  return [name, { value: value.join(" "), isWritable: can === "can" }];
}

/** Empty lines part them; an instance may be named twice. */
function unitsOf(facts: Facts): Map<string, SeenUnit> {
  const enabled = facts.all("enabled");
  const units = new Map<string, SeenUnit>(enabled.map((name) => [name, { active: "inactive", isEnabled: true, isStale: false }] as const));
  for (const text of facts.all("unit").join("\n").split("\n\n")) {
    const values = new Map(text.split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
    const name = values.get("Id") ?? "";
    if (name === "") continue;
    const isEnabled = enabled.includes(name) || values.get("UnitFileState") === "enabled";
    units.set(name, { active: values.get("ActiveState") ?? "", isEnabled, isStale: values.get("NeedDaemonReload") === "yes" });
  }
  return units;
}

export const isCertificate = (path: string): boolean => path.startsWith(`${places.certificates}/`);
