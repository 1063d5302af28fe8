/** Tests which proxy is taken, in the way Go's httpproxy decides. */

import { describe, expect, test } from "bun:test";
import { hostOf, portOf, proxyFor, withoutLogin } from "#kube/way/outbound-proxy.ts";

const shown = (server: string, proxyUrl: string | undefined, environment: Record<string, string>): string =>
  proxyFor(new URL(server), proxyUrl, environment)?.href ?? "direct";

describe("proxyFor", () => {
  const cases: [string, string, string | undefined, Record<string, string>, string][] = [
    ["nothing set", "https://k8s.corp", undefined, {}, "direct"],
    ["HTTPS_PROXY for https", "https://k8s.corp", undefined, { HTTPS_PROXY: "http://p:3128" }, "http://p:3128/"],
    ["lower case too", "https://k8s.corp", undefined, { https_proxy: "http://p:3128" }, "http://p:3128/"],
    ["upper case first", "https://k8s.corp", undefined, { HTTPS_PROXY: "http://a", https_proxy: "http://b" }, "http://a/"],
    ["HTTP_PROXY is not for https", "https://k8s.corp", undefined, { HTTP_PROXY: "http://p" }, "direct"],
    ["HTTP_PROXY is for http", "http://k8s.corp", undefined, { HTTP_PROXY: "http://p" }, "http://p/"],
    ["ALL_PROXY is nothing to Go", "https://k8s.corp", undefined, { ALL_PROXY: "http://p" }, "direct"],
    ["a bare host is an http proxy", "https://k8s.corp", undefined, { HTTPS_PROXY: "p:3128" }, "http://p:3128/"],
    ["an empty value is none", "https://k8s.corp", undefined, { HTTPS_PROXY: "" }, "direct"],
    ["localhost goes direct", "https://localhost:6443", undefined, { HTTPS_PROXY: "http://p" }, "direct"],
    ["127.0.0.0/8 goes direct", "https://127.1.2.3:6443", undefined, { HTTPS_PROXY: "http://p" }, "direct"],
    ["::1 goes direct", "https://[::1]:6443", undefined, { HTTPS_PROXY: "http://p" }, "direct"],
    ["proxy-url wins over loopback", "https://127.0.0.1:6443", "http://k", {}, "http://k/"],
    ["proxy-url wins over NO_PROXY", "https://k8s.corp", "http://k", { NO_PROXY: "*" }, "http://k/"],
    ["proxy-url wins over HTTPS_PROXY", "https://k8s.corp", "socks5://k:1080", { HTTPS_PROXY: "http://p" }, "socks5://k:1080"],
  ];
  test.each(cases)("%s", (_, server, proxyUrl, environment, want) => {
    expect(shown(server, proxyUrl, environment)).toBe(want);
  });
});

describe("NO_PROXY", () => {
  const bypassed: [string, string][] = [
    ["https://k8s.corp", "*"],
    ["https://k8s.corp", "k8s.corp"],
    ["https://K8S.corp", "k8s.CORP"],
    ["https://k8s.corp", "other, k8s.corp ,third"],
    ["https://api.k8s.corp", "k8s.corp"],
    ["https://api.k8s.corp", ".k8s.corp"],
    ["https://api.k8s.corp", "*.k8s.corp"],
    ["https://k8s.corp:6443", "k8s.corp:6443"],
    ["https://k8s.corp", "k8s.corp:443"],
    ["https://10.1.2.3", "10.0.0.0/8"],
    ["https://10.1.2.3:6443", "10.1.2.3"],
    ["https://10.1.2.3:6443", "10.1.2.3:6443"],
    ["https://[fd00::5]:6443", "fd00::/8"],
    ["https://[fd00::5]:6443", "FD00:0:0:0:0:0:0:5"],
    ["https://[fd00::5]:6443", "[fd00::5]:6443"],
  ];
  test.each(bypassed)("%s goes direct by %s", (server, noProxy) => {
    expect(shown(server, undefined, { HTTPS_PROXY: "http://p", NO_PROXY: noProxy })).toBe("direct");
  });

  const proxied: [string, string][] = [
    ["https://k8s.corp", ""],
    ["https://k8s.corp", ","],
    ["https://k8s.corp", ".k8s.corp"],
    ["https://k8s.corp", "*.k8s.corp"],
    ["https://notk8s.corp", "k8s.corp"],
    ["https://k8s.corp:6443", "k8s.corp:443"],
    ["https://11.1.2.3", "10.0.0.0/8"],
    ["https://10.1.2.3", "10.1.2.0/33"],
    ["https://10.1.2.3", "10.1.2.3.4"],
    ["https://k8s.corp", "10.0.0.0/8"],
    ["https://[fe00::5]:6443", "fd00::/8"],
    ["https://[fd00::5]:6443", "[fd00::5]:443"],
  ];
  test.each(proxied)("%s is proxied beside %s", (server, noProxy) => {
    expect(shown(server, undefined, { HTTPS_PROXY: "http://p", no_proxy: noProxy })).toBe("http://p/");
  });
});

describe("bad proxies", () => {
  test.each([
    ["ftp://p", 'proxy-url "ftp://p" has scheme "ftp"; use http, https or socks5'],
    ["http://", 'proxy-url is not a valid URL: "http://"'],
    ["ftp://me:secret@p", 'proxy-url "ftp://p" has scheme "ftp"; use http, https or socks5'],
  ])("%s is refused without its password", (proxyUrl, message) => {
    expect(() => proxyFor(new URL("https://k8s.corp"), proxyUrl, {})).toThrow(message);
  });
});

test("hosts and ports of URLs", () => {
  expect(hostOf(new URL("https://[fd00::5]:6443"))).toBe("fd00::5");
  expect(["http://a", "https://a", "socks5://a", "socks5h://a:9", "https://a:6443"].map((url) => portOf(new URL(url)))).toEqual([
    80, 443, 1080, 9, 6443,
  ]);
  expect(withoutLogin("http://u:p@h:1/x@y")).toBe("http://h:1/x@y");
});
