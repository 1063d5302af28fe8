/**
 * Makes what a release holds besides the binaries of `build --all`: `release TAG https://github.com/OWNER/NAME` writes
 * install.sh, kt.rb and notes.md into dist/; `release --check TAG` only says whether the tag can be released.
 */

import { file, write } from "bun";
import { formula } from "./formula.ts";
import { installerOf, installLine, notesOf, readSums, releaseProblem } from "./release-files.ts";
import { root } from "./steps.ts";

interface Manifest {
  readonly version: string;
  readonly description: string;
  readonly license: string;
}

const words = process.argv.slice(2);
const checkOnly = words.includes("--check");
const [tag = "", repository = ""] = words.filter((word) => word !== "--check");
const manifest: Manifest = await file(`${root}/package.json`).json();
const changelog = await file(`${root}/CHANGELOG.md`).text();

const problem = releaseProblem(tag, manifest.version, changelog);
if (problem !== undefined) {
  console.error(`release: ${problem}`);
  process.exit(1);
}
if (!checkOnly) {
  const sums = readSums(await file(`${root}/dist/SHA256SUMS`).text());
  const releases = `${repository}/releases`;
  await write(`${root}/dist/install.sh`, installerOf(await file(`${root}/install.sh`).text(), releases));
  await write(`${root}/dist/kt.rb`, formula({ ...manifest, repository, sums }));
  const install = `\`\`\`sh\n${installLine(releases, manifest.version)}\n\`\`\``;
  await write(`${root}/dist/notes.md`, `${install}\n\n${notesOf(changelog, manifest.version)}\n`);
}
