/** Tests what jump hosts run, against the help and the complaints of the real programs. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { KtError } from "#base/errors.ts";
import { describeJumpEnd } from "#tunnel/jump/failure.ts";
import { ncByHelp, socat } from "#tunnel/jump/tool.ts";

/** Lines of each program's help, as far as they tell one from the other. */
const help = {
  busybox:
    "BusyBox v1.36.1 multi-call binary.\n\nUsage: nc [-iN] [-wN] [-l] [-p PORT]\n\n\t-w SEC\tConnect timeout\n\t-i SEC\tDelay interval\n",
  busyboxLarge:
    "BusyBox v1.36.1 multi-call binary.\n\nUsage: nc [OPTIONS] HOST PORT  - connect\n\n\t-w SEC\tTimeout for connects and final net reads\n\t-n\tDon't do DNS resolution\n",
  openbsd:
    "OpenBSD netcat (Debian patchlevel 1.219-1)\nusage: nc [-46CDdFhklNnrStUuvZz]\n\t\t-N\t\tShutdown the network socket after EOF on stdin\n\t\t-w timeout\tTimeout for connects and final net reads\n",
  traditional:
    "[v1.10-47]\nconnect to somewhere:\tnc [-options] hostname port[s]\n\t-w secs\t\t\ttimeout for connects and final net reads\n",
  ncat: "Ncat 7.93 ( https://nmap.org/ncat )\nUsage: ncat [options] [hostname] [port]\n  -w, --wait <time>          Connect timeout\n",
  unknown: "usage: nc host port\n",
};

describe("nc", () => {
  test.each([
    ["busybox", ["nc", "-w", "10", "db", "80"], true],
    ["busyboxLarge", ["nc", "-w", "10", "db", "80"], false],
    ["openbsd", ["nc", "-v", "-N", "db", "80"], true],
    ["traditional", ["nc", "-w", "10", "db", "80"], false],
    ["ncat", ["nc", "-w", "10", "db", "80"], true],
    ["unknown", ["nc", "db", "80"], false],
  ] as const)("of the kind %s is known by its help", (kind, command, halfCloses) => {
    const tool = ncByHelp(help[kind]);
    expect([tool.command({ host: "db", port: 80 }), tool.halfCloses]).toEqual([[...command], halfCloses]);
  });

  test("gets an IPv6 address as it is", () => {
    expect(ncByHelp(help.busybox).command({ host: "fd00::1", port: 80 })).toEqual(["nc", "-w", "10", "fd00::1", "80"]);
  });
});

describe("socat", () => {
  const to = (host: string): string => socat.command({ host, port: 80 }).at(-1) ?? "";

  test("gets its address in its own syntax", () => {
    expect([to("db.internal"), to("10.0.0.1"), to("fd00::1")]).toEqual([
      "TCP:db.internal:80,connect-timeout=10,nodelay",
      "TCP:10.0.0.1:80,connect-timeout=10,nodelay",
      "TCP6:[fd00::1]:80,connect-timeout=10,nodelay",
    ]);
  });

  test.each(["db,fork", "db!!EXEC", "a b", "$(id)", "`id`", "-e", "", "db;ls", "::1,fork", "[::1]", "fe80::1%eth0", "é"])(
    "never gets %p",
    (host) => {
      expect(() => to(host)).toThrow("is not a valid address");
      expect(() => ncByHelp(help.busybox).command({ host, port: 80 })).toThrow("is not a valid address");
    },
  );

  test("gets nothing that could be an option, whatever the host", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.integer(), (host, port) => {
        try {
          expect(socat.command({ host, port }).at(-1)).toMatch(/^TCP(6:\[[\da-f:.]+\]|:[\w.-]+):-?\d+,connect-timeout=10,nodelay$/i);
        } catch (error) {
          expect(error).toMatchObject({ code: "target-not-found" });
        }
      }),
    );
  });
});

describe("a process that failed", () => {
  const end = (stderr: string, code = 1, received = false): KtError | undefined =>
    describeJumpEnd({ pod: "p", address: { host: "db", port: 80 }, exit: { kind: "exited", code }, stderr, received })?.error;

  test.each([
    ["busybox", "nc: can't connect to remote host (10.0.0.1): Connection refused", "target-refused"],
    ["busybox", "nc: bad address 'db'", "target-not-found"],
    ["busybox", "nc: timed out", "target-unreachable"],
    ["openbsd", "nc: connect to db port 80 (tcp) failed: Connection refused", "target-refused"],
    ["openbsd", 'nc: getaddrinfo for host "db" port 80: Name or service not known', "target-not-found"],
    ["traditional", "(UNKNOWN) [10.0.0.1] 80 (http) : Connection refused", "target-refused"],
    ["traditional", "db: forward host lookup failed: Unknown host", "target-not-found"],
    ["ncat", "Ncat: Connection refused.", "target-refused"],
    ["ncat", 'Ncat: Could not resolve hostname "db": Name or service not known. QUITTING.', "target-not-found"],
    ["ncat", "Ncat: TIMEOUT.", "target-unreachable"],
    ["socat on musl", 'socat[9] E getaddrinfo("db", "NULL", {1,0,1,6}, {}): Name does not resolve', "target-not-found"],
    ["socat", "socat[9] E connect(5, AF=2 10.0.0.1:80, 16): Network is unreachable", "target-unreachable"],
    ["socat", "socat[9] E something of its own", "connection-lost"],
    ["nothing at all", "", "connection-lost"],
  ])("%s: %s", (_, stderr, code) => {
    expect(end(stderr)?.code).toBe(code as KtError["code"]);
  });

  test("once it had been connected has lost its connection, whatever it says", () => {
    expect(end("socat[9] E read(5, 0x1, 8192): Connection timed out", 1, true)).toMatchObject({
      code: "connection-lost",
      message: 'the connection to "db:80" broke off in pod "p": connection timed out',
    });
  });

  const late = (stderr: string): KtError | undefined =>
    describeJumpEnd({ pod: "p", address: { host: "db", port: 80 }, exit: { kind: "late" }, stderr, received: false })?.error;

  test("to connect in time has not reached its target, unless it said something else", () => {
    expect(late("")).toMatchObject({
      code: "target-unreachable",
      message: 'pod "p" does not get through to "db:80": connection timed out',
    });
    expect(late("nc: connect to db (::1) port 80 (tcp) failed: Connection refused")?.code).toBe("target-refused");
  });

  test("and says nothing is reported with its exit code", () => {
    expect(end("", 137)?.message).toBe(`the connection to "db:80" broke off in pod "p": the jump host's process ended with code 137`);
  });

  test("in an orderly way did not", () => {
    expect(end("", 0)).toBeUndefined();
  });
});
