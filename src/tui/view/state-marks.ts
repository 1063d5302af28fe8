/** How the state of a route looks: a glyph of one column, for those who do not see colours, and a tone. */

import type { Tone } from "#base/tone.ts";
import type { RouteStatus } from "#control/api.ts";

export interface StateMark {
  readonly glyph: string;
  readonly tone: Tone;
}

export const stateMarks: Readonly<Record<RouteStatus["state"], StateMark>> = {
  idle: { glyph: "○", tone: "dim" },
  starting: { glyph: "◐", tone: "yellow" },
  running: { glyph: "●", tone: "green" },
  stopping: { glyph: "◌", tone: "dim" },
  failed: { glyph: "✗", tone: "red" },
  blocked: { glyph: "✗", tone: "red" },
  stopped: { glyph: "■", tone: "yellow" },
  conflict: { glyph: "✗", tone: "red" },
};
