/** How often requests are sent again where a test is about something else: as usual, without a pause. */

import type { RetryPolicy } from "#proxy/door/context.ts";

export const usualRetry = (): RetryPolicy => ({ max: 2, delayMs: 0 });
