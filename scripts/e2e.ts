/** Runs the end-to-end tests: builds kt, brings the cluster up, applies the fixtures, tests, and takes everything down again. */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { Glob, spawnSync } from "bun";
import { runTests } from "./counted-tests.ts";
import { installPackages } from "./packages.ts";
import { countsLine, root, step } from "./steps.ts";

const mine = process.env["KT_E2E_CLUSTER"] === "mine";
const clusterDir = process.env["KT_CLUSTER_DIR"] ?? `${process.env["XDG_CACHE_HOME"] ?? `${process.env["HOME"]}/.cache`}/kt-cluster`;

/** Names of test files to run, as `bun run e2e http tcp`; all of them without. */
const wanted = process.argv.slice(2);

function newest(pattern: string): number {
  return Math.max(0, ...[...new Glob(pattern).scanSync({ cwd: root })].map((path) => statSync(`${root}/${path}`).mtimeMs));
}

async function buildWhenStale(): Promise<boolean> {
  const sources = Math.max(newest("src/**/*"), newest("native/**/*"), newest("profiles/**/*"), newest("bun.lock"));
  const built = existsSync(`${root}/dist/kt`) ? statSync(`${root}/dist/kt`).mtimeMs : 0;
  return built > sources || (await step("build", [process.execPath, "scripts/build.ts"]));
}

/** Builds a Go program of a module beside the tests, at the versions that its go.sum pins. */
async function buildGo(what: string, folder: string, program: string, into: string): Promise<boolean> {
  mkdirSync(`${root}/dist`, { recursive: true });
  return await step(`build ${what}`, ["go", "-C", `test/e2e/${folder}`, "build", "-o", `${root}/dist/${into}`, program], {
    CGO_ENABLED: "0",
    GOFLAGS: "-buildvcs=false",
  });
}

async function buildClients(): Promise<boolean> {
  if (!(await buildGo("the Go client", "client", ".", "e2e-client"))) return false;
  // Large, and for one file of tests, which says so where it is not there.
  if (wanted.length === 0 || wanted.includes("chart")) await buildGo("helm", "helm", "helm.sh/helm/v4/cmd/helm", "helm");
  if (!(await buildGo("the stand-ins of backends", "stands", ".", "e2e-stands"))) return false;
  return await buildGo("h2spec", "h2spec", "github.com/summerwind/h2spec/cmd/h2spec", "h2spec");
}

function clusterRuns(): boolean {
  try {
    return existsSync(`/proc/${readFileSync(`${clusterDir}/pids/apiserver`, "utf8").trim()}`);
  } catch {
    return false;
  }
}

/** What a test that was killed may have left behind. */
function removePacketFilter(): void {
  if (!mine) spawnSync(["nft", "delete", "table", "inet", "kt_e2e"], { stdout: "ignore", stderr: "ignore" });
}

async function testOnCluster(kubeconfig: string): Promise<boolean> {
  const temporary = mkdtempSync("/tmp/kt-e2e-");
  const environment = {
    TMPDIR: temporary,
    KT_E2E_NAMESPACE: `kt-e2e-${process.pid}`,
    KT_E2E_KUBECONFIG: kubeconfig,
    KT_CLUSTER_DIR: clusterDir,
  };
  Object.assign(process.env, environment);
  const { applyFixtures, removeFixtures } = await import("#test/support/fixtures.ts");
  let child = 0;
  const interrupt = (): void => {
    if (child > 0) process.kill(child, "SIGTERM");
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  try {
    await applyFixtures();
    const files = [...new Glob("test/e2e/*.e2e.ts").scanSync({ cwd: root })].sort();
    const chosen = files.filter((path) => wanted.length === 0 || wanted.some((name) => path.endsWith(`/${name}.e2e.ts`)));
    const counts = await runTests(
      ["--timeout=180000"],
      chosen.map((path) => `./${path}`),
      environment,
      (pid) => (child = pid),
    );
    console.log(countsLine(counts));
    return counts.failed === 0;
  } finally {
    removePacketFilter();
    rmSync(temporary, { recursive: true, force: true });
    await removeFixtures();
  }
}

async function main(): Promise<boolean> {
  const unknown = wanted.filter((name) => !existsSync(`${root}/test/e2e/${name}.e2e.ts`));
  if (unknown.length > 0) {
    console.error(`there is no test/e2e/${unknown[0]}.e2e.ts`);
    return false;
  }
  if (!(await buildWhenStale()) || !(await buildClients())) return false;
  if (mine) return await testOnCluster(process.env["KUBECONFIG"] ?? `${process.env["HOME"]}/.kube/config`);
  if (!(await installPackages())) return false;
  const ranBefore = clusterRuns();
  try {
    return (await step("cluster up", ["test/cluster/up"])) && (await testOnCluster(`${clusterDir}/admin.kubeconfig`));
  } finally {
    if (!ranBefore) await step("cluster down", ["test/cluster/down"]);
  }
}

const ok = await main().catch((error: unknown) => {
  console.error(error);
  return false;
});
if (!ok) console.log("e2e failed");
process.exit(ok ? 0 : 1);
