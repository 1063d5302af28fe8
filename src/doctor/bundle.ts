/** What a bug report needs, in one JSON file without secrets. */

import { writeFile } from "node:fs/promises";
import { version as bunVersion } from "bun";
import { toKtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { doctorLimits } from "./limits.ts";
import { printableJson } from "#base/printable.ts";
import { readRegularFile } from "#base/regular-file.ts";
import { stateDirectory } from "#control/socket-path.ts";
import { logFilePath } from "#daemon/process/log-file.ts";
import { systemFacts } from "#native/system.ts";
import { maskedProfile } from "#profile/masked.ts";
import type { Diagnosis, DoctorQuestion } from "./doctor.ts";
import type { Finding } from "./finding.ts";
import { kubeconfigShape } from "./kubeconfig-shape.ts";
import { Masker } from "#base/mask.ts";

/** Variables whose values say how the machine is set up. */
const shownVariables =
  /^(KUBECONFIG|(HTTPS?|NO|ALL)_PROXY|XDG_RUNTIME_DIR|XDG_CONFIG_HOME|XDG_STATE_HOME|TMPDIR|SHELL|TERM|LANG|WSL_DISTRO_NAME|AWS_PROFILE|AWS_REGION)$/i;

/** Throws KtError `file-unwritable`. */
export async function writeBundle(path: string, diagnosis: Diagnosis, question: DoctorQuestion): Promise<void> {
  const bundle = collect(diagnosis, question);
  try {
    await writeFile(path, `${printableJson(bundle, 2)}\n`, { mode: 0o600 });
  } catch (error) {
    throw toKtError(error, "file-unwritable", `write "${path}"`);
  }
}

/** Everything is read before anything is masked: a secret of one file may appear in the text of another. */
function collect({ findings, plan, profile, snapshot }: Diagnosis, { environment, at, build }: DoctorQuestion): unknown {
  const masker = new Masker(at.home);
  masker.learnEnvironment(environment);
  const kubeconfig = textsOf(plan.kubeconfig, (text) => kubeconfigShape(text, masker));
  for (const value of Object.values(plan.env)) masker.learn(value);
  const files = new Set([...(profile === undefined ? [] : [profile]), ...plan.files]);
  const profiles = textsOf([...files], (text) => maskedProfile(text, (value) => masker.learn(value)));
  const log = readText(logFilePath(stateDirectory(at))) ?? "";
  return masker.value({
    kt: { ...build, bun: bunVersion },
    system: systemFacts(),
    findings: findings.map(withoutQuotedLine),
    environment: Object.fromEntries(Object.entries(environment).filter(([name]) => shownVariables.test(name))),
    profiles,
    kubeconfig,
    hub: snapshot ?? null,
    log: log.trimEnd().split("\n").slice(-doctorLimits.bundleLogLines),
  });
}

/** A syntax error quotes the line where it stands, of which nothing can be known to be harmless. */
function withoutQuotedLine(finding: Finding): Finding {
  const isQuoting = finding.check === "profile" && finding.verdict === "broken";
  return isQuoting ? { ...finding, text: finding.text.replace(/( at |time: ).*$/s, "$1***") } : finding;
}

function textsOf<T>(paths: readonly string[], show: (text: string) => T): Readonly<Record<string, T | null>> {
  const shown = paths.map((path) => {
    const text = readText(path);
    return [path, text === undefined ? null : show(text)] as const;
  });
  return Object.fromEntries(shown);
}

function readText(path: string): string | undefined {
  try {
    return Buffer.from(readRegularFile(path, { mostBytes: sharedLimits.kubeconfigBytes, code: "profile-unreadable" }).bytes).toString(
      "utf8",
    );
  } catch {
    return undefined;
  }
}
