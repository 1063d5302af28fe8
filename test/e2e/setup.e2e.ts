/** `kt setup names` under a real systemd, in namespaces of the test's own: names for the whole machine, and no trace of them after. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { namespace, ownCluster } from "#test/support/cluster.ts";
import { PlainUser } from "#test/support/plain-user.ts";
import { freePorts } from "#test/support/process.ts";
import { canRunUserSystemd, runUnderSystemd } from "#test/support/user-systemd.ts";

const tried = mkdtempSync(`${tmpdir()}/kt-setup-`);
const possible = ownCluster && (await canRunUserSystemd(tried));
if (ownCluster && !possible) process.stderr.write("no systemd can be started here: the cases of kt setup are left out\n");

let user: PlainUser;
let folder: string;

beforeAll(async () => {
  if (!possible) return;
  user = new PlainUser();
  folder = `${user.home.path}/systemd`;
  const [port = 0] = freePorts(1);
  user.write(`namespace = "${namespace}"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n"api.shop" = "svc/web:http"\n`);
  expect((await user.run(["allow"])).exitCode).toBe(0);
  mkdirSync(`${folder}/bin`, { recursive: true });
  // The manager is one of a user, who is root here; what is asked of the system's is asked of it.
  const systemctl = `#!/bin/sh
[ ! -e ${folder}/kill ] || { rm ${folder}/kill; kill -9 $PPID; }
exec /usr/bin/systemctl --user "$@"
`;
  writeFileSync(`${folder}/bin/systemctl`, systemctl, { mode: 0o755 });
});
afterAll(async () => {
  await user?.close();
  rmSync(tried, { recursive: true, force: true });
});

/** In its own /etc, /run and /usr/local/lib. `kt` is the user's and `root_kt` root's; `until_so` waits for a condition. */
let machines = 0;

async function onOwnMachine(script: string, namespaces: readonly string[] = []) {
  const place = `${folder}/${machines++}`;
  mkdirSync(place);
  const { home, kt } = user;
  const prefix = PlainUser.prefix.join(" ");
  const own = `
cp -a /etc ${place}/etc && mount --bind ${place}/etc /etc || exit 80
mkdir -p ${place}/lib && mount --bind ${place}/lib /usr/local/lib || exit 81
printf '127.0.0.1 localhost\\n# the last line has no end' > /etc/hosts
echo tester:x:1234:1234::/:/bin/sh >> /etc/passwd && echo tester:x:1234: >> /etc/group
# A user's manager, in a mount namespace, has no place for what these two take away.
mkdir -p /etc/systemd/system/kt-names-1234@.service.d
printf '[Service]\nProtectHome=no\nProtectKernelTunables=no\n' > /etc/systemd/system/kt-names-1234@.service.d/test.conf
cp -a /etc ${place}/etc-before
before=${place}/etc-before
cd ${home.path}/project
kt() { ${prefix} env XDG_RUNTIME_DIR=${home.path}/run ${kt} "$@"; }
root_kt() { env PATH=${folder}/bin:$PATH ${kt} "$@"; }
until_so() { n=200; until eval "$1"; do n=$((n-1)); [ $n -gt 0 ] || { echo "not so: $1"; cat /etc/hosts; exit 82; }; sleep 0.05; done; }
resolves() { ${prefix.replaceAll("1234", "65534")} getent hosts api.shop >/dev/null; }
same() { cmp -s /etc/hosts $before/hosts; }
${script}`;
  const env = { ...user.env, SYSTEMD_UNIT_PATH: "/etc/systemd/system:/usr/lib/systemd/user" };
  return await runUnderSystemd(own, `${place}/run`, env, namespaces);
}

describe.skipIf(!possible)("kt setup names", () => {
  test("names come and go with what is attached, for every user; a kill leaves nothing; --undo leaves no trace", async () => {
    const ran = await onOwnMachine(`
root_kt setup names --user 1234 --dry-run -q; diff -r --no-dereference /etc $before && echo "1 dry run changed nothing"
root_kt setup names --user 1234 --yes -q && echo "2 set up"
root_kt setup names --user 1234 --yes | grep -q "set up already" && echo "3 twice is once"
resolves || echo "4 nothing yet"
kt up -d >/dev/null 2>&1
until_so resolves; grep -A1 "BEGIN kt 1234" /etc/hosts | tail -1
pid=$(pgrep -f "names-helper 1234"); kill -9 $pid; until_so "pgrep -f 'names-helper 1234' | grep -qv $pid"; until_so resolves && echo "5 a killed helper is replaced"
kill -9 $(pgrep -f "kt hub"); until_so same && echo "6 a killed hub leaves nothing"
kt up -d >/dev/null 2>&1; until_so resolves; kt hosts
kt down --all >/dev/null 2>&1; until_so same && echo "7 the last profile takes its names along"
kt up -d >/dev/null 2>&1; until_so resolves
root_kt setup names --user 1234 --undo --yes -q && echo "8 undone"
kt down --all >/dev/null 2>&1
diff -r --no-dereference /etc $before && [ -z "$(ls -A /usr/local/lib)" ] && [ ! -e /run/kt-names-1234.sock ] && echo "9 no trace"
`);
    expect(ran).toEqual({
      exitCode: 0,
      stderr: "",
      stdout: `1 dry run changed nothing
2 set up
3 twice is once
4 nothing yet
127.0.0.1 api.shop
5 a killed helper is replaced
6 a killed hub leaves nothing
uid 1234
  127.0.0.1 api.shop
7 the last profile takes its names along
8 undone
9 no trace
`,
    });
  });

  test("killed at each of its commands, kt setup is finished or undone by the next one", async () => {
    const ran = await onOwnMachine(`
gone() { diff -r --no-dereference /etc $before && [ -z "$(ls -A /usr/local/lib)" ] && [ ! -e /run/kt-names-1234.sock ]; }
touch ${folder}/kill; root_kt setup names --user 1234 --yes -q; echo "killed $?"
root_kt setup names --user 1234 --undo --yes -q; gone && echo "undone"
touch ${folder}/kill; root_kt setup names --user 1234 --yes -q; echo "killed $?"
root_kt setup names --user 1234 --yes -q; [ -S /run/kt-names-1234.sock ] && echo "finished"
touch ${folder}/kill; root_kt setup names --user 1234 --undo --yes -q; echo "killed $?"
root_kt setup names --user 1234 --undo --yes -q; gone && echo "undone"
`);
    expect(ran.stdout).toBe("killed 137\nundone\nkilled 137\nfinished\nkilled 137\nundone\n");
  });

  test("a plain user's call goes to root by sudo, with an environment that has nothing of the user's", async () => {
    const ran = await onOwnMachine(`
printf '#!/bin/sh\necho "$@"\n' > ${folder}/bin/sudo; chmod 755 ${folder}/bin/sudo
PATH=${folder}/bin:$PATH; kt setup names; kt setup names --yes -q
`);
    expect(ran.stderr).toContain("kt: hint: kt setup names --yes");
    expect(ran.stdout).toEndWith(
      `/usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ${user.kt} setup names --yes --quiet --user 1234\n`,
    );
  });
});

describe.skipIf(!possible)("kt setup ports", () => {
  const own = `
ip link set lo up
first=/proc/sys/net/ipv4/ip_unprivileged_port_start
echo 'net.ipv4.ip_unprivileged_port_start = 900' > /etc/sysctl.d/50-test.conf; /lib/systemd/systemd-sysctl
rm -rf $before; cp -a /etc $before
low() { ${PlainUser.prefix.join(" ")} perl -MSocket -e 'socket(S, 2, 1, 0); bind(S, pack_sockaddr_in(80, inet_aton("127.1.27.1"))) or exit 1'; }
`;

  test("gives users low ports, now and when the machine starts; --undo puts back what the other files say", async () => {
    const ran = await onOwnMachine(
      `${own}
root_kt setup ports --dry-run 2>&1; low || echo "1 only root may"
root_kt setup ports --yes -q && low && echo "2 everybody may"
root_kt setup ports --yes 2>&1
echo 1024 > $first; /lib/systemd/systemd-sysctl; low && echo "3 also after a start"
root_kt setup ports --undo --yes 2>&1
diff -r --no-dereference /etc $before && cat $first && ! low && echo "4 no trace"
`,
      ["--net"],
    );
    expect(ran).toEqual({
      exitCode: 0,
      stderr: "",
      stdout: `ports: as root, this will
  write /etc/sysctl.d/99-zz-kt-ports.conf
      # Written by "kt setup ports"; "kt setup ports --undo" removes it.
      # Every user may listen on ports below 1024, as services in a cluster do.
      net.ipv4.ip_unprivileged_port_start = 0
  set net.ipv4.ip_unprivileged_port_start to 0; it is 900
1 only root may
2 everybody may
ports: set up already
3 also after a start
ports: as root, this will
  set net.ipv4.ip_unprivileged_port_start to 900; it is 0
  remove /etc/sysctl.d/99-zz-kt-ports.conf
ports: nothing of it is left on this machine
4 no trace
`.replace("4 no", "900\n4 no"),
    });
  });

  test("without words, kt setup makes all that the machine can have, and undoes it", async () => {
    const ran = await onOwnMachine(
      `${own}
root_kt setup --user 1234 --yes 2>&1 | grep -v "^  \\|^$"; low && [ -S /run/kt-names-1234.sock ] && echo "1 set up"
root_kt setup --user 1234 --undo --yes -q && diff -r --no-dereference /etc $before && [ -z "$(ls -A /usr/local/lib)" ] && echo "2 no trace"
root_kt setup --user 1234 --undo 2>&1
root_kt setup port 2>&1
`,
      ["--net"],
    );
    expect(ran.stdout).toBe(`addresses: nothing to do: every address of 127.0.0.0/8 is this machine's own
names: as root, this will
ports: as root, this will
names: names of attached profiles resolve in every program of this machine; kt hosts shows them
ports: services have their own ports, also below 1024
1 set up
2 no trace
names: not set up
ports: not set up
addresses: nothing to do: every address of 127.0.0.0/8 is this machine's own
kt: error: kt setup does not know "port"
kt: hint: kt setup ports
`);
  });
});
