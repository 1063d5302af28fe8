/** Whether a profile allows a relay, and why there is none; apart from the relay itself, which few profiles need. */

import { KtError } from "#base/errors.ts";
import type { RelaySettings } from "#route/relay-settings.ts";

/** The profile allows a relay, and says which image holds it. */
export function hasRelay(settings: RelaySettings | undefined): settings is RelaySettings & { readonly image: string } {
  return settings?.image !== undefined && settings.mode !== "never";
}

/** Why `what`, as "this" or "UDP", does not work with such settings. */
export function noRelay(what: string, settings: RelaySettings | undefined): KtError {
  const isOff = settings === undefined || settings.mode === "never";
  const why = isOff ? "is switched off" : "has no image";
  const hint = isOff ? 'leave out mode = "never" in [relay]' : 'name the image of kt: [relay] image = "registry.example.com/kt:1.0.0"';
  return new KtError("relay-missing", `${what} needs the relay, which ${why} in this profile`, { hints: [hint] });
}
