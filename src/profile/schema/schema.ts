/** The shape of tunnels.toml, put together from its sections. */

import * as v from "valibot";
import { type Sections, sections } from "#profile/sections/sections.ts";
import { generalEntries } from "#profile/sections/general.ts";

type Shapes = { readonly [Key in keyof typeof sections]: v.OptionalSchema<(typeof sections)[Key]["shape"], undefined> };

export function schemaOf(all: Sections) {
  const shapes = Object.fromEntries(Object.entries(all).map(([key, { shape }]) => [key, v.optional(shape)])) as unknown as Shapes;
  return v.pipe(
    v.strictObject({ ...generalEntries, ...shapes }, "a table"),
    v.title("tunnels.toml"),
    v.description(
      "What a project wants to reach in Kubernetes, for kt. ${VAR} and ${VAR:-default} are filled from the environment, and $$ is a dollar.",
    ),
  );
}

export const profileSchema = schemaOf(sections);

export type ProfileSchema = ReturnType<typeof schemaOf>;
export type ProfileTable = v.InferOutput<ProfileSchema>;
