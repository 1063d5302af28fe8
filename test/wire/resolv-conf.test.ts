/** /etc/resolv.conf: the name servers, as C libraries read them. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseResolvConf } from "#wire/resolv-conf.ts";

test.each([
  ["nameserver 10.0.0.2\nnameserver\t::1\n", ["10.0.0.2", "::1"]],
  ["# nameserver 1.1.1.1\n; nameserver 2.2.2.2\nsearch nameserver 3.3.3.3\nnameserver 4.4.4.4 # home", ["4.4.4.4"]],
  ["nameserver fe80::1%eth0\r\n", ["fe80::1%eth0"]],
  ["nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4\n", ["1.1.1.1", "2.2.2.2", "3.3.3.3"]],
  ["search example.org\noptions ndots:5\n", ["127.0.0.1"]],
  ["nameserver dns.example.org\n", ["127.0.0.1"]],
  ["", ["127.0.0.1"]],
])("%j", (text, servers) => {
  expect(parseResolvConf(text)).toEqual(servers);
});

test("of any text there are one to three servers", () => {
  fc.assert(fc.property(fc.string(), (text) => expect(parseResolvConf(`nameserver ${text}`).length).toBeWithin(1, 4)));
});
