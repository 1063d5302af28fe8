/** Shows one profile as it changes: drawn over on a terminal, else a line for each change. */

import type { ProfileStatus, Snapshot } from "#control/api.ts";
import type { Output } from "./output.ts";
import { profileLines } from "./route-lines.ts";

export class LiveView {
  readonly #output: Output;
  readonly #profile: string;
  readonly #footer: readonly string[];
  readonly #shown = new Map<string, string>();
  readonly #warned = new Set<string>();
  #begun = false;

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
    else if (this.#output.live)
      this.#output.redraw([...profileLines(profile, this.#output.style), ...this.#footer.map(this.#output.style.dim)]);
    else this.#showChanges(profile);
  }

  #warn(warning: string): void {
    if (this.#warned.has(warning)) return;
    this.#warned.add(warning);
    this.#output.warning(warning);
  }

  #showProblems({ problem, routes, listeners }: ProfileStatus): void {
    for (const each of [problem, ...[...routes, ...listeners].map((part) => part.problem)]) if (each) this.#warn(each.message);
  }

  #showChanges(profile: ProfileStatus): void {
    if (!this.#begun) this.#output.line(`${profile.name} ${profile.profile}`);
    this.#begun = true;
    for (const { name, kind, url, target, state, pod, problem } of profile.routes) {
      const text = [url, target, state, pod ?? "", problem?.message ?? ""].filter((part) => part !== "").join("  ");
      this.#line(`${kind} ${name}`, text);
      if (problem) this.#line(`${kind} ${name} hint`, problem.hints.map((hint) => `  ${hint}`).join("\n  "));
    }
    const said = new Set(profile.routes.map(({ problem }) => problem?.message));
    for (const { address, problem } of profile.listeners) this.#line(address, problem && !said.has(problem.message) ? problem.message : "");
    this.#line(
      "file",
      profile.problem === undefined ? "" : `the file cannot be used, the last good one runs on: ${profile.problem.message}`,
    );
  }

  /** Once for each text; what is over says nothing. */
  #line(key: string, text: string): void {
    if ((this.#shown.get(key) ?? "") === text) return;
    this.#shown.set(key, text);
    if (text !== "") this.#output.line(`  ${text}`);
  }
}
