/** The VPS that the tests of the public edge run on: what a rented one has, who reaches whom, power, and that nothing of it stays. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { ownCluster, run } from "#test/support/cluster.ts";
import { Vps } from "#test/support/vps.ts";

/** It changes this machine's links and routes. */
const cases = describe.skipIf(!ownCluster);
const name = "ktvps";

let vps: Vps;
/** Mounts of the folder in which pods' network namespaces are: one over another hides what is in it. */
let spacesBefore = 0;
const spaces = (): number => [...mounted().matchAll(/ \/run\/netns /g)].length;
const mounted = (): string => readFileSync("/proc/mounts", "utf8");

beforeAll(async () => {
  if (!ownCluster) return;
  spacesBefore = spaces();
  vps = await Vps.boot(name, 7);
});

afterAll(async () => {
  if (ownCluster) await vps.remove();
});

/** Whether a TCP connection comes about: an answer, and not a time-out. */
const reaches = (host: string, port: number): string[] => ["timeout", "1", "bash", "-c", 'exec 3<>"/dev/tcp/$0/$1"', host, String(port)];

cases("the VPS of the tests", () => {
  test("is a minimal Debian with systemd, SSH and TUN", async () => {
    expect(await vps.sh("systemctl is-system-running --wait")).toBe("running\n");
    await vps.sh("ip tuntap add dev probe mode tun && ip link del probe");
    await vps.sh("! command -v curl && ! command -v python3 && ! command -v nft && ! command -v wg");
    const login = ["-F", "none", "-o", "BatchMode=yes", "-o", `UserKnownHostsFile=${vps.knownHostsFile}`, "-i", vps.keyFile];
    expect(await run(["ssh", ...login, `root@${vps.address}`, "id -un"])).toMatchObject({ exitCode: 0, stdout: "root\n" });
  });

  test("is reached from the internet, and neither reaches this machine", async () => {
    expect(await vps.fromInternet(...reaches(vps.address, 22))).toMatchObject({ exitCode: 0 });
    const before = await vps.intruders();
    expect((await vps.fromInternet(...reaches("100.64.7.2", 22))).exitCode).not.toBe(0);
    const afterClient = await vps.intruders();
    expect(afterClient).toBeGreaterThan(before);
    await vps.sh('! timeout 1 bash -c "exec 3<>/dev/tcp/100.64.7.2/22"');
    expect(await vps.intruders()).toBeGreaterThan(afterClient);
  });

  test("keeps its disk over a reboot and a power cut, and units stop only before a reboot", async () => {
    const unit = `[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c "echo start >>/var/probe"
ExecStop=/bin/sh -c "echo stop >>/var/probe"
[Install]
WantedBy=multi-user.target
`;
    await vps.sh('printf %s "$1" >/etc/systemd/system/probe.service; systemctl enable -q --now probe', unit);
    await vps.reboot();
    await vps.sh("systemctl is-active --wait probe || systemctl start probe");
    expect(await vps.sh("cat /var/probe")).toBe("start\nstop\nstart\n");
    await vps.reboot("--hard");
    await vps.sh("systemctl start probe");
    expect(await vps.sh("cat /var/probe")).toBe("start\nstop\nstart\nstart\n");
  });

  test("leaves nothing behind, and hides no network namespace of a pod", async () => {
    expect(spaces()).toBe(spacesBefore);
    await vps.remove();
    expect(mounted()).not.toContain(name);
    expect((await run(["ip", "-o", "link"])).stdout).not.toContain(name);
    expect((await run(["nft", "list", "tables"])).stdout).not.toContain(name);
    expect((await run(["ip", "route"])).stdout).not.toContain("203.0.113.36");
    expect(existsSync(vps.keyFile)).toBe(false);
    for (const root of ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]) expect(existsSync(`${root}/${name}`)).toBe(false);
  });
});
