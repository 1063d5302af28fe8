/** Shows one profile as it changes: drawn over on a terminal, else the lines of each part that changed. */

import type { ProfileStatus, Snapshot } from "#control/api.ts";
import type { Output } from "./output.ts";
import { type Part, profileLines, profileParts } from "./route-lines.ts";
import { dim, line, spansOf } from "#base/text.ts";

export class LiveView {
  readonly #output: Output;
  readonly #profile: string;
  readonly #footer: readonly string[];
  readonly #shown = new Map<string, string>();
  readonly #warned = new Set<string>();

  /** `profile` is the path of the profile's file; `footer` goes below what is drawn. */
  constructor(output: Output, profile: string, footer: readonly string[] = []) {
    this.#output = output;
    this.#profile = profile;
    this.#footer = footer;
  }

  show(snapshot: Snapshot): void {
    const profile = snapshot.profiles.find((each) => each.profile === this.#profile);
    if (!profile) return;
    for (const warning of profile.warnings) this.#warn(warning);
    if (this.#output.quiet) this.#showProblems(profile);
    else if (this.#output.live) this.#draw(profile);
    else this.#showChanges(profile);
  }

  #draw(profile: ProfileStatus): void {
    const footer = this.#footer.map((text) => line(dim(text)));
    this.#output.show((columns) => [...profileLines(profile, columns), ...footer]);
  }

  #warn(warning: string): void {
    if (this.#warned.has(warning)) return;
    this.#warned.add(warning);
    this.#output.warning(warning);
  }

  #showProblems({ problem, routes, listeners, namespaces = [] }: ProfileStatus): void {
    for (const each of [problem, ...[...routes, ...listeners, ...namespaces].map((part) => part.problem)])
      if (each) this.#warn(each.message);
  }

  #showChanges(profile: ProfileStatus): void {
    for (const part of profileParts(profile, this.#output.columns)) this.#part(part);
  }

  /** Once for each text; what is over says nothing. */
  #part({ key, lines }: Part): void {
    const text = lines
      .map((each) =>
        spansOf(each.text)
          .map((span) => span.text)
          .join(""),
      )
      .join("\n");
    if ((this.#shown.get(key) ?? "") === text) return;
    this.#shown.set(key, text);
    this.#output.lines(lines);
  }
}
