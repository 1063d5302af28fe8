/** What this process uses of the machine. */

import { descriptorLimit, openDescriptors } from "#native/descriptors.ts";
import type { ProcessFacts } from "#web/facts/hub-facts.ts";

export function processFacts(): ProcessFacts {
  const { user, system } = process.cpuUsage();
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    openDescriptors: openDescriptors(),
    maxDescriptors: descriptorLimit(),
  };
}
