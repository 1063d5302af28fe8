/** The workflows of CI and releases: the scripts they run exist, what they use is pinned, and they may do little. */

import { describe, expect, test } from "bun:test";
import { file, Glob, YAML } from "bun";

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly concurrency?: { readonly group: string };
  readonly jobs: Readonly<Record<string, { readonly permissions?: Readonly<Record<string, string>>; readonly steps: readonly Step[] }>>;
}

const root = `${import.meta.dir}/../..`;
const manifest: { scripts: Record<string, string>; devDependencies: Record<string, string> } = await file(`${root}/package.json`).json();
const paths = [...new Glob(".github/workflows/*.yml").scanSync({ cwd: root, dot: true })].sort();

test("there are two", () => {
  expect(paths).toEqual([".github/workflows/ci.yml", ".github/workflows/release.yml"]);
});

describe.each(paths)("%s", async (path) => {
  const text = await file(`${root}/${path}`).text();
  const workflow = YAML.parse(text) as Workflow;
  const jobs = Object.values(workflow.jobs);
  const commands = jobs.flatMap((job) => job.steps.flatMap((step) => step.run ?? []));

  test("runs scripts that exist, with the Bun of package.json", () => {
    const runs = commands.flatMap((command) => [...command.matchAll(/bun@(\S+) run (\S+)/g)]);
    for (const [, version, name = ""] of runs) {
      expect(version).toBe(manifest.devDependencies["bun"]);
      expect(Object.keys(manifest.scripts)).toContain(name);
    }
    expect(commands.join("\n")).toMatch(path.includes("ci") ? /\.ci\/run/ : /run build --all/);
  });

  test("pins what it uses to a commit, and says which version that is", () => {
    const uses = jobs.flatMap((job) => job.steps.flatMap((step) => step.uses ?? []));
    expect(uses.length).toBeGreaterThan(0);
    for (const used of uses) expect(used).toMatch(/^actions\/[\w-]+@[0-9a-f]{40}$/);
    expect(text.match(/uses: \S+ # v\d+\.\d+\.\d+$/gm)).toHaveLength(uses.length);
  });

  test("puts nothing that others may write into a command", () => {
    expect(commands.filter((command) => command.includes("${{"))).toEqual([]);
  });

  test("may write only where it publishes, and does not run twice at a time", () => {
    expect(Object.values(workflow.permissions ?? { all: "write" })).not.toContain("write");
    const writers = Object.entries(workflow.jobs).filter(([, job]) => Object.values(job.permissions ?? {}).includes("write"));
    expect(writers.map(([name]) => name)).toEqual(path.includes("release") ? ["publish"] : []);
    expect(workflow.concurrency?.group).toContain("github.ref");
  });
});

test("every place that names a Bun names the one of package.json", async () => {
  for (const path of [".ci/run", "README.md", "CONTRIBUTING.md", "install.sh"]) {
    const text = await file(`${root}/${path}`).text();
    for (const [, version] of text.matchAll(/\bbun@(\d[\d.]*\d)/g))
      expect(`${path}: ${version}`).toBe(`${path}: ${manifest.devDependencies["bun"]}`);
  }
});
