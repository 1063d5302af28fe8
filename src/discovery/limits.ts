/** The limits of discovery; each with its unit and its reason. */

import { second } from "#base/units.ts";

export const discoveryLimits = {
  /** Changes are collected for so long: a deployment changes a dozen services at once, and a person does not notice. */
  settleMs: 20,
  /** How often a namespace that is not there is looked for: its services are watched meanwhile, so this is only for what is shown. */
  missingCheckMs: 5 * second,
  /** What is added to a port that needs a privilege which kt does not have: 80 becomes 8080, 443 becomes 8443. */
  lowPortOffset: 8000,
  /** And once more where the service has that port itself. */
  lowPortStep: 10_000,
} as const;
