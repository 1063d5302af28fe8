/** `kt setup` under a real systemd, in namespaces of the test's own: names for the whole machine, low ports, and no trace of them after. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { namespace } from "#test/support/cluster.ts";
import { OwnMachines } from "#test/support/own-machines.ts";
import { PlainUser } from "#test/support/plain-user.ts";
import { freePorts } from "#test/support/process.ts";
import { rootToolsScript, unpackRootTools } from "#test/support/root-tools.ts";

const possible = await OwnMachines.arePossible();
const rootTools = possible ? await unpackRootTools() : undefined;
let machines: OwnMachines;
beforeAll(async () => {
  if (possible) machines = await OwnMachines.open();
});
afterAll(async () => await machines?.close());

describe.skipIf(!possible)("kt setup names", () => {
  test("names come and go with what is attached, for every user; a kill leaves nothing; --undo leaves no trace", async () => {
    const ran = await machines.run(`
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

  test("a hosts file of any shape is as it was to the byte when the names have gone, with what other programs wrote meanwhile", async () => {
    const ran = await machines.run(`
root_kt setup names --user 1234 --yes -q
come_and_go() {
  cp /etc/hosts $place/original; kt up -d >/dev/null 2>&1; until_so resolves
  kt down --all >/dev/null 2>&1; until_so "cmp -s /etc/hosts $place/original" && [ "$(ls /etc | grep hosts.kt)" = "" ] && echo "$1"
}
copy=${machines.user.home.path}/home/hosts.original; rm -f $copy
yes "10.0.0.1 name-of-a-host" | head -n 90000 > /etc/hosts; cp /etc/hosts $place/first; come_and_go "2 MB"
printf '127.0.0.1 localhost\\r\\n10.0.0.1 other\\r\\n' > /etc/hosts; come_and_go "CRLF"
printf '\\357\\273\\277127.0.0.1 localhost\\n' > /etc/hosts; come_and_go "BOM"
printf '' > /etc/hosts; come_and_go "empty"
printf '127.0.0.1 localhost' > /etc/hosts; come_and_go "no last newline"
chmod 640 /etc/hosts; chown 0:1234 /etc/hosts; setfacl -m u:65534:r /etc/hosts; getfacl -cp /etc/hosts > $place/acl
come_and_go "mode, owner"; getfacl -cp /etc/hosts | cmp - $place/acl && echo "access control list"
rm /etc/hosts; printf '127.0.0.1 localhost' > /etc/real; ln -s real /etc/hosts; come_and_go "link"; readlink /etc/hosts
rm /etc/hosts; echo > /etc/hosts; helped() { pgrep -f "names-helper 1234$" >/dev/null; }
until_so "! helped"; mount --bind /etc/real /etc/hosts; come_and_go "mount"; until_so "! helped"; umount /etc/hosts
printf '127.0.0.1 localhost\n' > /etc/hosts; cp /etc/hosts $place/original
kt up -d >/dev/null 2>&1; until_so resolves
for part in 1 2; do printf "10.0.0.$part kubefwd$part\\n" | tee -a $place/original >> /etc/hosts; done
kt down --all >/dev/null 2>&1; until_so "cmp -s /etc/hosts $place/original" && echo "another program's lines"
cmp $copy $place/first && stat -c "the first copy stays, of uid %u" $copy
`);
    expect(ran).toEqual({
      exitCode: 0,
      stderr: "",
      stdout: [
        "2 MB",
        "CRLF",
        "BOM",
        "empty",
        "no last newline",
        "mode, owner",
        "access control list",
        "link",
        "real",
        "mount",
        "another program's lines",
        "the first copy stays, of uid 1234",
        "",
      ].join("\n"),
    });
  });

  test("a full disk and a read-only /etc leave the file as it is, and the names come when there is room", async () => {
    const ran = await machines.run(`
root_kt setup names --user 1234 --yes -q
said() { kt logs 2>/dev/null | grep -q "$1" || grep -rqi "$1" ${machines.user.home.path}/home/.local/state/kt; }
mkdir $place/small; mount -t tmpfs -o size=$(( $(du -sk /etc | cut -f1) + 400 ))k none $place/small; cp -a /etc/. $place/small; mount --move $place/small /etc
cp /etc/hosts $place/original; head -c 9000000 /dev/zero > /etc/fill 2>/dev/null
kt up -d >/dev/null 2>&1; until_so 'said "no space left"'; cmp /etc/hosts $place/original && ! ls /etc | grep hosts.kt && echo "0 whole"
rm /etc/fill; until_so resolves && echo "1 after the disk was full"
mount -o remount,ro /etc; kt down --all >/dev/null 2>&1; kt up -d >/dev/null 2>&1; until_so 'said "read-only"'
mount -o remount,rw /etc; kt down --all >/dev/null 2>&1; until_so "cmp -s /etc/hosts $place/original" && echo "2 after it was read-only"
`);
    expect([ran.stdout, ran.exitCode]).toEqual(["0 whole\n1 after the disk was full\n2 after it was read-only\n", 0]);
  });

  test("two hubs of one user and two users at once have names beside each other; purge takes one user's alone", async () => {
    const [first = 0, second = 0] = freePorts(2);
    const profile = (name: string, port: number): string => `namespace = "${namespace}"
[http]
listen = ["127.0.0.1:${port}"]
[routes]
"${name}" = "svc/web:http"
`;
    const ran = await machines.run(`
other() { mkdir -p $1/run $1/home && cat > $1/tunnels.toml && chown -R $2:$2 $1; }
other $place/second 1234 <<'EOF'
${profile("db.second", first)}EOF
other $place/third 1235 <<'EOF'
${profile("db.third", second)}EOF
as() { (cd $1 && setpriv --reuid=$2 --regid=$2 --clear-groups env HOME=$1/home XDG_RUNTIME_DIR=$1/run ${machines.user.kt} "$3" "$4") >/dev/null 2>&1; }
has() { getent hosts $1 >/dev/null; }
chmod 644 ${machines.user.home.path}/kubeconfig
for uid in 1234 1235; do root_kt setup names --user $uid --yes -q; done
as $place/second 1234 allow; as $place/third 1235 allow
kt up -d >/dev/null 2>&1; as $place/second 1234 up -d; as $place/third 1235 up -d
until_so "has api.shop && has db.second && has db.third"; grep -c "BEGIN kt 1234" /etc/hosts; kt hosts
as $place/second 1234 down --all; until_so "! has db.second"; has api.shop && has db.third && echo "1 one hub's are gone"
SUDO_UID=1235 root_kt hosts purge; has api.shop && ! has db.third && echo "2 one user's are purged"
as $place/third 1235 down --all; kt down --all >/dev/null 2>&1; until_so same && echo "3 as it was"
root_kt setup names --user 1235 --undo --yes -q; [ -x /usr/local/lib/kt/names-helper ] && echo "4 the other user's set-up stays"
root_kt setup names --user 1234 --undo --yes -q
`);
    expect(ran).toEqual({
      exitCode: 0,
      stderr: "",
      stdout: `2
uid 1234
  127.0.0.1 api.shop
  127.0.0.1 db.second
uid 1235
  127.0.0.1 db.third
1 one hub's are gone
2 one user's are purged
3 as it was
4 the other user's set-up stays
`,
    });
  });

  test("a kill of hub and helper at any moment of a change leaves nothing, with a large file and where it is mounted", async () => {
    const ran = await machines.run(`
root_kt setup names --user 1234 --yes -q
yes "10.0.0.1 name-of-a-host" | head -n 90000 > /etc/hosts; cp /etc/hosts /etc/mounted; cp /etc/hosts $place/original
kill_all() { pkill -9 -f "names-helper 1234$"; pkill -9 -f "kt hub"; }
kills() {
  for wait in 0 0.02 0.04 0.06 0.08 0.1 0.12 0.14 0.2 0.3; do
    kt up -d >/dev/null 2>&1 &
    until pgrep -f "names-helper 1234$" >/dev/null; do :; done; sleep $wait; kill_all; wait $!
    kill_all; until_so 'cmp -s /etc/hosts $place/original && [ -z "$(ls -A /etc /run | grep -F .kt-new)" ] && [ ! -e /run/kt-hosts.journal ]'
  done
}
kills; echo "1 renamed"
mount --bind /etc/mounted /etc/hosts; kills; echo "2 in place"
kt up -d >/dev/null 2>&1; until_so resolves && echo "3 and then it works"; kt down --all >/dev/null 2>&1
`);
    expect([ran.stdout, ran.exitCode]).toEqual(["1 renamed\n2 in place\n3 and then it works\n", 0]);
  });

  test("killed at each of its commands, kt setup is finished or undone by the next one", async () => {
    const ran = await machines.run(`
gone() { diff -r --no-dereference /etc $before && [ -z "$(ls -A /usr/local/lib)" ] && [ ! -e /run/kt-names-1234.sock ]; }
touch ${machines.folder}/kill; root_kt setup names --user 1234 --yes -q; echo "killed $?"
root_kt setup names --user 1234 --undo --yes -q; gone && echo "undone"
touch ${machines.folder}/kill; root_kt setup names --user 1234 --yes -q; echo "killed $?"
root_kt setup names --user 1234 --yes -q; [ -S /run/kt-names-1234.sock ] && echo "finished"
touch ${machines.folder}/kill; root_kt setup names --user 1234 --undo --yes -q; echo "killed $?"
root_kt setup names --user 1234 --undo --yes -q; gone && echo "undone"
`);
    expect(ran.stdout).toBe("killed 137\nundone\nkilled 137\nfinished\nkilled 137\nundone\n");
  });

  test("a plain user's call goes to root by sudo, with an environment that has nothing of the user's", async () => {
    const ran = await machines.run(`
printf '#!/bin/sh\necho "$@"\n' > ${machines.folder}/bin/sudo; chmod 755 ${machines.folder}/bin/sudo
PATH=${machines.folder}/bin:$PATH; kt setup names; kt setup names --yes -q
`);
    expect(ran.stderr).toContain("kt: hint: kt setup names --yes");
    expect(ran.stdout).toEndWith(
      `/usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ${machines.user.kt} setup names --yes --quiet --user 1234\n`,
    );
  });
});

describe.skipIf(!possible)("kt setup ports", () => {
  const own = `
ip link set lo up
echo nameserver 192.0.2.1 > /etc/resolv.conf
first=/proc/sys/net/ipv4/ip_unprivileged_port_start
echo 'net.ipv4.ip_unprivileged_port_start = 900' > /etc/sysctl.d/50-test.conf; /lib/systemd/systemd-sysctl
rm -rf $before; cp -a /etc $before
low() { ${PlainUser.prefix.join(" ")} perl -MSocket -e 'socket(S, 2, 1, 0); bind(S, pack_sockaddr_in(80, inet_aton("127.1.27.1"))) or exit 1'; }
`;

  test("gives users low ports, now and when the machine starts; --undo puts back what the other files say", async () => {
    const ran = await machines.run(
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
    const ran = await machines.run(
      `${own}
root_kt setup --user 1234 --yes 2>&1 | grep -v "^  \\|^$"; low && [ -S /run/kt-names-1234.sock ] && echo "1 set up"
kt doctor 2>/dev/null | grep -o "kt setup [a-z]* is in place"
root_kt setup --user 1234 --undo --yes -q && diff -r --no-dereference /etc $before && [ -z "$(ls -A /usr/local/lib)" ] && echo "2 no trace"
root_kt setup --user 1234 --undo 2>&1
root_kt setup port 2>&1
`,
      ["--net"],
    );
    expect(
      ran.stdout,
    ).toBe(`dns: left out: /etc/resolv.conf names 192.0.2.1, which programs ask themselves, and kt does not change that file
addresses: nothing to do: every address of 127.0.0.0/8 is this machine's own
names: as root, this will
ports: as root, this will
names: names of attached profiles resolve in every program of this machine; kt hosts shows them
ports: services have their own ports, also below 1024
1 set up
kt setup names is in place
kt setup ports is in place
2 no trace
names: not set up
dns: not set up
ports: not set up
addresses: nothing to do: every address of 127.0.0.0/8 is this machine's own
kt: error: kt setup does not know "port"
kt: hint: kt setup ports
`);
  });
});

describe.skipIf(rootTools === undefined)("a plain user", () => {
  test("sets up and undoes by sudo, doas and pkexec; as root by one of them, it is still the user's", async () => {
    const ran = await machines.run(
      `ip link set lo up
first=/proc/sys/net/ipv4/ip_unprivileged_port_start
echo 1024 > $first
${rootToolsScript(rootTools ?? "", 1234)}
rm -rf $before; cp -a /etc $before
for tool in sudo doas pkexec; do
  by() { ${PlainUser.prefix.join(" ")} env PATH=$place/$tool "$@"; }
  by ${machines.user.kt} setup ports --yes -q; echo "$tool $? $(cat $first)"
  by ${machines.user.kt} setup ports --undo --yes -q; echo "undone $? $(cat $first)"
  diff -r --no-dereference /etc $before
  by $tool ${machines.user.kt} setup names --dry-run 2>&1 | grep -o "kt-names-[0-9]*.socket" | sort -u
done
`,
      ["--net"],
    );
    const each = (tool: string): string => `${tool} 0 0\nundone 0 1024\nkt-names-1234.socket\n`;
    expect(ran).toEqual({ exitCode: 0, stderr: "", stdout: ["sudo", "doas", "pkexec"].map(each).join("") });
  });
});
