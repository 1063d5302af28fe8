/** `kt trust` with the real tools of this system, on copies of its stores in a mount namespace: programs trust kt's names, and no trace is left. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { which } from "bun";
import { CleanRoot } from "#test/support/clean-root.ts";
import { namespace, ownCluster, run, writeKubeconfig } from "#test/support/cluster.ts";
import { binary, Kt } from "#test/support/kt.ts";
import { PlainUser } from "#test/support/plain-user.ts";
import { freePorts } from "#test/support/process.ts";

if (!ownCluster) process.stderr.write("kt trust changes stores of the system, by root: left out on the cluster of another\n");

let kt: Kt;
beforeAll(async () => {
  if (!ownCluster) return;
  const [port = 0] = freePorts(1);
  const profile = `
name = "trust"
namespace = "${namespace}"
[http]
listen = ["127.0.0.1:${port}", "[::1]:${port}"]
tls = "terminate"
[routes]
"localhost" = "svc/web:http"
"a.localhost" = "svc/web:http"
"shop.dev.test" = "svc/web:http"
`;
  kt = await Kt.serve(port, profile, { KUBECONFIG: await writeKubeconfig({ kt: { namespace } }) });
});
afterAll(async () => await kt?.close());

/** Runs a shell script where the stores of the system are copies; `kt` is that of the hub's user. */
async function withOwnStores(script: string): Promise<{ readonly stdout: string; readonly exitCode: number; readonly stderr: string }> {
  const { path, env } = kt.home;
  const place = `${path}/stores`;
  const preface = `
set -e
mkdir -p ${place}
# Debian's tool leaves the store of Java to a trigger of dpkg.
for folder in /etc/ssl /usr/local/share/ca-certificates /var/lib/dpkg /var/lib/ca-certificates-java; do
  [ -d $folder ] || continue
  copy=${place}/$(basename $folder); rm -rf $copy; cp -a $folder $copy; mount --bind $copy $folder
done
# As the tool itself leaves them.
update-ca-certificates --fresh >/dev/null 2>&1
cp -a /etc/ssl ${place}/before
cd ${path}/project
port=${kt.port}
kt() { ${binary} "$@"; }
java_says() { if command -v java >/dev/null; then java Get.java $port a.localhost; else echo $1; fi; }
get() { curl -sS -o /dev/null --resolve a.localhost:$port:127.0.0.1 "$@" https://a.localhost:$port/ 2>/dev/null && echo "served" || echo "refused $?"; }
`;
  return await run(["unshare", "-m", "--propagation", "private", "sh", "-c", preface + script], { env });
}

test.skipIf(!ownCluster)("the system's store, Python and Java trust it after install, and nothing does after uninstall", async () => {
  if (which("java") === null) process.stderr.write("there is no Java here: what it says is left out\n");
  kt.home.write(
    "Get.java",
    `public class Get {
  public static void main(String[] arguments) throws Exception {
    var address = java.net.InetAddress.getByAddress(arguments[1], new byte[] {127, 0, 0, 1});
    var plain = new java.net.Socket(address, Integer.parseInt(arguments[0]));
    var factory = (javax.net.ssl.SSLSocketFactory) javax.net.ssl.SSLSocketFactory.getDefault();
    var socket = (javax.net.ssl.SSLSocket) factory.createSocket(plain, arguments[1], plain.getPort(), true);
    var parameters = socket.getSSLParameters();
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    socket.setSSLParameters(parameters);
    try { socket.startHandshake(); System.out.println("trusted"); } catch (javax.net.ssl.SSLException error) { System.out.println("refused"); }
  }
}`,
  );
  const ran = await withOwnStores(`
kt trust status >/dev/null 2>&1 || echo "1 no CA yet"
kt trust install --dry-run --domain dev.test -q; [ ! -e /usr/local/share/ca-certificates/kt-0.crt ] && echo "2 dry run changed nothing"
kt trust install --domain dev.test --store system --yes -q && echo "3 installed"
kt trust install --domain dev.test --store system --yes 2>&1 | grep -q "system: trusts it already" && echo "4 twice is once"
get
python3 -I -c "import ssl, socket; s = ssl.create_default_context().wrap_socket(socket.create_connection(('127.0.0.1', $port)), server_hostname='shop.dev.test'); print(s.version())"
kt trust status --json | python3 -c "import json, sys; d = json.load(sys.stdin); print(d['authority']['domains'], [s['state'] for s in d['stores'] if s['store'] == 'system'])"
java_says trusted
kt doctor 2>&1 | grep -c "this system trusts kt's CA"
kt trust uninstall --yes -q && echo "5 uninstalled"
get; java_says refused
ls /usr/local/share/ca-certificates | grep -c kt- || true
diff -r --no-dereference /etc/ssl ${kt.home.path}/stores/before -x java && echo "6 no trace"
kt doctor 2>&1 | grep -c 'may not sign for "shop.dev.test"' 
`);
  expect(ran).toEqual({
    exitCode: 0,
    stderr: "",
    stdout: `1 no CA yet
2 dry run changed nothing
3 installed
4 twice is once
served
TLSv1.3
['localhost', 'dev.test'] ['trusted']
trusted
1
5 uninstalled
refused 60
refused
0
6 no trace
1
`,
  });
});

test.skipIf(!ownCluster)("the stores of Firefox and Chromium hold one CA of kt's, the newest, until it is taken out", async () => {
  const ran = await withOwnStores(`
mkdir -p $HOME/.pki/nssdb $HOME/.mozilla/firefox/abc.default
for folder in .pki/nssdb .mozilla/firefox/abc.default; do certutil -d sql:$HOME/$folder -N --empty-password; done
held() { for folder in .pki/nssdb .mozilla/firefox/abc.default; do certutil -d sql:$HOME/$folder -L | grep -c "^kt CA " || true; done; }
kt trust install --store browsers --yes -q; held
kt trust install --store browsers --domain dev.test --yes -q; held
kt trust status --json | python3 -c "import json, sys; print([s['state'] for s in json.load(sys.stdin)['stores'] if s['store'] == 'browsers'])"
kt trust uninstall --yes -q; held
`);
  expect(ran).toEqual({ exitCode: 0, stderr: "", stdout: "1\n1\n1\n1\n['trusted']\n0\n0\n" });
});

/** Systems by what they have: the folder of certificates, the tool, and the list that it makes. */
const systems = [
  ["Alpine", "/usr/local/share/ca-certificates", "update-ca-certificates", "/etc/ssl/certs/ca-certificates.crt", "crt"],
  ["Fedora", "/etc/pki/ca-trust/source/anchors", "update-ca-trust", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "pem"],
  ["Arch", "/etc/ca-certificates/trust-source/anchors", "update-ca-trust", "/etc/ca-certificates/extracted/tls-ca-bundle.pem", "crt"],
  ["SUSE", "/etc/pki/trust/anchors", "update-ca-certificates", "/var/lib/ca-certificates/ca-bundle.pem", "pem"],
] as const;

test.skipIf(!ownCluster).each(systems)("the folder and the tool of %s", async (_, folder, tool, list, suffix) => {
  const root = new CleanRoot("busybox");
  try {
    root.addProgram("kt", "bin", binary);
    for (const place of [folder, list.slice(0, list.lastIndexOf("/")), "/root", "/proc"]) root.write(`${place}/.keep`, "");
    root.write(`/usr/bin/${tool}`, `#!/bin/sh\necho "$@" >> /calls\ncat ${folder}/*.${suffix} > ${list} 2>/dev/null || : > ${list}\n`);
    const kt = `env -i HOME=/root PATH=/usr/bin:/bin:/tools/base /bin/kt trust`;
    const script = `
mount -t proc proc ${root.path}/proc
in_root() { chroot ${root.path} /bin/busybox $1; }
in_root "${kt} install --store system --yes -q" && ls -A ${root.path}${folder}
grep -c BEGIN ${root.path}${list}
in_root "${kt} status --json" | grep -o '"state":"[a-z ]*"' | head -n 1
in_root "${kt} uninstall --store system --yes -q" && ls -A ${root.path}${folder}
grep -c BEGIN ${root.path}${list} || true
cat ${root.path}/calls
`;
    const ran = await run(["unshare", "-m", "--propagation", "private", "sh", "-ec", script]);
    const calls = tool === "update-ca-trust" ? "extract\nextract" : "\n--fresh";
    expect([ran.stdout, ran.stderr]).toEqual([`.keep\nkt-0.${suffix}\n1\n"state":"trusted"\n.keep\n0\n${calls}\n`, ""]);
  } finally {
    root.remove();
  }
});

test.skipIf(!ownCluster)("a user without root has it done by sudo, with the certificate and nothing of the environment", async () => {
  const user = new PlainUser();
  try {
    const { path } = user.home;
    mkdirSync(`${path}/bin`);
    writeFileSync(`${path}/bin/sudo`, `#!/bin/sh\nprintf '%s\\n' "$@" > ${path}/run/asked\n`, { mode: 0o755 });
    const env = { ...user.env, PATH: `${path}/bin:${user.env["PATH"]}`, SECRET: "x" };
    const ran = await run([...user.prefix, user.kt, "trust", "install", "--store", "system", "--yes"], { env, cwd: `${path}/project` });
    expect([ran.exitCode, ran.stderr]).toEqual([0, ""]);
    const asked = readFileSync(`${path}/run/asked`, "utf8").trim().split("\n");
    const ca = `${path}/home/.local/share/kt/ca/root.pem`;
    const words = ["trust", "install", "--store", "system", "--ca", ca, "--user", "1234", "--yes", "--quiet"];
    expect([asked.slice(0, 2), asked.slice(-words.length)]).toEqual([["/usr/bin/env", "-i"], words]);
    const done = await withOwnStores(`
${asked.map((word) => `'${word}'`).join(" ")}
ls /usr/local/share/ca-certificates | grep kt-
cmp /usr/local/share/ca-certificates/kt-1234.crt ${ca} && echo same
`);
    expect([done.stdout, done.stderr]).toEqual(["kt-1234.crt\nsame\n", ""]);
  } finally {
    await user.close();
  }
});
