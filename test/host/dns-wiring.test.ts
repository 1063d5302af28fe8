/** What `kt setup dns` writes is read back as it was, by the hub too, and where it would do harm it is not written. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type DnsWiring, forDnsmasq, forMac, forResolved, parseWiring } from "#host/names/dns-wiring.ts";
import { judgeResolved } from "#host/names/resolver-kind.ts";

const wiring: DnsWiring = { uid: 1000, listen: { host: "127.0.0.1", port: 8953 }, domains: ["cluster.local", "dev.test"] };
const header = '# Written by "kt setup dns" for uid 1000; "kt setup dns --undo" removes it.\n';

describe("a wiring", () => {
  test("is a server and routing domains to systemd-resolved, a server for each domain to dnsmasq, and a file for each on macOS", () => {
    expect(forResolved(wiring).text).toBe(`${header}[Resolve]\nDNS=127.0.0.1:8953\nDomains=~cluster.local ~dev.test\n`);
    expect(forDnsmasq(wiring).text).toBe(`${header}server=/cluster.local/127.0.0.1#8953\nserver=/dev.test/127.0.0.1#8953\n`);
    expect(forMac(wiring)).toEqual([
      { path: "/etc/resolver/cluster.local", text: `${header}nameserver 127.0.0.1\nport 8953\n` },
      { path: "/etc/resolver/dev.test", text: `${header}nameserver 127.0.0.1\nport 8953\n` },
    ]);
  });

  test("is read back from each of them", () => {
    const domain = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z](\.[a-z]{2,5}){0,2}$/);
    const any = fc.record({
      uid: fc.nat(999_999_999),
      listen: fc.record({ host: fc.constantFrom("127.0.0.1", "127.9.8.7", "::1"), port: fc.integer({ min: 1, max: 65_535 }) }),
      domains: fc.uniqueArray(domain, { minLength: 1, maxLength: 4 }),
    });
    fc.assert(
      fc.property(any, (given) => {
        for (const files of [[forResolved(given)], [forDnsmasq(given)], forMac(given)]) expect(parseWiring(files)).toEqual(given);
      }),
    );
  });

  test("is none of files that are another's", () => {
    const { path, text } = forResolved(wiring);
    const others = ["", text.replace(header, ""), "[Resolve]\nDNS=127.0.0.1:8953\n", header].map((each) => ({ path, text: each }));
    expect(parseWiring(others)).toBeUndefined();
  });
});

describe("systemd-resolved", () => {
  const judge = (...lines: string[]) => judgeResolved(`${lines.join("\n")}\n`, "127.0.0.1:8953");

  test("can be told of kt where each link has its own servers, and again when it knows kt already", () => {
    expect(judge("Global:", "Link 2 (eth0): 10.0.0.1 fe80::1%2")).toEqual({ kind: "resolved" });
    expect(judge("Global: 127.0.0.1:8953", "Link 2 (eth0):", "Link 3 (wlan0): 10.0.0.1")).toEqual({ kind: "resolved" });
  });

  test.each([
    [["Global: 9.9.9.9", "Link 2 (eth0): 10.0.0.1"], "asks 9.9.9.9 on every link"],
    [["Global: 127.0.0.1:8953 9.9.9.9#dns.quad9.net"], "asks 9.9.9.9#dns.quad9.net on every link"],
    [["Global:", "Link 2 (eth0):"], "no link has a name server now"],
  ])("cannot where it would ask kt for names of others alone, or others for kt's: %j", (lines, why) => {
    expect(judge(...lines)).toMatchObject({ kind: "other", why: expect.stringContaining(why) });
  });

  test("cannot while it does not answer", () => {
    expect(judgeResolved("", "127.0.0.1:8953")).toMatchObject({ kind: "other", why: expect.stringContaining("does not answer") });
  });
});
