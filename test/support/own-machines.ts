/** Machines of a test's own for `kt setup`: a systemd, /etc, /run and /usr/local/lib in namespaces, with a plain user who has kt. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { namespace, ownCluster, type Ran } from "./cluster.ts";
import { PlainUser } from "./plain-user.ts";
import { freePorts } from "./process.ts";
import { canRunUserSystemd, runUnderSystemd } from "./user-systemd.ts";

export class OwnMachines {
  readonly user: PlainUser = new PlainUser();
  readonly folder: string = `${this.user.home.path}/systemd`;
  #count = 0;

  /** Says why not. */
  static async arePossible(): Promise<boolean> {
    const tried = mkdtempSync(`${tmpdir()}/kt-setup-`);
    const possible = ownCluster && (await canRunUserSystemd(tried));
    rmSync(tried, { recursive: true, force: true });
    if (ownCluster && !possible) process.stderr.write("no systemd can be started here: the cases of kt setup are left out\n");
    return possible;
  }

  /** The user's profile has the name api.shop. */
  static async open(): Promise<OwnMachines> {
    const machines = new OwnMachines();
    const { user, folder } = machines;
    const [port = 0] = freePorts(1);
    user.write(`namespace = "${namespace}"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n"api.shop" = "svc/web:http"\n`);
    const allowed = await user.run(["allow"]);
    if (allowed.exitCode !== 0) throw new Error(allowed.stderr);
    mkdirSync(`${folder}/bin`, { recursive: true });
    // The manager is one of a user, who is root here; what is asked of the system's is asked of it. A file makes a call kill its caller.
    const systemctl = `#!/bin/sh
[ ! -e ${folder}/kill ] || { rm ${folder}/kill; kill -9 $PPID; exit; }
exec /usr/bin/systemctl --user "$@"
`;
    writeFileSync(`${folder}/bin/systemctl`, systemctl, { mode: 0o755 });
    return machines;
  }

  async close(): Promise<void> {
    await this.user.close();
  }

  /**
   * Runs a shell script on a new one. `kt` is the user's and `root_kt` root's; `until_so` waits for a condition; `$place` is a folder of
   * the machine's own, and `$before` a copy of /etc. `namespaces` are more of them, as unshare(1) names them.
   */
  async run(script: string, namespaces: readonly string[] = []): Promise<Ran> {
    const place = `${this.folder}/${this.#count++}`;
    mkdirSync(place);
    const env = { ...this.user.env, SYSTEMD_UNIT_PATH: "/etc/systemd/system:/usr/lib/systemd/user" };
    return await runUnderSystemd(this.#preface(place) + script, `${place}/run`, env, namespaces);
  }

  #preface(place: string): string {
    const { home, kt } = this.user;
    const prefix = PlainUser.prefix.join(" ");
    return `
place=${place}; before=$place/etc-before
cp -a /etc $place/etc && mount --bind $place/etc /etc || exit 80
mkdir -p $place/lib && mount --bind $place/lib /usr/local/lib || exit 81
printf '127.0.0.1 localhost\\n# the last line has no end' > /etc/hosts
for user in tester:x:1234 another:x:1235; do
  echo $user:\${user##*:}::/:/bin/sh >> /etc/passwd && echo $user: >> /etc/group
  # A user's manager, in a mount namespace, has no place for what these two take away.
  unit=/etc/systemd/system/kt-names-\${user##*:}@.service.d; mkdir -p $unit
  printf '[Service]\\nProtectHome=no\\nProtectKernelTunables=no\\n' > $unit/test.conf
done
cp -a /etc $before
cd ${home.path}/project
kt() { ${prefix} env XDG_RUNTIME_DIR=${home.path}/run ${kt} "$@"; }
root_kt() { env PATH=${this.folder}/bin:$PATH ${kt} "$@"; }
until_so() {
  left=200
  until eval "$1"; do
    left=$((left - 1)); [ $left -gt 0 ] || { echo "not so: $1"; tail -n 5 /etc/hosts ${home.path}/home/.local/state/kt/*.log; exit 82; }
    sleep 0.05
  done
}
resolves() { ${prefix.replaceAll("1234", "65534")} getent hosts api.shop >/dev/null; }
same() { cmp -s /etc/hosts $before/hosts; }
`;
  }
}
