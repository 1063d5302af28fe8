/** `kt setup dns` with a real systemd-resolved and a real NetworkManager, in namespaces of the test's own: who resolves what, and that nothing stays. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { spawn, spawnSync } from "bun";
import { adminKubeconfig, namespace } from "#test/support/cluster.ts";
import { networkManagerScript, unpackNetworkManager } from "#test/support/network-manager.ts";
import { OwnMachines } from "#test/support/own-machines.ts";
import { PlainUser } from "#test/support/plain-user.ts";
import { freePorts } from "#test/support/process.ts";
import { resolvedScript, unpackResolved } from "#test/support/resolved.ts";

const possible = await OwnMachines.arePossible();
const resolved = possible ? await unpackResolved() : undefined;
const networkManager = possible ? await unpackNetworkManager() : undefined;
const root = new URL("../..", import.meta.url).pathname;
const pipeScript = new URL("../support/pipe.ts", import.meta.url).pathname;
const nameServer = new URL("../support/link-name-server.ts", import.meta.url).pathname;
const apiServer = /server: https:\/\/(\S+)/.exec(readFileSync(adminKubeconfig, "utf8"))?.[1] ?? "";

let machines: OwnMachines;
beforeAll(async () => {
  if (possible) machines = await OwnMachines.open();
});
afterAll(async () => await machines?.close());

const name = `web.${namespace}.svc.cluster.local`;

/** One for all cases: a hub of a later one attaches what an earlier one was killed with. */
function writeProfile(): void {
  const [port = 0] = freePorts(1);
  const listen = `[http]\nlisten = ["127.0.0.1:${port}"]\n[addresses]\nbase = "127.61.1.1"\n`;
  machines.user.write(`${listen}[[forward]]\nnamespaces = ["${namespace}"]\n`, "forwarded");
}

describe.skipIf(resolved === undefined)("kt setup dns", () => {
  test("with systemd-resolved every program resolves the cluster's names, others as before, also without kt; --undo leaves no trace", async () => {
    writeProfile();
    const musl = `${machines.folder}/resolve`;
    expect(spawnSync(["musl-gcc", "-static", "-o", musl, `${root}/test/e2e/resolve.c`]).exitCode).toBe(0);
    const pipe = `${machines.folder}/api.sock`;
    const outside = spawn([process.execPath, pipeScript, pipe, apiServer]);
    const ran = await machines.run(
      `${resolvedScript(resolved ?? "", nameServer)}
${process.execPath} ${pipeScript} ${apiServer} ${pipe} &
rm -rf $before; cp -a /etc $before
cd ${machines.user.home.path}/forwarded
as_user() { ${PlainUser.prefix.join(" ")} "$@"; }
finds() { as_user getent hosts ${name} >/dev/null; }
# With glibc alone each look at a server that is away waits for up to 40 s.
is_gone() { ! as_user dig +short +tries=1 +timeout=1 ${name} | grep -q "^127"; }
others() { as_user getent hosts www.example.org | grep -q 93.184.216.34 && ! as_user getent hosts nothing.example.org; }
root_kt setup dns --user 1234 --dry-run 2>&1; diff -r --no-dereference /etc $before && others && echo "1 nothing changed"
kt up -d >/dev/null 2>&1; finds || echo "2 nothing yet"
touch ${machines.folder}/kill; root_kt setup dns --user 1234 --yes -q; echo "killed $?"
root_kt setup dns --user 1234 --yes 2>&1; until_so finds; root_kt setup dns --user 1234 2>&1
kt dns status >/dev/null 2>&1; echo "kt dns status $?"
address=$(as_user getent hosts ${name} | cut -d" " -f1); echo $address | grep -o "^127.61.1"
same_address() { grep -qF "$address" && echo "$1"; }
as_user dig +short ${name} | same_address "dig"
as_user dig +short +tcp ${name} | same_address "dig by TCP"
as_user ${musl} ${name} | same_address "musl"
as_user env GODEBUG=netdns=go ${root}/dist/e2e-client resolve ${name} | same_address "Go"
web_port=$(as_user dig +short _http._tcp.${name} SRV | cut -d" " -f3)
as_user env HOME=${machines.user.home.path}/home chromium --headless --no-sandbox --disable-gpu --dump-dom http://${name}:$web_port/ 2>/dev/null | grep -o "pod=web"
others && echo "3 others as before"
SUDO_UID=1235 root_kt setup dns --yes 2>&1 | head -n 1
kt down --all >/dev/null 2>&1; until_so is_gone; others && echo "4 others without kt"
kt up -d >/dev/null 2>&1; until_so finds; kill -9 $(pgrep -f "kt hub"); until_so is_gone; others && echo "5 others after a kill"
touch ${machines.folder}/kill; root_kt setup dns --undo --yes -q; echo "killed $?"
root_kt setup dns --undo --yes -q; root_kt setup dns --undo 2>&1; diff -r --no-dereference /etc $before
until_so "resolvectl dns >/dev/null 2>&1"; resolvectl dns | head -n 1; resolvectl domain | head -n 1
others && ! finds && echo "6 no trace"
`,
      ["--net"],
    );
    outside.kill();
    const wouldDo = `  write /etc/systemd/resolved.conf.d/kt.conf
      # Written by "kt setup dns" for uid 1234; "kt setup dns --undo" removes it.
      [Resolve]
      DNS=127.0.0.1:8953
      Domains=~cluster.local
`;
    const wouldRun = "  run systemctl reload-or-restart systemd-resolved\n";
    expect(ran).toEqual({
      exitCode: 0,
      stderr: "Killed\nKilled\n",
      stdout: `dns: as root, this will
${wouldDo}${wouldRun}1 nothing changed
2 nothing yet
killed 137
dns: as root, this will
${wouldRun}dns: names in the domains resolve in every program while your hub runs; kt dns status tries it
dns: set up already
kt dns status 0
127.61.1
dig
dig by TCP
musl
Go
pod=web
3 others as before
kt: error: "dns" cannot be set up here: uid 1234 has it, and a domain can be asked for in one place only
4 others without kt
5 others after a kill
killed 137
dns: not set up
Global:
Global:
6 no trace
`,
    });
  });
});

describe.skipIf(networkManager === undefined)("kt setup dns", () => {
  test("with the dnsmasq of NetworkManager as well, until --undo", async () => {
    writeProfile();
    const pipe = `${machines.folder}/api-dnsmasq.sock`;
    const outside = spawn([process.execPath, pipeScript, pipe, apiServer]);
    const ran = await machines.run(
      `${networkManagerScript(networkManager ?? "", nameServer)}
${process.execPath} ${pipeScript} ${apiServer} ${pipe} &
rm -rf $before; cp -a /etc $before
cd ${machines.user.home.path}/forwarded
as_user() { ${PlainUser.prefix.join(" ")} "$@"; }
# With glibc alone each look at a server that says nothing waits for up to 20 s.
answers() { as_user dig +short +tries=1 +timeout=1 ${name} | grep -q "^127.61.1"; }
others() { as_user getent hosts www.example.org | grep -q 93.184.216.34 && ! as_user getent hosts nothing.example.org; }
root_kt setup dns --user 1234 --dry-run 2>&1; diff -r --no-dereference /etc $before && others && echo "1 nothing changed"
kt up -d >/dev/null 2>&1; answers || echo "2 nothing yet"
root_kt setup dns --user 1234 --yes -q && until_so answers; root_kt setup dns --user 1234 2>&1
kt dns status >/dev/null 2>&1; echo "kt dns status $?"
as_user getent hosts ${name} | grep -o "^127.61.1"
others && echo "3 others as before"
kt down --all >/dev/null 2>&1; until_so "! answers"; others && echo "4 others without kt"
root_kt setup dns --undo --yes -q; root_kt setup dns --undo 2>&1; diff -r --no-dereference /etc $before
until_so others && ! answers && ! as_user getent hosts ${name} && echo "5 no trace"
`,
      ["--net"],
    );
    outside.kill();
    expect(ran).toEqual({
      exitCode: 0,
      stderr: "",
      stdout: `dns: as root, this will
  write /etc/NetworkManager/dnsmasq.d/kt.conf
      # Written by "kt setup dns" for uid 1234; "kt setup dns --undo" removes it.
      server=/cluster.local/127.0.0.1#8953
  run nmcli general reload dns-full
1 nothing changed
2 nothing yet
dns: set up already
kt dns status 0
127.61.1
3 others as before
4 others without kt
dns: not set up
5 no trace
`,
    });
  });
});
