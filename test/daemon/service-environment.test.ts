/** What a service inherits from the shell that installs it. */

import { expect, test } from "bun:test";
import { serviceEnvironment, type Shell } from "#daemon/login-service/service-environment.ts";

const shell = (environment: Record<string, string>): Shell => ({
  environment,
  home: "/home/me",
  directory: "/home/me/shop",
  folders: new Set(["/opt/plugin/bin", "/usr/bin", ".", "/home/me/shop/node_modules/.bin", "/tmp/x"]),
});

test("PATH: the shell's own folders that are absolute and exist, once, then the usual places", () => {
  const { variables } = serviceEnvironment(
    shell({ PATH: "/opt/plugin/bin:.:/gone:/tmp/x:/home/me/shop/node_modules/.bin::/usr/bin:/opt/plugin/bin" }),
  );
  const path = variables["PATH"]?.split(":") ?? [];
  expect(path.slice(0, 3)).toEqual(["/opt/plugin/bin", "/usr/bin", "/home/me/.local/bin"]);
  expect(path).toEqual(
    expect.arrayContaining(["/home/me/.krew/bin", "/home/me/google-cloud-sdk/bin", "/opt/homebrew/bin", "/usr/local/bin"]),
  );
  expect(path.filter((folder) => folder === "/usr/bin")).toHaveLength(1);
  expect(path.every((folder) => folder.startsWith("/"))).toBe(true);
});

test("KUBECONFIG is made absolute", () => {
  const { variables } = serviceEnvironment(shell({ KUBECONFIG: "config:/etc/k:~/x" }));
  expect(variables["KUBECONFIG"]).toBe("/home/me/shop/config:/etc/k:/home/me/x");
  expect(serviceEnvironment(shell({})).variables).not.toHaveProperty("KUBECONFIG");
});

test("settings of plugins come along, secrets do not", () => {
  const given = { AWS_PROFILE: "dev", AWS_SECRET_ACCESS_KEY: "s3cret", AWS_SESSION_TOKEN: "s3cret", GITHUB_TOKEN: "s3cret", EDITOR: "vi" };
  const { variables, leftOut } = serviceEnvironment(shell(given));
  expect(Object.keys(variables)).toEqual(["PATH", "AWS_PROFILE"]);
  expect(leftOut).toEqual([]);
});

test("proxies come along unless they hold a login", () => {
  const { variables, leftOut } = serviceEnvironment(shell({ HTTPS_PROXY: "http://p:1", https_proxy: "http://me:s3cret@p:1" }));
  expect(variables["HTTPS_PROXY"]).toBe("http://p:1");
  expect(leftOut).toEqual(["https_proxy"]);
  expect(JSON.stringify(variables)).not.toContain("s3cret");
});
