/** What kt doctor says, for who asks in another way. */

import type { FindingStatus } from "#control/api.ts";
import { surroundings } from "#control/socket-path.ts";
import type { BuildInfo } from "#cli/build.ts";

export interface DiagnosisQuestion {
  /** Undefined: the nearest one. */
  readonly file: string | undefined;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
}

export async function diagnosisOf(
  { file, directory, environment }: DiagnosisQuestion,
  build: BuildInfo,
): Promise<readonly FindingStatus[]> {
  const { examine } = await import("#doctor/doctor.ts");
  const at = surroundings();
  const { findings } = await examine({ file, directory, environment, home: at.home, at, build });
  return findings.map(({ fixes, ...finding }) => ({ ...finding, fixes: [...fixes] }));
}
