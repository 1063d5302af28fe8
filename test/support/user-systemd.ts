/** A systemd user manager of a test's own, where this machine allows one: it sees no other process and no other cgroup. */

import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { which } from "bun";
import { type Ran, run } from "./cluster.ts";
import { eventually } from "./wait.ts";

/** Where the hierarchy is that systemd keeps its units in: one of its own beside the others (v1), or the one there is (v2). */
const hierarchy = existsSync("/sys/fs/cgroup/systemd") ? "/sys/fs/cgroup/systemd" : "/sys/fs/cgroup";
const mountHierarchy =
  hierarchy === "/sys/fs/cgroup"
    ? `mount -t cgroup2 cgroup2 ${hierarchy}`
    : `umount ${hierarchy} && mount -t cgroup -o none,name=systemd systemd ${hierarchy}`;

const tools = ["/lib/systemd/systemd", "systemctl", "unshare", "mount"];

/** False where a manager cannot be started at all: not root, no systemd, or cgroups that are not ours to divide. */
export async function canRunUserSystemd(directory: string): Promise<boolean> {
  if (process.platform !== "linux" || process.getuid?.() !== 0 || tools.some((tool) => which(tool) === null)) return false;
  const ran = await runUnderSystemd("systemctl --user show --property=Version", directory, {});
  return ran.exitCode === 0 && ran.stdout.startsWith("Version=");
}

/**
 * Runs a shell script beside a manager that ends with it. `directory` is the manager's runtime directory, and empty of sockets;
 * `more` are namespaces besides its own of mounts, processes and cgroups, as unshare(1) names them.
 */
export async function runUnderSystemd(
  script: string,
  directory: string,
  env: Readonly<Record<string, string>>,
  more: readonly string[] = [],
): Promise<Ran> {
  const group = `${hierarchy}/kt-test-${process.pid}`;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const inside = `${directory}/inside.sh`;
  // A manager wants to see that systemd booted the machine, which a folder tells it.
  writeFileSync(
    inside,
    `${mountHierarchy} || exit 90
mkdir -p "${directory}/booted/systemd/system" && mount --bind "${directory}/booted" /run || exit 91
/lib/systemd/systemd --user --log-target=null >/dev/null 2>&1 &
manager=$!
tries=100
until systemctl --user show --property=Version >/dev/null 2>&1; do
  tries=$((tries - 1)); [ $tries -gt 0 ] || exit 92
  sleep 0.05
done
(
${script}
)
code=$?
kill $manager; wait
exit $code
`,
  );
  try {
    mkdirSync(group);
    const enter = `echo $$ > ${group}/cgroup.procs && exec unshare ${more.join(" ")} --mount --cgroup --pid --fork --mount-proc sh "${inside}"`;
    return await run(["sh", "-c", enter], { env: { PATH: process.env["PATH"] ?? "", ...env, XDG_RUNTIME_DIR: directory } });
  } catch (error) {
    return { exitCode: 93, stdout: "", stderr: String(error) };
  } finally {
    await eventually("the cgroup to be empty", () => removed(group)).catch(() => undefined);
  }
}

/** Groups go from the inside out, once their last process has ended. */
function removed(group: string): boolean {
  if (!existsSync(group)) return true;
  for (const entry of readdirSync(group, { withFileTypes: true })) if (entry.isDirectory()) removed(`${group}/${entry.name}`);
  try {
    rmdirSync(group);
    return true;
  } catch {
    return false;
  }
}
