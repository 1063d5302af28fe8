/** SSH to the host of a public edge, against a real OpenSSH: credentials, known hosts, root, whole files, lost packets, and the commands that use it. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { YAML } from "bun";
import { KtError } from "#base/errors.ts";
import { trustOf } from "#remote/host-trust.ts";
import { fingerprintOf } from "#remote/host-key.ts";
import { type LoginSource, readLogin } from "#remote/login.ts";
import { sha256Of } from "#remote/remote-files.ts";
import { RemoteHost } from "#remote/remote-host.ts";
import { scanHostKeys } from "#remote/scan-host-keys.ts";
import { ownCluster, run } from "#test/support/cluster.ts";
import { binary, Home } from "#test/support/kt.ts";
import { noTerminal, Terminal } from "#test/support/terminal.ts";
import { Vps } from "#test/support/vps.ts";
import { eventually } from "#test/support/wait.ts";

/** It changes this machine's links and routes. */
const cases = describe.skipIf(!ownCluster);
const password = "pass word's";

let vps: Vps;
let home: Home;
/** root's key, and the lines of the fixture's known hosts. */
let rootKey = "";
let lines: string[] = [];

beforeAll(async () => {
  if (!ownCluster) return;
  vps = await Vps.boot("ktssh", 1);
  home = new Home();
  rootKey = readFileSync(vps.keyFile, "utf8");
  lines = readFileSync(vps.knownHostsFile, "utf8").trim().split("\n");
  await vps.sh(
    `printf 'Port 22\\nPort 2222\\nPermitRootLogin yes\\n' >/etc/ssh/sshd_config.d/ports.conf
    for user in deploy asked; do useradd -m -s /bin/sh "$user"; done
    echo "root:$1" | chpasswd; echo "asked:$1" | chpasswd
    echo 'deploy ALL=(root) NOPASSWD: ALL' >/etc/sudoers.d/deploy
    echo 'asked ALL=(root) ALL' >/etc/sudoers.d/asked
    for user in deploy asked; do install -D -o "$user" -m 600 ~root/.ssh/authorized_keys "/home/$user/.ssh/authorized_keys"; chown "$user" "/home/$user/.ssh"; done
    systemctl restart ssh`,
    password,
  );
});

afterAll(async () => {
  if (!ownCluster) return;
  await home.close();
  await vps.remove();
});

interface Entry extends LoginSource {
  readonly user?: string;
  readonly port?: number;
  readonly knownHosts?: string;
  readonly connectMs?: number;
}

async function enter({
  user = "root",
  port = 22,
  knownHosts = lines.join("\n"),
  connectMs = 10_000,
  ...source
}: Entry): Promise<RemoteHost> {
  const address = { host: vps.address, port, user };
  return await RemoteHost.open({ address, login: await readLogin(source), trust: trustOf(knownHosts, address), connectMs });
}

/** Who commands run as there. */
async function idOf(entry: Entry): Promise<string> {
  const host = await enter(entry);
  try {
    return (await host.must("asking who it is", ["id", "-un"])).trim();
  } finally {
    host.close();
  }
}

async function refusal(entry: Entry): Promise<KtError> {
  try {
    (await enter(entry)).close();
  } catch (error) {
    if (error instanceof KtError) return error;
    throw error;
  }
  throw new Error("it was entered");
}

const keyed = (line: string): string => line.split(" ").slice(1).join(" ");
const lineOf = (type: string): string => lines.find((line) => line.includes(` ${type} `)) ?? "";

/** How many logins and commands sshd has had; it says the latter with LogLevel VERBOSE. */
async function entered(): Promise<string> {
  return await vps.sh("journalctl --sync; journalctl -u ssh -o cat | grep -cE '^(Accepted|Starting session)' || true");
}

cases("credentials", () => {
  test("a private key, plain and encrypted, of each type that ssh-keygen makes", async () => {
    expect(await idOf({ privateKey: rootKey })).toBe("root");
    for (const [type, ...more] of [
      ["ed25519"],
      ["ecdsa"],
      ["rsa"],
      ["rsa", "-m", "PEM"],
      ["rsa", "-m", "PKCS8"],
      ["ecdsa", "-m", "PKCS8"],
    ] as [string, ...string[]][]) {
      const path = `${home.path}/key-${[type, ...more].join("")}`;
      await run(["ssh-keygen", "-q", "-t", type, ...more, "-a", "4", "-N", "open sesame", "-f", path]);
      await vps.sh('echo "$1" >>~root/.ssh/authorized_keys', readFileSync(`${path}.pub`, "utf8").trim());
      expect(await idOf({ privateKey: readFileSync(path, "utf8"), passphrase: "open sesame" })).toBe("root");
    }
  });

  test("a password, as such and by the one question of PAM; a key wins over it", async () => {
    expect(await idOf({ password })).toBe("root");
    expect(await idOf({ privateKey: rootKey, password: "wrong" })).toBe("root");
    await vps.sh(
      "printf 'PasswordAuthentication no\\nKbdInteractiveAuthentication yes\\n' >/etc/ssh/sshd_config.d/ask.conf; systemctl restart ssh",
    );
    expect(await idOf({ password })).toBe("root");
    await vps.sh("rm /etc/ssh/sshd_config.d/ask.conf; systemctl restart ssh");
  });

  test("a key that the host does not know, and a wrong password, are refused by it", async () => {
    const path = `${home.path}/unknown`;
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path]);
    for (const source of [{ privateKey: readFileSync(path, "utf8") }, { password: "wrong" }]) {
      const error = await refusal(source);
      expect([error.code, error.message]).toEqual(["ssh-login", `${vps.address} does not let "root" in with this key or password`]);
    }
  });
});

cases("known hosts", () => {
  test("each kind of line lets the host in that it is about", async () => {
    const file = `${home.path}/hashed`;
    writeFileSync(file, `${lineOf("ssh-ed25519")}\n`);
    await run(["ssh-keygen", "-q", "-H", "-f", file]);
    const hashed = readFileSync(file, "utf8");
    expect(hashed).toStartWith("|1|");
    const key = keyed(lineOf("ssh-ed25519"));
    const kinds = [
      lineOf("ssh-ed25519"),
      hashed,
      `203.0.113.* ${key}`,
      `edge.example,203.0.113.?? ${key}`,
      `!203.0.113.9,203.0.113.* ${key} a comment`,
    ];
    for (const knownHosts of kinds) expect(await idOf({ privateKey: rootKey, knownHosts })).toBe("root");
  });

  test("a file with only an RSA or an ECDSA key is enough, although the host prefers Ed25519", async () => {
    for (const type of ["ssh-rsa", "ecdsa-sha2-nistp256"])
      expect(await idOf({ privateKey: rootKey, knownHosts: lineOf(type) })).toBe("root");
  });

  test("port 2222, by its own line and by that of the host", async () => {
    for (const name of [`[${vps.address}]:2222`, vps.address])
      expect(await idOf({ privateKey: rootKey, port: 2222, knownHosts: `${name} ${keyed(lineOf("ssh-ed25519"))}` })).toBe("root");
    const error = await refusal({ privateKey: rootKey, knownHosts: `[${vps.address}]:2222 ${keyed(lineOf("ssh-ed25519"))}` });
    expect(error.message).toBe(`the known hosts have no key of ${vps.address}`);
  });

  test("no entry, a wrong, revoked or negated one, and a @cert-authority run no command, and not even sign in", async () => {
    const other = `${home.path}/other`;
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other]);
    const wrong = `${vps.address} ${readFileSync(`${other}.pub`, "utf8")}`;
    const pinned = lineOf("ssh-ed25519");
    const before = await entered();
    const refused: [string, string][] = [
      ["", "have no key of"],
      [`203.0.113.99 ${keyed(pinned)}`, "have no key of"],
      [`!${vps.address},203.0.113.* ${keyed(pinned)}`, "have no key of"],
      [wrong, "which is not the key that the known hosts have"],
      [`${pinned}\n@revoked * ${keyed(pinned)}`, "mark as @revoked"],
      [`@cert-authority * ${keyed(pinned)}`, "kt does not read host certificates"],
    ];
    for (const [knownHosts, why] of refused) {
      const error = await refusal({ privateKey: rootKey, password, knownHosts });
      expect([error.code, error.message]).toEqual(["ssh-host-key", expect.stringContaining(why)]);
    }
    expect(await entered()).toBe(before);
    // The count is one that rises.
    expect(await idOf({ privateKey: rootKey })).toBe("root");
    expect(await entered()).not.toBe(before);
  });

  test("a scan gets every key of the host, with the fingerprints that ssh-keygen prints, and signs in nowhere", async () => {
    const before = await entered();
    const keys = await scanHostKeys({ host: vps.address, port: 2222, user: "root" });
    const printed = await vps.sh("for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done");
    expect(keys.map(({ type }) => type)).toEqual(["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"]);
    for (const key of keys) expect(printed).toContain(fingerprintOf(key));
    expect(await entered()).toBe(before);
  });
});

cases("root", () => {
  test("a user with sudo writes files as root, of the given mode and no other", async () => {
    const host = await enter({ privateKey: rootKey, user: "deploy" });
    const path = "/etc/kt it's a \\ probe!";
    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    await host.writeFile({ path, bytes, mode: "600" });
    expect(await host.fileStates([path, "/etc/absent", "/etc", "/dev/null"])).toEqual([
      { kind: "file", mode: "600", owner: "root", sha256: sha256Of(bytes) },
      { kind: "absent" },
      { kind: "folder" },
      { kind: "other" },
    ]);
    await host.writeFile({ path, bytes: new Uint8Array(), mode: "755" });
    expect(await host.fileStates([path])).toEqual([{ kind: "file", mode: "755", owner: "root", sha256: sha256Of(new Uint8Array()) }]);
    await host.removeFile(path);
    expect(await host.fileStates([path])).toEqual([{ kind: "absent" }]);
    host.close();
  });

  test("a sudo that asks for a password is reported with its own words and the line that mends it", async () => {
    const error = await refusal({ privateKey: rootKey, user: "asked" });
    expect(error.code).toBe("ssh-no-root");
    expect(error.message).toBe(`"asked" on ${vps.address} cannot become root without being asked: sudo: a password is required`);
    // What the hint says to paste is what mends it.
    await vps.sh(error.hints[0]?.replace(/^.*?: /, "") ?? "false");
    const host = await enter({ privateKey: rootKey, user: "asked" });
    expect(await host.must("asking", ["id", "-un"])).toBe("root\n");
    host.close();
    await vps.sh("rm /etc/sudoers.d/kt");
  });

  test("a file that cannot be written leaves what was there, and says why", async () => {
    const host = await enter({ privateKey: rootKey });
    await vps.sh("mkdir -p /etc/kt-folder /mnt/small; mount -t tmpfs -o size=64k tmpfs /mnt/small; echo old >/mnt/small/file");
    const bytes = new Uint8Array(200_000);
    expect(host.writeFile({ path: "/mnt/small/file", bytes, mode: "600" })).rejects.toThrow("cannot be written");
    expect(host.writeFile({ path: "/etc/kt-folder", bytes, mode: "600" })).rejects.toThrow("cannot overwrite directory");
    expect(host.writeFile({ path: "/nowhere/file", bytes, mode: "600" })).rejects.toThrow("cannot be written");
    host.close();
    expect(await vps.sh("cat /mnt/small/file; ls -A /mnt/small /etc/kt-folder; umount /mnt/small")).toBe(
      "old\n/etc/kt-folder:\n\n/mnt/small:\nfile\n",
    );
  });
});

cases("a host that is not there", () => {
  test("no answer at all ends in the given time, and another host is entered meanwhile", async () => {
    await vps.drop("tcp dport 2222");
    const started = performance.now();
    const dead = refusal({ privateKey: rootKey, port: 2222, connectMs: 2_000 });
    expect(await idOf({ privateKey: rootKey })).toBe("root");
    expect(performance.now() - started).toBeLessThan(2_000);
    const error = await dead;
    expect([error.code, error.message]).toEqual([
      "ssh-unreachable",
      `${vps.address}:2222 cannot be reached over SSH: it does not answer in time`,
    ]);
    expect(performance.now() - started).toBeLessThan(4_000);
    await vps.drop(undefined);
  });

  test("a refused port is reported as such", async () => {
    expect((await refusal({ privateKey: rootKey, port: 2223 })).message).toBe(
      `${vps.address}:2223 cannot be reached over SSH: connection refused`,
    );
  });

  test("packets dropped in mid-command end it, at its time-out or when the host gives no sign of life", async () => {
    for (const timeoutMs of [1_500, 60_000]) {
      const host = await enter({ privateKey: rootKey });
      await vps.sh("rm -f /run/begun");
      const started = performance.now();
      const running = host.run(["sh", "-c", "touch /run/begun; exec sleep 100"], { timeoutMs }).then(
        () => undefined,
        (error: KtError) => error,
      );
      await vps.sh("until [ -e /run/begun ]; do sleep 0.05; done");
      await vps.drop("tcp dport 22");
      expect((await running)?.code).toBe("ssh-failed");
      expect(performance.now() - started).toBeLessThan(20_000);
      await vps.drop(undefined);
      // What it was to run over the same connection is not run: its state is not known.
      expect(host.run(["true"])).rejects.toThrow(vps.address);
    }
    expect(await idOf({ privateKey: rootKey })).toBe("root");
  });

  test("packets dropped while a file is written leave the previous one, and no part of the new one", async () => {
    const path = "/var/lib/kt-probe";
    await vps.sh('mkdir -p "$1.d"; echo old >"$1.d/file"', path);
    const host = await enter({ privateKey: rootKey });
    const bytes = crypto.getRandomValues(new Uint8Array(65_536));
    const large = Buffer.concat(Array.from({ length: 1_600 }, () => bytes));
    const writing = host.writeFile({ path: `${path}.d/file`, bytes: large, mode: "600" }, { timeoutMs: 2_000 }).then(
      () => undefined,
      (error: KtError) => error,
    );
    await vps.sh('until [ -s "$1"/file.kt-* ]; do sleep 0.02; done 2>/dev/null', `${path}.d`);
    await vps.drop("tcp dport 22");
    expect((await writing)?.code).toBe("ssh-failed");
    expect(await vps.sh('cat "$1.d/file"', path)).toBe("old\n");
    await vps.drop(undefined);
    await eventually("the part to go", async () => (await vps.sh('ls -A "$1.d"', path)) === "file\n", 30_000, 200);
    expect(await vps.sh('cat "$1.d/file"', path)).toBe("old\n");
  });
});

const edgeNode = (more = ""): string => `apiVersion: tunnel.achetronic.com/v1alpha1
kind: EdgeNode
metadata: { name: fra, namespace: infra }
spec:
  address: ${vps.address}
  ssh: { secretRef: { name: fra-ssh }, port: 2222 }
${more}---
apiVersion: tunnel.achetronic.com/v1alpha1
kind: PortBinding
metadata: { name: web, namespace: infra }
spec:
  edgeNodeRef: { name: fra }
  bindings:
    - { name: https, protocol: TCP, listenPort: 443, target: { service: { name: web, namespace: shop, port: 443 } } }
`;

interface Finding {
  readonly check: string;
  readonly verdict: string;
  readonly text: string;
  readonly fixes: readonly string[];
}

cases("kt edge", () => {
  const fingerprint = (): string => fingerprintOfLine(lineOf("ssh-ed25519"));

  /** The findings of `kt edge doctor --json` by their check, and how it ended. */
  async function doctor(...args: readonly string[]): Promise<{ exitCode: number; of: (check: string) => Finding | undefined }> {
    const { exitCode, stdout } = await home.run(["edge", "doctor", "--json", ...args]);
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    return { exitCode, of: (check) => findings.find((each) => each.check === check) };
  }
  const byHost = (): string[] => ["--host", vps.address, "--key-file", vps.keyFile, "--known-hosts", vps.knownHostsFile];

  test("secret pins nothing that was not compared, and says how to compare it", async () => {
    const before = await entered();
    const ran = await home.run(["edge", "secret", "--host", vps.address, "--key-file", vps.keyFile, "-o", "ssh.yaml"]);
    expect(ran).toMatchObject({ exitCode: 2, stdout: "" });
    expect(ran.stderr).toContain(fingerprint());
    expect(ran.stderr).toContain(`kt edge secret --host ${vps.address} --fingerprint`);
    const wrong = await home.run(["edge", "secret", "--host", vps.address, "--key-file", vps.keyFile, "--fingerprint", "SHA256:AAAA"]);
    expect(wrong).toMatchObject({ exitCode: 1, stdout: "" });
    expect(await entered()).toBe(before);
  });

  test("secret writes what an EdgeNode refers to, with which doctor signs in", async () => {
    const named = ["--name", "fra-ssh", "-n", "infra", "-o", "ssh.yaml", "--port", "2222"];
    await home.ok("edge", "secret", "--host", vps.address, "--key-file", vps.keyFile, "--fingerprint", fingerprint(), ...named);
    const path = `${home.path}/project/ssh.yaml`;
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const { metadata, data } = YAML.parse(readFileSync(path, "utf8")) as {
      metadata: { name: string; namespace: string };
      data: Record<string, string>;
    };
    expect(metadata).toMatchObject({ name: "fra-ssh", namespace: "infra" });
    expect(Object.keys(data).sort()).toEqual(["knownHosts", "privateKey"]);
    expect(Buffer.from(data["knownHosts"] ?? "", "base64").toString()).toBe(`[${vps.address}]:2222 ${keyed(lineOf("ssh-ed25519"))}\n`);
    home.write("edge.yaml", edgeNode());
    const found = await doctor("-f", "edge.yaml", "-f", "ssh.yaml");
    expect(found.exitCode).toBe(0);
    expect(found.of("ports")?.text).toStartWith("UDP 51821, TCP 40600, TCP 443 can be had");
  });

  test("secret takes a password by standard input, and doctor of another user goes through sudo", async () => {
    const args = ["edge", "secret", "--host", vps.address, "--password-stdin", "--fingerprint", fingerprint()];
    const ran = await run([binary, ...args], { env: home.env, cwd: `${home.path}/project`, input: `${password}\n` });
    expect(ran.exitCode).toBe(0);
    expect(ran.stdout).toContain(`password: ${Buffer.from(password).toString("base64")}`);
    expect((await doctor(...byHost(), "--user", "deploy")).exitCode).toBe(0);
    const asked = await doctor(...byHost(), "--user", "asked");
    expect(asked.exitCode).toBe(1);
    expect(asked.of("root")).toMatchObject({ verdict: "broken", text: expect.stringContaining("cannot become root") });
  });

  test.skipIf(noTerminal !== undefined)(`secret asks in a terminal${noTerminal === undefined ? "" : `: ${noTerminal}`}`, async () => {
    const line = `${binary} edge secret --host ${vps.address} --key-file ${vps.keyFile} -o asked.yaml`;
    using at = Terminal.open(home.path, line, { cwd: `${home.path}/project`, env: home.env });
    await at.sees("Are these the host's own?");
    expect(at.screen()).toContain(fingerprint());
    at.type("y");
    await at.sees("[exit 0]");
    const text = readFileSync(`${home.path}/project/asked.yaml`, "utf8");
    const pinned = Buffer.from(/knownHosts: (\S+)/.exec(text)?.[1] ?? "", "base64").toString();
    expect(pinned.trim().split("\n")).toEqual(lines);
  });

  test("doctor reports the first step that fails, with what mends it", async () => {
    writeFileSync(`${home.path}/empty`, "");
    const unknown = await doctor("--host", vps.address, "--key-file", vps.keyFile, "--known-hosts", `${home.path}/empty`);
    expect(unknown.exitCode).toBe(1);
    expect(unknown.of("host key")).toMatchObject({ verdict: "broken", fixes: [`kt edge secret --host ${vps.address}`] });
    const refused = await doctor(...byHost(), "--port", "2223");
    expect(refused.of("ssh")).toMatchObject({
      verdict: "broken",
      text: `${vps.address}:2223 cannot be reached over SSH: connection refused`,
    });
    home.write("edge.yaml", edgeNode());
    const missing = await home.run(["edge", "doctor", "-f", "edge.yaml"]);
    expect(missing).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("kubectl get secret fra-ssh -n infra -o yaml") });
  });

  test("doctor names who holds a port, a TUN that is not there, and folders that cannot be written", async () => {
    await vps.sh(
      "systemd-run -q --unit=holder systemd-socket-activate -d -l 51821 cat; until ss -Hlun | grep -q :51821; do sleep 0.05; done",
    );
    await vps.sh("mv /dev/net/tun /dev/net/away; mount --bind /usr/local /usr/local; mount -o remount,ro,bind /usr/local");
    const found = await doctor(...byHost());
    await vps.sh("umount /usr/local; mv /dev/net/away /dev/net/tun; systemctl stop holder");
    expect(found.exitCode).toBe(1);
    expect(found.of("ports")).toMatchObject({
      verdict: "broken",
      text: expect.stringMatching(/^UDP 51821, for the tunnel, is held by "systemd/),
    });
    expect(found.of("tun")).toMatchObject({ verdict: "broken", text: "/dev/net/tun is not there" });
    expect(found.of("files")).toMatchObject({ verdict: "broken", text: expect.stringContaining("/usr/local/lib") });
    expect((await doctor(...byHost())).exitCode).toBe(0);
  });

  test("doctor leaves the host's files as they were", async () => {
    const listed = async (): Promise<string> => await vps.sh("find /etc /usr /opt ~root /home -xdev -printf '%p %s %m %T@\\n' | sort");
    const withoutFolders = (text: string): string =>
      text.replace(/^(\/etc|\/etc\/systemd\/system|\/etc\/sysctl\.d|\/usr\/local\/lib) .*$/gm, "$1");
    const before = withoutFolders(await listed());
    await doctor(...byHost());
    expect(withoutFolders(await listed())).toBe(before);
  });

  test("nothing of the working directory is loaded: ssh2's native parts are not in the binary", () => {
    expect(readFileSync(binary).includes("sshcrypto.node")).toBe(false);
    expect(readFileSync(binary).includes("cpufeatures.node")).toBe(false);
  });
});

function fingerprintOfLine(line: string): string {
  const blob = Buffer.from(line.split(" ")[2] ?? "", "base64");
  return fingerprintOf({ type: line.split(" ")[1] ?? "", blob });
}
