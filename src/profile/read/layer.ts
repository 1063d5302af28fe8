/** What one profile file says, every value with its place, and how layers are merged into one. */

import type { Sections, sections } from "#profile/sections/sections.ts";
import { type GeneralSettings, readGeneral } from "#profile/sections/general.ts";
import { SectionReader } from "#profile/sections/reader.ts";
import { bySetting, type LayerEntry, type Section, type SettingAddresses } from "#profile/sections/section.ts";
import type { Placed, ProfileSource } from "#profile/values/placed.ts";
import type { ProfileTable } from "#profile/schema/schema.ts";

type Parts = { readonly [Key in keyof typeof sections]: ReturnType<(typeof sections)[Key]["read"]> };

/** One file, understood, or several as one. */
export interface Layer extends Parts {
  readonly settings: GeneralSettings;
  /** Those of all sections, in their order. */
  readonly entries: readonly Placed<LayerEntry>[];
  /** Where settings of any section say to listen. */
  readonly listens: readonly SettingAddresses[];
}

/** A section's part, by its key. */
function partIn(parts: Parts, key: string): unknown {
  return Reflect.get(parts, key);
}

function layerBy(all: Sections, settings: GeneralSettings, make: (section: Section, key: string) => unknown): Layer {
  const parts = Object.fromEntries(Object.entries(all).map(([key, section]) => [key, make(section, key)])) as unknown as Parts;
  const ofAll = <T>(read: (section: Section, part: unknown) => readonly T[] | undefined): T[] =>
    Object.entries(all).flatMap(([key, section]) => read(section, partIn(parts, key)) ?? []);
  const entries = ofAll((section, part) => section.entries?.(part));
  return { settings, entries, listens: ofAll((section, part) => section.listens?.(part)), ...parts };
}

/** One file as a layer, or what is said outside of files. `home` is what `~` stands for. */
export function readLayer(source: ProfileSource & { readonly table: ProfileTable }, home: string, all: Sections): Layer {
  const reader = new SectionReader(source, home);
  return layerBy(all, readGeneral(reader, source.table), (section, key) => section.read(reader, Reflect.get(source.table, key)));
}

/** Layers as one, the later ones winning entry by entry: a route is replaced whole, never mixed. */
export function mergeLayers(layers: readonly Layer[], all: Sections): Layer {
  return layers.reduce((below, above) =>
    layerBy(all, bySetting(below.settings, above.settings), (section, key) => section.merge(partIn(below, key), partIn(above, key))),
  );
}

/** Reports references to what is not there. `isInside`: in a pod of the cluster, by its service account. */
export function checkSections(layer: Layer, all: Sections, isInside: boolean): void {
  for (const [key, section] of Object.entries(all)) section.check?.(partIn(layer, key), layer.entries, isInside);
}
