/** Every section of the profile, by its key, in the order of the documentation. A new one is a file and a line here. */

import { addresses } from "./addresses.ts";
import { contexts } from "./contexts.ts";
import { dns } from "./dns.ts";
import { env } from "./env.ts";
import { forward } from "./forward.ts";
import { health } from "./health.ts";
import { http } from "./http.ts";
import { limits } from "./limits.ts";
import { patterns } from "./patterns.ts";
import { proxy } from "./proxy.ts";
import { relay } from "./relay.ts";
import { retry } from "./retry.ts";
import { reverse } from "./reverse.ts";
import { routes } from "./routes.ts";
import type { Section } from "./section.ts";
import { tcp } from "./tcp.ts";
import { timeouts } from "./timeouts.ts";
import { udp } from "./udp.ts";

export const sections = {
  contexts,
  http,
  routes,
  patterns,
  tcp,
  udp,
  forward,
  addresses,
  dns,
  proxy,
  relay,
  reverse,
  health,
  retry,
  timeouts,
  limits,
  env,
} as const;

/** By key: those of kt, and in tests others. */
export type Sections = Readonly<Record<string, Section>>;
