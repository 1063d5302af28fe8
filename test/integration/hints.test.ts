/** Hints that hold names of others are pasted into a real shell, which must run nothing of what the names say. */

import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { file, spawnSync, write } from "bun";
import { SourceHome } from "#test/support/source-home.ts";

const evil = "a$(touch pwn)b; touch pwn; `touch pwn` 'x";

/** Programs that hints name; here they do nothing. */
const harmless = ["kt", "kubectl", "ls", "less", "tail", "kill", "lsof", "sudo", "rm"].map((name) => `${name}() { :; }`).join("; ");

test("every hint of hostile names can be pasted", async () => {
  await using home = await SourceHome.make();
  const folder = `${home.project}/${evil}`;
  await mkdir(folder, { recursive: true });
  const kubeconfig = {
    "current-context": evil,
    clusters: [],
    users: [],
    contexts: [{ name: evil, context: { cluster: evil, user: evil } }],
  };
  await write(`${folder}/kubeconfig`, JSON.stringify({ apiVersion: "v1", kind: "Config", ...kubeconfig }));
  const profile = (name: string): string =>
    `kubeconfig = "./kubeconfig"\n[http]\nlisten = "127.0.0.1:0"\n[routes]\n"${name}" = "x/svc/a:80"\n`.replace(
      "127.0.0.1:0",
      "127.0.0.1:28199",
    );
  await write(`${folder}/tunnels.toml`, profile("a.localhost"));
  await write(`${folder}/other.toml`, `name = "other"\n${profile("a.localhost")}`);
  const at = ["-f", `${folder}/tunnels.toml`];
  const commands = [
    ["up", "-d", ...at],
    ["up", "-d", "-f", `${folder}/other.toml`],
    ["status"],
    ["explain", "a.localhost", ...at],
    ["check", ...at],
    ["check", "-f", `${folder}/nope.toml`],
    ["doctor", ...at],
    ["rm", evil, ...at],
    ["add", "a.localhost", "svc/b:80", ...at],
    ["add", evil, `${evil}:80`, ...at],
    ["url", evil, ...at],
    ["open", evil, ...at],
    ["logs", evil],
    ["forward", evil],
    ["forward", `${evil}:80`],
    ["forward", `svc/${evil}`, "x:80"],
    ["down", "--all"],
  ];
  const hints: string[] = [];
  for (const words of commands) {
    const { stdout, stderr } = await home.run(words);
    for (const line of `${stdout}\n${stderr}`.split("\n")) {
      const [, hint] = /^\s*(?:kt: hint: )?((?:kt|kubectl|ls|less|tail|kill|lsof|sudo|rm) .*)$/.exec(line) ?? [];
      if (hint !== undefined) hints.push(hint);
    }
  }
  expect(hints.filter((hint) => hint.includes("touch")).length).toBeGreaterThan(3);
  for (const hint of new Set(hints)) {
    const { exitCode, stderr } = spawnSync(["bash", "-c", `${harmless}; ${hint}`], { cwd: home.path });
    expect({ hint, exitCode, stderr: stderr.toString() }).toEqual({ hint, exitCode: 0, stderr: "" });
    expect({ hint, ran: await file(`${home.path}/pwn`).exists() }).toEqual({ hint, ran: false });
  }
}, 60_000);
