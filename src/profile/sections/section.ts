/** A section of the profile: its shape, its normal form and its checks, each in a file of its own. */

import type { GenericSchema } from "valibot";
import { formatListen } from "#profile/values/listen.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import type { Placed } from "#profile/values/placed.ts";
import type { ParsedTarget } from "#route/target-text.ts";
import type { RelayedTarget, Transport } from "#route/target.ts";
import type { ParsedAddress } from "./jump.ts";
import type { SectionReader } from "./reader.ts";

/** `Given` is what the shape lets through, `Part` what the section is once it is understood. */
export interface Section<Given = unknown, Part = unknown> {
  /** Of the value behind the section's key. The text given to a schema says what it wants. */
  readonly shape: GenericSchema<unknown, Given>;
  /** What one file says. Problems are reported to its source; what has one is left out. */
  read(reader: SectionReader, given: Given | undefined): Part;
  /** Two files as one: `above` wins. */
  merge(below: Part, above: Part): Part;
  /** Its entries, for what looks at those of all sections alike. */
  entries?(part: Part): readonly Placed<LayerEntry>[];
  /** Where its settings say to listen: a place that nothing else of the profile gets. */
  listens?(part: Part): readonly SettingAddresses[];
  /** Reports references to what is not there. Only of files in which nothing else is wrong. `isInside`: in a pod of the cluster. */
  check?(part: Part, entries: readonly Placed<LayerEntry>[], isInside: boolean): void;
}

/** What is reached, before the profile's context and namespace are filled in. */
export type LayerTarget = (ParsedTarget & { readonly transport?: Transport }) | ParsedAddress | Omit<RelayedTarget, "cluster">;

/** What the entries of sections have alike. */
export interface LayerEntry {
  /** As written. */
  readonly name: string;
  readonly context: string | undefined;
}

export interface NamedEntry extends LayerEntry {
  readonly target: LayerTarget;
}

/** A port of this machine that leads to its target. */
export interface LayerPort extends NamedEntry {
  /** The name of the hub's door that serves it. */
  readonly door: string;
  readonly listen: readonly ListenAddress[];
  /** Says `expose = true` beside its address. */
  readonly expose: boolean;
  /** Only of UDP. */
  readonly sessionTimeoutMs?: number;
}

/** Addresses to listen on that a setting names, rather than an entry. */
export interface SettingAddresses {
  /** `[dns] listen`. */
  readonly name: string;
  readonly listen: Placed<readonly ListenAddress[]>;
}

/** Those with a target of their own: that of a pattern is only known with a name. */
export function namedEntries(entries: readonly Placed<LayerEntry>[]): Placed<NamedEntry>[] {
  return entries.filter((entry): entry is Placed<NamedEntry> => "target" in entry.value);
}

export function portEntries(entries: readonly Placed<LayerEntry>[]): Placed<LayerPort>[] {
  return entries.filter((entry): entry is Placed<LayerPort> => "listen" in entry.value);
}

/** Those of a section, by their listen addresses. */
export function readPorts<Given>(
  reader: SectionReader,
  given: Readonly<Record<string, Given>>,
  read: (reader: SectionReader, name: string, given: Given) => Placed<LayerPort> | undefined,
): ReadonlyMap<string, Placed<LayerPort>> {
  const ports = new Map<string, Placed<LayerPort>>();
  for (const [name, entry] of Object.entries(given)) {
    const port = read(reader, name, entry);
    const hint = "a bare port and localhost are both 127.0.0.1 and ::1";
    if (port) reader.addOnce(ports, port.value.listen.map(formatListen).join(" "), port, hint);
  }
  return ports;
}

/** How sections are merged whose entries are replaced whole, never mixed. */
export function byKey<T>(below: ReadonlyMap<string, T>, above: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  return new Map([...below, ...above]);
}

export const entriesByKey = <T>(part: ReadonlyMap<string, T>): readonly T[] => [...part.values()];

/** How settings are merged, each by itself. */
export function bySetting<T extends object>(below: T, above: T): T {
  const said = Object.entries(above).filter(([, value]) => value !== undefined);
  return { ...below, ...Object.fromEntries(said) };
}
