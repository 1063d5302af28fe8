/** What is done on a host: all of it on an empty one in its order, nothing on one that is as wanted, and for each drift what mends it. */

import { describe, expect, test } from "bun:test";
import { hostSteps, hostWarnings } from "#operator/host/steps/host-steps.ts";
import { parseSeenHost, type SeenHost } from "#operator/host/seen/seen-host.ts";
import { unfit } from "#operator/host/steps/unfit.ts";
import { certificateFile, type WantedHost, wantedHost } from "#operator/host/wanted/wanted-host.ts";
import { plainDocument as document } from "#test/support/edge-document.ts";
import { sha256Of } from "#remote/remote-files.ts";

const bytes = new TextEncoder().encode("a program");
const version = sha256Of(bytes).slice(0, 16);
const binary = {
  sha256: sha256Of(bytes),
  sizeBytes: 100_000_000,
  machine: "x86_64",
  interpreter: "/lib64/ld-linux-x86-64.so.2",
  read: () => new Blob([bytes]).stream(),
};
const certificate = certificateFile("CHAIN", "KEY");
const wanted = wantedHost({ document, certificates: [certificate], binary, disablesOffloads: false });
const byTls = wantedHost({ document: { ...document, transport: "tls" }, certificates: [], binary, disablesOffloads: false });

/** The answer of a host on which nothing of kt is. */
const emptyAnswer = `machine x86_64
init systemd
loader there
tun there
free 1000000
sysctl net.ipv4.tcp_migrate_req can 0
sysctl net.core.rmem_max cannot 212992
unit Id=kt-edge-shutdown.service
unit ActiveState=inactive
unit UnitFileState=
unit NeedDaemonReload=no
`;
const empty = parseSeenHost(emptyAnswer);

/** A host on which all that is wanted is as it should be. */
function asWanted({ files, sysctls, units, link }: WantedHost = wanted): SeenHost {
  const user = 64_634;
  return {
    ...empty,
    stamp: "755:0:1:2:3:4",
    installed: [version],
    running: [version],
    edgeUser: user,
    publicKeys: { wireguard: "a".repeat(43).concat("="), tls: "b".repeat(43).concat("=") },
    files: new Map(
      files.map(({ path, bytes: content, mode, owner }) => [
        path,
        { isRegular: true, mode, owner: owner === "edge" ? user : 0, sha256: sha256Of(content) },
      ]),
    ),
    sysctls: new Map(sysctls.map(({ name, value }) => [name, { value: String(value), isWritable: true }])),
    units: new Map([...units, `kt-edge@${version}.service`].map((unit) => [unit, { active: "active", isEnabled: true, isStale: false }])),
    link: link && { mtu: link.mtu, isUp: true, addresses: [`${link.address}/${link.prefixLength}`] },
  };
}

const textsOf = (seen: SeenHost, of: WantedHost = wanted): string[] => hostSteps(seen, of).map(({ repair }) => repair.text);

describe("a host", () => {
  test("on which nothing is gets everything, the plan after what it refers to and units after their files", () => {
    expect(textsOf(empty).map((text) => text.split(":")[0])).toEqual([
      `kt ${version} was written`,
      "/etc/systemd/system/kt-edge-shutdown.service was written",
      "/etc/systemd/system/kt-wireguard.service was written",
      "/etc/systemd/system/kt-edge@.service was written",
      "/etc/sysctl.d/99-tunnel.conf was written",
      `/etc/kt/edge/certs/${certificate.name} was written`,
      "/etc/kt/edge/plan.json was written",
      "net.ipv4.tcp_migrate_req was set to 1",
      "systemd has read the units of kt again",
      ...["kt-edge-shutdown.service", "kt-wireguard.service", `kt-edge@${version}.service`].flatMap((unit) => [
        `${unit} was enabled`,
        `${unit} was started`,
      ]),
    ]);
  });

  test("that is as wanted gets nothing, and neither with TLS", () => {
    expect(textsOf(asWanted())).toEqual([]);
    expect(textsOf(asWanted(byTls), byTls)).toEqual([]);
  });

  test("works without what its kernel does not have or let, and each is a warning", () => {
    expect(hostWarnings(empty, wanted)).toEqual([
      "the host does not let net.core.rmem_max be set to 26214400: it stays 212992",
      "the host's kernel has no net.core.wmem_max, which would be 26214400",
    ]);
    expect(hostWarnings(asWanted(), wanted)).toEqual([]);
  });
});

test("a host that achetronic/tunnel enrolled is taken over right before kt's units start", () => {
  const seen = parseSeenHost(`${emptyAnswer}predecessor there\n`);
  const actions = hostSteps(seen, wanted).map(({ action }) => action.do);
  expect(actions.filter((action) => action === "take-over")).toHaveLength(1);
  expect(actions.indexOf("take-over")).toBeGreaterThan(actions.indexOf("reload"));
  expect(actions.indexOf("take-over")).toBeLessThan(actions.indexOf("enable"));
});

describe("drift", () => {
  const edge = `kt-edge@${version}.service`;
  const certificatePath = `/etc/kt/edge/certs/${certificate.name}`;
  const file = (path: string, change: object | undefined): Partial<SeenHost> => {
    const files = new Map(asWanted().files);
    const seen = files.get(path);
    if (change === undefined || seen === undefined) files.delete(path);
    else files.set(path, { ...seen, ...change });
    return { files };
  };
  const unit = (name: string, change: object): Partial<SeenHost> => {
    const units = new Map(asWanted().units);
    units.set(name, { active: "active", isEnabled: true, isStale: false, ...change });
    return { units };
  };
  const cases: [string, Partial<SeenHost>, string[]][] = [
    ["the binary is gone", { stamp: "" }, [`kt ${version} was written: it was missing`]],
    ["the binary is another", { binarySha256: "0".repeat(64) }, [`kt ${version} was written: it had changed`]],
    ["the binary may not be run", { stamp: "644:0:1:2:3:4" }, [`kt ${version} was written: its owner or mode had changed`]],
    ["the plan is gone", file("/etc/kt/edge/plan.json", undefined), ["/etc/kt/edge/plan.json was written: it was missing"]],
    ["the plan is edited", file("/etc/kt/edge/plan.json", { sha256: "0" }), ["/etc/kt/edge/plan.json was written: it had changed"]],
    ["a link stands for it", file("/etc/kt/edge/plan.json", { isRegular: false }), ["/etc/kt/edge/plan.json was written: it had changed"]],
    ["a key is readable", file(certificatePath, { mode: "644" }), [`${certificatePath} was written: its owner or mode had changed`]],
    ["a key is another's", file(certificatePath, { owner: 0 }), [`${certificatePath} was written: its owner or mode had changed`]],
    [
      "a unit's file is gone",
      file("/etc/systemd/system/kt-edge@.service", undefined),
      ["/etc/systemd/system/kt-edge@.service was written: it was missing", "systemd has read the units of kt again"],
    ],
    ["a unit's file is newer", unit(edge, { isStale: true }), ["systemd has read the units of kt again"]],
    ["a unit has failed", unit(edge, { active: "failed" }), [`${edge} was started: it was failed`]],
    ["a unit is disabled", unit(edge, { isEnabled: false }), [`${edge} was enabled: it would not have been started at boot`]],
    [
      "a sysctl is changed",
      { sysctls: new Map([...asWanted().sysctls, ["net.ipv4.tcp_migrate_req", { value: "0", isWritable: true }]]) },
      ["net.ipv4.tcp_migrate_req was set to 1: it was 0"],
    ],
    ["the link is gone", { link: undefined }, ["kt-wireguard.service was restarted: its link was missing"]],
    [
      "the link is down",
      { link: { mtu: 1420, isUp: false, addresses: ["10.200.0.1/24"] } },
      ["kt-wireguard.service was restarted: its link was down"],
    ],
    [
      "the link has another address",
      { link: { mtu: 1420, isUp: true, addresses: ["10.9.0.1/24"] } },
      ["kt-wireguard.service was restarted: its link had not the address 10.200.0.1"],
    ],
    [
      "the link has another MTU",
      { link: { mtu: 1500, isUp: true, addresses: ["10.200.0.1/24"] } },
      ["kt-wireguard.service was restarted: its link had an MTU of 1500"],
    ],
  ];
  test.each(cases)("where %s, that alone is mended", (_, change, repaired) => {
    expect(textsOf({ ...asWanted(), ...change })).toEqual(repaired);
  });
});

describe("what is not wanted any more", () => {
  const old = "0123456789abcdef";
  const upgraded = (active: string, isEnabled: boolean, running: readonly string[]): SeenHost => ({
    ...asWanted(),
    installed: [old, version],
    running: [version, ...running],
    units: new Map([...asWanted().units, [`kt-edge@${old}.service`, { active, isEnabled, isStale: false }]]),
  });

  test("is an edge of another version: it ends by itself, and its binary goes when it has ended", () => {
    expect(textsOf(upgraded("active", true, [old]))).toEqual([
      `kt-edge@${old}.service was disabled: kt-edge@${version}.service serves`,
      `kt-edge@${old}.service accepts nothing more: kt-edge@${version}.service serves`,
    ]);
    expect(textsOf(upgraded("deactivating", false, [old]))).toEqual([]);
    expect(textsOf(upgraded("inactive", false, [old]))).toEqual([]);
    expect(textsOf(upgraded("inactive", false, []))).toEqual([`/usr/local/lib/kt/${old} was removed: nothing needs it any more`]);
  });

  test("is none of them before the wanted edge serves, which may never be", () => {
    const starting = { active: "activating", isEnabled: true, isStale: false };
    const seen = upgraded("active", true, [old]);
    expect(textsOf({ ...seen, units: new Map([...seen.units, [`kt-edge@${version}.service`, starting]]) })).toEqual([]);
  });

  test("is an instance that a second one of the same version has replaced, and the second counts as the edge", () => {
    const second = `kt-edge@${version}-2.service`;
    const units = (first: string, isEnabled: boolean): SeenHost["units"] =>
      new Map([
        ...asWanted().units,
        [`kt-edge@${version}.service`, { active: first, isEnabled, isStale: false }],
        [second, { active: "active", isEnabled: true, isStale: false }],
      ]);
    expect(textsOf({ ...asWanted(), units: units("deactivating", false) })).toEqual([]);
    expect(textsOf({ ...asWanted(), units: units("inactive", true) })).toEqual([
      `kt-edge@${version}.service was disabled: ${second} serves`,
    ]);
  });

  test("is not started while it ends: the second instance serves meanwhile, and is killed only where it ends too", () => {
    const [first, second] = [`kt-edge@${version}.service`, `kt-edge@${version}-2.service`];
    const ending = { active: "deactivating", isEnabled: false, isStale: false };
    const seen = { ...asWanted(), units: new Map([...asWanted().units, [first, ending]]) };
    expect(hostSteps(seen, wanted).map(({ action }) => action)).toEqual([
      { do: "enable", unit: second },
      { do: "start", unit: second },
    ]);
    const both = { ...seen, units: new Map([...seen.units, [second, ending]]) };
    expect(hostSteps(both, wanted).map(({ action }) => action)).toEqual([
      { do: "enable", unit: first },
      { do: "kill", unit: first },
      { do: "start", unit: first },
    ]);
  });

  test("is a certificate that no binding has", () => {
    const seen = asWanted();
    const files = new Map([...seen.files, ["/etc/kt/edge/certs/old.pem", { isRegular: true, mode: "600", owner: 1, sha256: "0" }]]);
    expect(textsOf({ ...seen, files })).toEqual(["/etc/kt/edge/certs/old.pem was removed: nothing needs it any more"]);
  });

  test("is WireGuard, where the tunnel uses TLS", () => {
    const unit = { active: "active", isEnabled: true, isStale: false };
    const file = { isRegular: true, mode: "644", owner: 0, sha256: "0" };
    const seen: SeenHost = {
      ...asWanted(byTls),
      files: new Map([...asWanted(byTls).files, ["/etc/systemd/system/kt-wireguard.service", file]]),
      units: new Map([...asWanted(byTls).units, ["kt-wireguard.service", unit]]),
    };
    expect(hostSteps(seen, byTls).map(({ action }) => action.do)).toEqual(["disable", "stop", "remove"]);
  });
});

describe("a host that cannot be an edge", () => {
  const sentence = (change: Partial<SeenHost>, of: WantedHost = wanted): string | undefined =>
    unfit({ ...empty, ...change }, of, "203.0.113.9")?.message;

  test.each<[Partial<SeenHost>, string]>([
    [{ init: "busybox" }, 'its first process is "busybox", and kt runs there as units of systemd'],
    [{ machine: "aarch64" }, "its CPU is aarch64, and the operator's kt is built for x86_64"],
    [{ hasLoader: false }, "it has no /lib64/ld-linux-x86-64.so.2, so its C library is another one than that of the operator's kt"],
    [{ hasTun: false }, "it has no /dev/net/tun"],
    [{ freeBytes: 1_048_576 }, "/usr/local/lib has 1 MiB free, and kt takes 115 MiB"],
  ])("is refused in a sentence: %j", (change, why) => {
    expect(sentence(change)).toBe(`203.0.113.9 cannot be a public edge: ${why}`);
  });

  test("is none that lacks only what it does not need", () => {
    expect(sentence({})).toBeUndefined();
    expect(sentence({ hasTun: false }, byTls)).toBeUndefined();
    expect(sentence({ freeBytes: 0, stamp: "755:0:1:2:3:4" })).toBeUndefined();
  });
});

test("a port counts as taken where another program than kt holds it", () => {
  const lines = [
    'port tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=80,fd=3))',
    'port tcp LISTEN 0 512 0.0.0.0:443 0.0.0.0:* users:(("kt",pid=81,fd=6))',
    'port udp UNCONN 0 0 *:51821 *:* users:(("wireguard-go",pid=82,fd=7))',
    "port udp UNCONN 0 0 0.0.0.0:68 0.0.0.0:*",
  ];
  expect(parseSeenHost(`${emptyAnswer}${lines.join("\n")}\n`).takenPorts).toEqual([
    { protocol: "tcp", address: "0.0.0.0", port: 22, holders: ["sshd"] },
  ]);
});

test("an answer that is not the script's is refused, and not taken for an empty host", () => {
  expect(() => parseSeenHost("Welcome!\n")).toThrow("cannot be read");
});
