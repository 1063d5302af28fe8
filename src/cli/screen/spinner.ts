/** Says what is waited for, on a terminal and only while it lasts: a sign that turns, and a text that may change. */

import { cliLimits } from "#cli/limits.ts";
import { cyan, line } from "#base/text.ts";
import type { LiveRegion } from "./live-region.ts";

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

export class Spinner {
  readonly #region: LiveRegion;
  #text: string;
  #frame = 0;
  #timer: ReturnType<typeof setTimeout>;

  /** It is seen only where it lasts for a while: what is done at once must not flicker. */
  constructor(region: LiveRegion, text: string) {
    this.#region = region;
    this.#text = text;
    this.#timer = setTimeout(() => this.#turn(), cliLimits.spinnerAfterMs);
  }

  say(text: string): void {
    this.#text = text;
  }

  end(): void {
    clearTimeout(this.#timer);
    if (this.#frame > 0) this.#region.clear();
  }

  #turn(): void {
    const sign = frames[this.#frame++ % frames.length] ?? "";
    this.#region.show(() => [line([cyan(sign), " ", this.#text], 2)]);
    this.#timer = setTimeout(() => this.#turn(), cliLimits.spinnerFrameMs);
  }
}
