/** What the operator does to the host of a public edge: only declared files, drift mended, upgrades, reboots, and nothing left in the end. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { sleep } from "bun";
import type { KtError } from "#base/errors.ts";
import type { HostOutcome } from "#operator/host/steps/host-outcome.ts";
import { ktBinary, versionOf } from "#operator/host/wanted/kt-binary.ts";
import { reconcileHost } from "#operator/host/reconcile-host.ts";
import { restartEdge } from "#operator/host/restart-edge.ts";
import { removeHost } from "#operator/host/remove-host.ts";
import { certificateFile, type WantedHost, wantedHost, type WantedHostSource } from "#operator/host/wanted/wanted-host.ts";
import type { RemoteHost } from "#remote/remote-host.ts";
import { ownCluster } from "#test/support/cluster.ts";
import { plainDocument } from "#test/support/edge-document.ts";
import { diskOf, enter, lacking, standInBinary } from "#test/support/edge-host.ts";
import { binary } from "#test/support/kt.ts";
import { Vps } from "#test/support/vps.ts";
import { eventually } from "#test/support/wait.ts";

/** It changes this machine's links and routes. */
const cases = describe.skipIf(!ownCluster);

let vps: Vps;
let host: RemoteHost;
let untouched: string[];

beforeAll(async () => {
  if (!ownCluster) return;
  vps = await Vps.boot("kthost", 2);
  // Nothing is downloaded there: it reaches nothing, and answers alone get out.
  await vps.drop(`ip saddr ${vps.address} ct state new`);
  host = await enter(vps);
  untouched = await diskOf(vps);
});

afterAll(async () => {
  if (!ownCluster) return;
  host.close();
  await vps.remove();
});

const certificate = certificateFile("CHAIN", "KEY");
const first = standInBinary("the first version");
const second = standInBinary("the second version");
const unitOf = (of: typeof first): string => `kt-edge@${versionOf(of)}.service`;

function wanted(change: Partial<WantedHostSource> = {}): WantedHost {
  return wantedHost({ document: plainDocument, certificates: [certificate], binary: first, disablesOffloads: false, ...change });
}

/** Sets of one capability, as proc_pid_status(5) writes them. */
const capabilities = { bindService: "0000000000000400", netAdmin: "0000000000001000" };

const textsOf = ({ repairs }: HostOutcome): string[] => repairs.map(({ text }) => text);
const reconcile = async (of: WantedHost = wanted()): Promise<string[]> => textsOf(await reconcileHost(host, of));
const activeOf = async (unit: string): Promise<string> => (await vps.sh('systemctl show -p ActiveState --value "$1"', unit)).trim();

cases("the host of a public edge", () => {
  test("gets the declared files and no other, and secrets are the edge's alone", async () => {
    const outcome = await reconcileHost(host, wanted());
    expect(outcome.isNew).toBe(true);
    expect(outcome.publicKey).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    const user = (await vps.sh("stat -L -c %u /var/lib/kt-edge")).trim();
    const disk = await diskOf(vps);
    expect(lacking(untouched, disk)).toEqual([]);
    const written = lacking(disk, untouched).map((line) => line.split(" "));
    const version = versionOf(first);
    expect(written.map(([path, type, mode, owner]) => [path, type, mode, owner].join(" "))).toEqual(
      [
        "/etc/kt d 755 0",
        "/etc/kt/edge d 755 0",
        "/etc/kt/edge/certs d 755 0",
        `/etc/kt/edge/certs/${certificate.name} f 600 ${user}`,
        "/etc/kt/edge/former f 644 0",
        "/etc/kt/edge/plan.json f 644 0",
        "/etc/sysctl.d/99-tunnel.conf f 644 0",
        "/etc/systemd/system/kt-edge-shutdown.service f 644 0",
        "/etc/systemd/system/kt-edge@.service f 644 0",
        "/etc/systemd/system/kt-wireguard.service f 644 0",
        "/etc/systemd/system/multi-user.target.wants/kt-edge-shutdown.service l 777 0",
        `/etc/systemd/system/multi-user.target.wants/kt-edge@${version}.service l 777 0`,
        "/etc/systemd/system/multi-user.target.wants/kt-wireguard.service l 777 0",
        "/usr/local/lib/kt d 755 0",
        `/usr/local/lib/kt/${version} d 755 0`,
        `/usr/local/lib/kt/${version}/kt f 755 0`,
        "/var/lib/kt-edge l 777 0",
        `/var/lib/private/kt-edge d 700 ${user}`,
        `/var/lib/private/kt-edge/wireguard.pub f 600 ${user}`,
      ].sort(),
    );
  });

  test("is left alone where it is as wanted", async () => {
    const before = await diskOf(vps);
    const { repairs, isNew, binaryStamp } = await reconcileHost(host, wanted());
    expect({ repairs, isNew }).toEqual({ repairs: [], isNew: false });
    expect(textsOf(await reconcileHost(host, wanted(), binaryStamp))).toEqual([]);
    expect(await diskOf(vps)).toEqual(before);
  });

  test.each<[what: string, script: string, repaired: RegExp[]]>([
    ["the plan is removed", "rm /etc/kt/edge/plan.json", [/plan\.json was written: it was missing/]],
    ["the plan is edited", "echo >>/etc/kt/edge/plan.json", [/plan\.json was written: it had changed/]],
    ["a key is made readable", "chmod 644 /etc/kt/edge/certs/*", [/certs.* was written: its owner or mode had changed/]],
    ["all settings are removed", "rm -r /etc/kt", [/certs.* was written: it was missing/, /plan\.json was written: it was missing/]],
    ["a certificate is added", "echo >/etc/kt/edge/certs/other.pem", [/other\.pem was removed/]],
    ["the binary is edited", "for each in /usr/local/lib/kt/*/kt; do echo '# more' >>$each; done", [/^kt \w+ was written: it had changed/]],
    [
      "a unit is edited",
      "echo '# more' >>/etc/systemd/system/kt-edge@.service",
      [/kt-edge@\.service was written: it had changed/, /systemd has read/],
    ],
    ["a unit is stopped", "systemctl stop kt-edge@*.service", [/kt-edge@.* was started: it was inactive/]],
    ["a unit is disabled", "systemctl disable -q kt-edge-shutdown", [/kt-edge-shutdown\.service was enabled/]],
    ["the file of sysctls is removed", "rm /etc/sysctl.d/99-tunnel.conf", [/99-tunnel\.conf was written/]],
    ["a sysctl is changed", "echo 0 >/proc/sys/net/ipv4/tcp_migrate_req", [/tcp_migrate_req was set to 1: it was 0/]],
    ["the link is removed", "ip link del kt-edge", [/kt-wireguard\.service was restarted: its link was missing/]],
  ])("is mended where %s, and nothing else is touched", async (_, script, repaired) => {
    await vps.sh(script);
    const texts = await reconcile();
    expect(texts.map((text, index) => (repaired[index]?.test(text) === true ? "as expected" : text))).toEqual(
      repaired.map(() => "as expected"),
    );
    expect(await reconcile()).toEqual([]);
  });

  test("serves again after a reboot and a power cut without the operator, and has then nothing to mend", async () => {
    for (const power of [[], ["--hard"]] as const) {
      host.close();
      await vps.reboot(...power);
      const units = ["kt-edge-shutdown", "kt-wireguard", unitOf(first)];
      for (const unit of units) await eventually(`${unit} to be up`, async () => (await activeOf(unit)) === "active");
      host = await enter(vps);
      expect(await reconcile()).toEqual([]);
    }
  });

  test("is upgraded by a second edge beside the first, which ends with its last connection", async () => {
    await vps.sh("touch /var/lib/kt-edge/connection; chmod 666 /var/lib/kt-edge/connection");
    const texts = await reconcile(wanted({ binary: second }));
    expect(texts).toContain(`${unitOf(second)} was started: it was inactive`);
    expect(texts.some((text) => text.includes("kt-wireguard.service was restarted"))).toBe(false);
    expect(await activeOf(unitOf(second))).toBe("active");
    expect(await activeOf(unitOf(first))).toBe("deactivating");
    expect(await reconcile(wanted({ binary: second }))).toEqual([]);
    await vps.sh("rm /var/lib/kt-edge/connection");
    await eventually("the first edge to end", async () => (await activeOf(unitOf(first))) === "inactive");
    expect(await reconcile(wanted({ binary: second }))).toEqual([
      `/usr/local/lib/kt/${versionOf(first)} was removed: nothing needs it any more`,
    ]);
  });

  test("goes back to a version that still ends by a second instance of it", async () => {
    const [of, again] = [wanted({ binary: second }), unitOf(second).replace(".", "-2.")];
    await vps.sh("touch /var/lib/kt-edge/connection; chmod 666 /var/lib/kt-edge/connection");
    await reconcile();
    await reconcile(of);
    expect(await Promise.all([again, unitOf(second), unitOf(first)].map(activeOf))).toEqual(["active", "deactivating", "deactivating"]);
    expect(await reconcile(of)).toEqual([]);
    await vps.sh("rm /var/lib/kt-edge/connection");
    for (const unit of [unitOf(second), unitOf(first)])
      await eventually(`${unit} to end`, async () => (await activeOf(unit)) === "inactive");
    expect(await reconcile(of)).toEqual([`/usr/local/lib/kt/${versionOf(first)} was removed: nothing needs it any more`]);
  });

  test("gives its ports to a fresh edge of the same version when it is restarted, and back", async () => {
    const of = wanted({ binary: second });
    const instances = [unitOf(second), unitOf(second).replace(".", "-2.")] as const;
    const serving = async (): Promise<string[]> => {
      const states = await Promise.all(instances.map(activeOf));
      return instances.filter((_, index) => states[index] === "active");
    };
    const [before] = await serving();
    await restartEdge(host, of);
    const [after] = await serving();
    expect(await serving()).toHaveLength(1);
    expect(after).not.toBe(before ?? "");
    expect(await reconcile(of)).toEqual([]);
    await eventually("the former to end", async () => (await activeOf(before ?? "")) === "inactive");
    await restartEdge(host, of);
    expect(await serving()).toEqual([before ?? ""]);
    expect(await reconcile(of)).toEqual([]);
  });

  test("reboots in seconds while an edge waits for its last connection", async () => {
    await vps.sh("touch /var/lib/kt-edge/connection");
    await reconcile();
    host.close();
    const started = performance.now();
    await vps.reboot();
    expect(performance.now() - started).toBeLessThan(9_000);
    host = await enter(vps);
    await vps.sh("rm /var/lib/kt-edge/connection");
    expect(await activeOf(unitOf(second))).toBe("inactive");
    expect(await reconcile()).toEqual([`/usr/local/lib/kt/${versionOf(second)} was removed: nothing needs it any more`]);
  });

  test("whose edge does not stay up is reported with the edge's own words, and the former one goes on", async () => {
    const failing = standInBinary("", "#!/bin/sh\n[ \"$2\" != run ] || echo 'the plan is of another age'\nexit 1\n");
    const refused = await reconcileHost(host, wanted({ binary: failing })).then(
      () => undefined,
      (error: KtError) => error,
    );
    expect(refused?.code).toBe("host-unfit");
    expect(refused?.message).toContain("the plan is of another age");
    expect(await activeOf(unitOf(first))).toBe("active");
    const back = await reconcile();
    expect(back).toContain(`/usr/local/lib/kt/${versionOf(failing)} was removed: nothing needs it any more`);
    expect(await reconcile()).toEqual([]);
  });

  test("whose connection is lost while the binary travels keeps what it had", async () => {
    const slow = standInBinary("a version that travels for minutes");
    let isReading = true;
    const read = (): ReadableStream<Uint8Array<ArrayBuffer>> => endless(() => (isReading = false));
    const ended = reconcileHost(host, wanted({ binary: { ...slow, read } })).then(
      () => undefined,
      (error: KtError) => error,
    );
    await vps.sh(`until [ -e /usr/local/lib/kt/${versionOf(slow)}/kt.kt-* ]; do sleep 0.02; done 2>/dev/null`);
    host.close();
    expect((await ended)?.code).toBe("ssh-failed");
    await eventually("the binary to be closed here", () => !isReading);
    host = await enter(vps);
    expect(await activeOf(unitOf(first))).toBe("active");
    await eventually("the part to go", async () => (await vps.sh(`ls /usr/local/lib/kt/${versionOf(slow)}`)) === "");
    expect(await reconcile()).toEqual([`/usr/local/lib/kt/${versionOf(slow)} was removed: nothing needs it any more`]);
  });

  test("runs kt itself, confined: neither as root, nor with more than it needs, nor able to change the host", async () => {
    const itself = await ktBinary(binary);
    const of = wanted({ binary: itself, disablesOffloads: true });
    await reconcile(wanted({ binary: itself }));
    const offloads = `/usr/local/lib/kt/${versionOf(itself)}/kt edge offloads`;
    const before = await vps.sh(offloads);
    expect(before).toContain("on");
    await reconcile(of);
    expect(await vps.sh(offloads)).toBe("eth0: gro off, gso off\n");
    const user = (await vps.sh("stat -L -c %u /var/lib/kt-edge")).trim();
    for (const [unit, capability] of [
      [unitOf(itself), capabilities.bindService],
      ["kt-wireguard.service", capabilities.netAdmin],
    ] as const) {
      const main = (await vps.sh('systemctl show -p MainPID --value "$1"', unit)).trim();
      const status = await vps.sh('cat "/proc/$1/status"', main);
      expect(new RegExp(`^Uid:\\t(${user}\\s*){4}$`, "m").test(status)).toBe(true);
      for (const set of ["CapEff", "CapPrm", "CapBnd"]) expect(status).toContain(`${set}:\t${capability}\n`);
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
      expect(status).toMatch(/^Seccomp:\t2$/m);
      const mounts = await vps.sh('cat "/proc/$1/mounts"', main);
      expect(mounts).toMatch(/ \/ overlay ro,/);
    }
    await expect(vps.sh('nsenter -m -t "$(systemctl show -p MainPID --value "$1")" touch /etc/probe', unitOf(itself))).rejects.toThrow(
      "Read-only",
    );
    await reconcile(wanted({ binary: itself }));
    expect(await vps.sh(offloads)).toBe(before);
    expect(await reconcile(wanted({ binary: itself }))).toEqual([]);
  });

  test("loses WireGuard, its unit and its link when the tunnel uses TLS, and gets them back", async () => {
    const itself = await ktBinary(binary);
    const byTls = wanted({ binary: itself, document: { ...plainDocument, transport: "tls" } });
    // Where the stand-in's still runs, and has made the link.
    await vps.sh("systemctl stop kt-wireguard; ip link del kt-edge 2>/dev/null || true");
    await reconcile(wanted({ binary: itself }));
    expect(await reconcile(byTls)).toContain("kt-wireguard.service was stopped: the tunnel does not use WireGuard any more");
    expect(await vps.sh("ls /sys/class/net; ls /etc/systemd/system/kt-wireguard.service 2>/dev/null || true")).toBe("eth0\nlo\n");
    expect(await reconcile(byTls)).toEqual([]);
    await reconcile(wanted({ binary: itself }));
    expect(await vps.sh("cat /sys/class/net/kt-edge/mtu")).toBe("1420\n");
    const narrow = wanted({ binary: itself, document: { ...plainDocument, mtu: 1300 } });
    expect(await reconcile(narrow)).toContain("kt-wireguard.service was restarted: its link had an MTU of 1420");
    expect(await vps.sh("cat /sys/class/net/kt-edge/mtu")).toBe("1300\n");
    await reconcile();
  });

  test("without room, or with a read-only /usr, is refused in a sentence, and serves on", async () => {
    const next = { ...standInBinary("a version that is not there"), sizeBytes: 100_000_000 };
    const refusal = async (mount: string): Promise<string> => {
      await vps.sh(mount);
      const refused = await reconcileHost(host, wanted({ binary: next })).then(() => "", String);
      await vps.sh("umount /usr/local/lib");
      return refused;
    };
    expect(await refusal("mount -t tmpfs -o size=20m tmpfs /usr/local/lib")).toMatch(
      /cannot be a public edge: \/usr\/local\/lib has \d+ MiB free, and kt takes 115 MiB$/,
    );
    expect(await refusal("mount --bind /usr/local/lib /usr/local/lib; mount -o remount,ro,bind /usr/local/lib")).toContain(
      "Read-only file system",
    );
    expect(await activeOf(unitOf(first))).toBe("active");
    expect(await reconcile()).toEqual([]);
  });

  test("that achetronic/tunnel has enrolled is taken over, with its units, its link and all of its files gone", async () => {
    await removeHost(host);
    await vps.sh(`mkdir -p /etc/tunnel /etc/envoy/tls
      echo '{}' | tee /etc/tunnel/state.json /etc/tunnel/relay.json /etc/envoy/envoy.yaml >/etc/envoy/tls/a.sds.yaml
      touch /usr/local/bin/tunnelctl /usr/local/bin/envoy /etc/sysctl.d/99-tunnel.conf
      printf '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' | tee /etc/systemd/system/envoy.service >/etc/systemd/system/wg-relay.service
      systemctl daemon-reload; systemctl enable -q --now envoy wg-relay
      ip tuntap add dev wg-relay mode tun; ip addr add 10.200.0.1/24 dev wg-relay`);
    const { repairs } = await reconcileHost(host, wanted());
    expect(repairs.filter(({ kind }) => kind === "taken-over")).toHaveLength(1);
    const left = await vps.sh(
      "ls -d /etc/tunnel /etc/envoy /usr/local/bin/* /etc/systemd/system/*/envoy* /sys/class/net/wg-relay 2>/dev/null || true",
    );
    expect(left).toBe("");
    expect(await Promise.all(["envoy", "wg-relay"].map(activeOf))).toEqual(["inactive", "inactive"]);
    expect(await reconcile()).toEqual([]);
  });

  test("is in the end as it was before, also where a part of kt is gone already", async () => {
    await vps.sh("touch /var/lib/kt-edge/connection; rm /etc/systemd/system/kt-edge@.service; systemctl daemon-reload");
    for (let time = 0; time < 2; time++) {
      await removeHost(host);
      const disk = await diskOf(vps);
      expect({ lost: lacking(untouched, disk), left: lacking(disk, untouched) }).toEqual({ lost: [], left: [] });
    }
    expect(await vps.sh("cat /proc/sys/net/ipv4/tcp_migrate_req; ls /sys/class/net; pgrep -x kt || true")).toBe("0\neth0\nlo\n");
    expect(await vps.sh("systemctl list-units --all --no-legend 'kt-*'")).toBe("");
  });
});

/** Random bytes, a little at a time, so that they are still on their way when the test looks. */
function endless(onClose: () => void): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    async pull(controller) {
      await sleep(10);
      controller.enqueue(crypto.getRandomValues(new Uint8Array(65_536)));
    },
    cancel: onClose,
  });
}
