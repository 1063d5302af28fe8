/** Every section of the profile, by its key, in the order of the documentation. A new one is a file and a line here. */

import { contexts } from "./contexts.ts";
import { env } from "./env.ts";
import { http } from "./http.ts";
import { patterns } from "./patterns.ts";
import { routes } from "./routes.ts";
import type { Section } from "./section.ts";
import { tcp } from "./tcp.ts";

export const sections = { contexts, http, routes, patterns, tcp, env } as const;

/** By key: those of kt, and in tests others. */
export type Sections = Readonly<Record<string, Section>>;
