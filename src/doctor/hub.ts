/** Whether the hub runs, is of this version, and has the latest of every file; pure. */

import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import type { Snapshot } from "#control/api.ts";
import { type Finding, Findings } from "./finding.ts";

export interface HubFacts {
  /** Undefined where none runs; a KtError where one does not answer. */
  readonly snapshot: Snapshot | undefined | KtError;
  readonly version: string;
  readonly commit: string;
  readonly logFile: string;
}

export function judgeHub({ snapshot, version, commit, logFile }: HubFacts): readonly Finding[] {
  const findings = new Findings("hub");
  if (snapshot === undefined) return findings.ok(`does not run, kt up starts it; its log is "${logFile}"`).list;
  if (snapshot instanceof KtError) return findings.broken(snapshot.message, [...snapshot.hints, command`tail ${logFile}`]).list;
  const { hub, profiles } = snapshot;
  const count = `${profiles.length} profile${profiles.length === 1 ? "" : "s"}`;
  if (hub.version !== version || hub.commit !== commit) {
    findings.warn(`the hub that runs is kt ${hub.version} (${hub.commit}), this is kt ${version} (${commit})`, [
      "kt down --all && kt up",
      "where it runs as a service: kt service install",
    ]);
  } else {
    findings.ok(`runs as pid ${hub.pid} with ${count}; its log is "${logFile}"`);
  }
  for (const { profile, problem } of profiles) {
    if (problem) findings.warn(`"${profile}" runs its last valid version: ${problem.message}`, [...problem.hints, "kt check"]);
  }
  return findings.list;
}
