/** A setting as every view says it: `health.interval = "10s", from KT_HEALTH_INTERVAL`. */

import type { ProfileHead } from "./api.ts";

type SaidSetting = NonNullable<ProfileHead["settings"]>[number];

/** Without a place it is the default. */
export function settingText({ key, value, from }: Omit<SaidSetting, "from"> & { readonly from: string | undefined }): string {
  return `${key} = ${JSON.stringify(value)}, ${from === undefined ? "the default" : `from ${from}`}`;
}
