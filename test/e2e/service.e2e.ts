/** `kt service` under a real systemd user manager: runs, comes back after a kill, is updated, and goes. */

import { afterAll, describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { write } from "bun";
import { adminKubeconfig, namespace, ownCluster } from "#test/support/cluster.ts";
import { binary } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { canRunUserSystemd, runUnderSystemd } from "#test/support/user-systemd.ts";

const root = mkdtempSync(`${tmpdir()}/kt-service-`);
afterAll(() => rmSync(root, { recursive: true, force: true }));
const possible = ownCluster && (await canRunUserSystemd(`${root}/try`));
if (ownCluster && !possible) process.stderr.write("no systemd user manager can be started here: its cases are left out\n");

describe.skipIf(!possible)("a systemd user unit", () => {
  test("runs kt serve from a path with blanks and signs, with the shell's settings, again after a kill, until it is removed", async () => {
    const [port = 0] = freePorts(1);
    const bin = `${root}/k t 100% $HOME`;
    const config = `${root}/config`;
    mkdirSync(bin);
    mkdirSync(`${config}/kt`, { recursive: true });
    copyFileSync(binary, `${bin}/kt`);
    await write(
      `${config}/kt/tunnels.toml`,
      `namespace = "${namespace}"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n"web.localhost" = "svc/web:http"\n`,
    );
    const script = `
pid() { systemctl --user show kt.service --property=MainPID --value; }
up() { tries=300; until curl -fsS -H 'Host: web.localhost' http://127.0.0.1:${port}/ >/dev/null 2>&1; do tries=$((tries - 1)); [ $tries -gt 0 ] || exit 1; sleep 0.1; done; }
kt service install -q && up && echo "served by $(pid)"
kt service install
tr '\\0' '\\n' < /proc/$(pid)/environ | grep -E '^(AWS_|KUBECONFIG|BUN_JSC|SECRET)'
first=$(pid); kill -9 $first; up && [ $(pid) != $first ] && echo "came back"
kt service status --json
AWS_PROFILE=other kt service install && up && echo "updated"
tr '\\0' '\\n' < /proc/$(pid)/environ | grep AWS_
kt service uninstall
systemctl --user is-active kt.service
kt status --json`;
    const profile = `a "b" $c 50% \\d`;
    const env = {
      PATH: `${bin}:${process.env["PATH"]}`,
      HOME: `${root}/home`,
      USER: "root",
      XDG_CONFIG_HOME: config,
      KUBECONFIG: adminKubeconfig,
      AWS_PROFILE: profile,
    };
    const { stdout, stderr } = await runUnderSystemd(script, `${root}/run`, env);
    expect(stderr).not.toContain("error");
    expect(stdout).toMatch(/^served by \d+$/m);
    expect(stdout).toContain(`installed already, and running: systemd runs kt serve with ${config}/kt/tunnels.toml`);
    expect(stdout).toContain(`AWS_PROFILE=${profile}\n`);
    expect(stdout).toContain(`KUBECONFIG=${adminKubeconfig}\n`);
    expect(stdout).toContain("BUN_JSC_useFTLJIT=0\n");
    expect(stdout).toContain("came back\n");
    expect(stdout).toMatch(/"state":"active".*"hub":\{.*"pid":\d+/);
    expect(stdout).toContain("updated\n");
    expect(stdout).toContain("AWS_PROFILE=other\n");
    expect(stdout).toContain("the profile stays\ninactive\n");
    expect(stdout.trimEnd()).toEndWith('{"hub":null,"profiles":[]}');
    expect(existsSync(`${config}/systemd/user/kt.service`)).toBe(false);
  }, 60_000);
});
