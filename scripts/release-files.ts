/** What a release holds besides the binaries: the installer and the install line that know its address, and the notes. */

/** Why this tag cannot be released, or undefined. */
export function releaseProblem(tag: string, version: string, changelog: string): string | undefined {
  if (tag !== `v${version}`) return `the tag "${tag}" is not "v${version}", the version in package.json`;
  if (notesOf(changelog, version) === "") return `CHANGELOG.md has nothing under "## ${version}"`;
  return undefined;
}

/** The section of a version in the changelog. */
export function notesOf(changelog: string, version: string): string {
  const [, ...sections] = changelog.split(/^## /m);
  const section = sections.find((text) => text.split("\n", 1)[0]?.split(" ")[0] === version) ?? "";
  return section.slice(section.indexOf("\n") + 1).trim();
}

/** What to paste to install this version: the address that follows the newest release, or for a pre-release its own. */
export function installLine(releases: string, version: string): string {
  const isPreRelease = version.includes("-");
  const script = `${releases}/${isPreRelease ? `download/v${version}` : "latest/download"}/install.sh`;
  return `curl --proto '=https' --tlsv1.2 -fsSL ${script} | sh${isPreRelease ? ` -s -- --version ${version}` : ""}`;
}

/** `install.sh` as a release has it: it downloads from there. */
export function installerOf(script: string, releases: string): string {
  const installer = script.replace(/^releases=$/m, `releases=${releases}`);
  if (installer === script) throw new Error('install.sh has no line "releases="');
  return installer;
}

/** Names to sums, of a file of sums. */
export function readSums(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^([0-9a-f]{64}) {2}(\S+)$/gm)].map(([, sum = "", name = ""]) => [name, sum]));
}
