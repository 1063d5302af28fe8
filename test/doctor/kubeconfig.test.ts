/** Which fix `kt doctor` offers for a kubeconfig that cannot be used, whatever its files and contexts are called. */

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { kubeLimits } from "#kube/limits.ts";
import { examineKubeconfig } from "#doctor/kubeconfig.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

const folder = mkdtempSync(`${tmpdir()}/kt-current-context-`);
afterAll(() => rmSync(folder, { recursive: true }));

function fixes(context: string | undefined, text: string | undefined): readonly string[] {
  const path = `${folder}/${text === undefined ? "none" : "config"}`;
  if (text !== undefined) writeFileSync(path, text);
  const options = { kubeconfig: [path], environment: {}, clock: new ManualClock(), pluginTimeoutMs: kubeLimits.pluginTimeoutMs };
  return examineKubeconfig(new Map([[context, []]]), options).findings.flatMap((finding) => finding.fixes);
}

test("a kubeconfig that is not there must be obtained", () => {
  expect(fixes(undefined, undefined)[0]).toBe("export KUBECONFIG=/path/to/kubeconfig");
});

test("one that names no current context is to name one", () => {
  expect(fixes(undefined, "{}")).toEqual(["the kubeconfig has no contexts at all", "kubectl config use-context NAME"]);
});

test("a context that it lacks must be chosen anew, also where a file or context is called current-context", () => {
  for (const context of ["prod", "current-context"])
    expect(fixes(context, "{}")).toEqual(["the kubeconfig has no contexts at all", "kubectl config get-contexts"]);
});
