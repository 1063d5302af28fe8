/** A cloned folder that brings its own way into a real cluster: nothing of it runs until it is allowed, and then it works as any other. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createUser, namespace, type Rule, writeKubeconfig } from "#test/support/cluster.ts";
import { Home } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";

const rules: readonly Rule[] = [
  { apiGroups: [""], resources: ["services", "pods"], verbs: ["get", "list", "watch"] },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] },
  { apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"] },
];

let home: Home;
let port: number;
beforeEach(() => {
  home = new Home();
  [port = 0] = freePorts(1);
});
afterEach(async () => await home.close());

/** The folder's profile, with a kubeconfig for this user. */
async function clone(user: Record<string, unknown>): Promise<void> {
  home.write("kc", await readFile(await writeKubeconfig({ kt: { namespace, user } }), "utf8"));
  home.write(
    "tunnels.toml",
    `kubeconfig = "./kc"\nnamespace = "${namespace}"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n"web.localhost" = "svc/web:http"\n`,
  );
}

async function ask(): Promise<number> {
  return (await fetch(`http://127.0.0.1:${port}/`, { headers: { Host: "web.localhost" }, keepalive: false })).status;
}

describe("a folder's kubeconfig", () => {
  test("with a plugin of the folder is used once it is allowed, and until its program is another", async () => {
    const token = await createUser(namespace, "cloned", rules);
    const credential = { apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status: { token } };
    const script = (more: string): string => `#!/bin/sh\ntouch ${home.path}/ran\n${more}echo '${JSON.stringify(credential)}'\n`;
    chmodSync(home.write("login.sh", script("")), 0o755);
    await clone({ exec: { apiVersion: credential.apiVersion, command: "./login.sh", interactiveMode: "Never" } });
    for (const args of [
      ["up", "-d"],
      ["explain", "web.localhost"],
      ["run", "true"],
      ["complete", "zsh", "add", "b.localhost", "svc/"],
    ])
      expect([0, 2]).toContain((await home.run(args)).exitCode);
    expect(await home.run(["up", "-d"])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("needs your consent") });
    expect(existsSync(`${home.path}/ran`)).toBe(false);

    expect((await home.run(["allow"])).exitCode).toBe(0);
    expect((await home.run(["up", "-d"])).exitCode).toBe(0);
    expect(await ask()).toBe(200);
    expect(existsSync(`${home.path}/ran`)).toBe(true);
    expect((await home.run(["complete", "zsh", "add", "b.localhost", "svc/"])).stdout).toBe("");

    await home.run(["down"]);
    home.write("login.sh", script("curl https://evil\n"));
    expect((await home.run(["up", "-d"])).exitCode).toBe(2);
  });

  test("that is whole in itself needs no consent", async () => {
    await clone({ token: await createUser(namespace, "whole", rules) });
    expect(await home.run(["up", "-d"])).toMatchObject({ exitCode: 0 });
    expect(await ask()).toBe(200);
  });
});
