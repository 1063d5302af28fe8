/** Completions in bash, zsh and fish, as a user presses Tab in a terminal. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { which } from "bun";
import { namespace, ownNamespace, writeKubeconfig } from "#test/support/cluster.ts";
import { binary, Home } from "#test/support/kt.ts";
import { noTerminal, Terminal } from "#test/support/terminal.ts";

/** How each shell is started without anything of the user's, and told to complete. */
const shells = {
  bash: { start: "bash --norc --noprofile -i", load: 'eval "$(kt completion bash)"' },
  zsh: { start: "zsh -f -i", load: 'eval "$(kt completion zsh)"' },
  fish: {
    start: `fish -N -i -C 'function fish_prompt; echo "kt> "; end; set -g fish_greeting; set -g fish_autosuggestion_enabled 0'`,
    load: "kt completion fish | source",
  },
} as const;

/** What is typed before Tab, and what stands there afterwards. */
const cases: readonly (readonly [what: string, typed: string, completed: string])[] = [
  ["a command", "kt sta", "kt status"],
  ["an option", "kt up --det", "kt up --detach"],
  ["the value of an option", "kt env --format do", "kt env --format dotenv"],
  ["the value behind =", "kt env --format=do", "kt env --format=dotenv"],
  ["a setting", "kt up --set health.int", "kt up --set health.interval="],
  ["the value of a setting", "kt up --set health.interval=3", "kt up --set health.interval=30s"],
  ["a switch behind two =", "kt run --set=health.enabled=f", "kt run --set=health.enabled=false"],
  ["a route", "kt url graf", "kt url grafana.localhost"],
  ["a route with a colon", "kt url 127.0.0.1:54", "kt url 127.0.0.1:54320"],
  ["a route of another profile", "kt open -f other.toml la", "kt open -f other.toml later.localhost"],
  ["a file", "kt check -f oth", "kt check -f other.toml"],
  ["a context", "kt forward --context dev", "kt forward --context dev-cluster"],
  ["a namespace", `kt forward -n ${namespace}-compl`, `kt forward -n ${namespace}-completion`],
  ["a service", "kt forward svc/ap", "kt forward svc/api"],
  ["a pod", "kt forward pod/sing", "kt forward pod/single"],
  ["a deployment", "kt forward deploy/unpul", "kt forward deploy/unpullable"],
  ["a remote port", "kt forward deploy/api 9000:909", "kt forward deploy/api 9000:9090"],
  ["a service elsewhere", `kt add x.localhost ${namespace}/svc/ap`, `kt add x.localhost ${namespace}/svc/api:`],
  ["a port behind a colon", `kt add x.localhost ${namespace}/svc/api:ht`, `kt add x.localhost ${namespace}/svc/api:http`],
  ["a program that kt runs", "kt run kt-prob", "kt run kt-probe"],
  ["an option of kt run", "kt run --fi", "kt run --file"],
];

let home: Home;
let own: Awaited<ReturnType<typeof ownNamespace>>;

beforeAll(async () => {
  own = await ownNamespace("completion");
  home = new Home({ KUBECONFIG: await writeKubeconfig({ "dev-cluster": { namespace } }), PS1: "kt> " });
  home.write(
    "tunnels.toml",
    '[routes]\n"grafana.localhost" = "svc/web:http"\n"prometheus.localhost" = "svc/web:http"\n[tcp]\n"127.0.0.1:54320" = "svc/web:echo"\n',
  );
  home.write("other.toml", '[routes]\n"later.localhost" = "svc/web:http"\n');
  home.write("broken.toml", "routes = 1\n");
  mkdirSync(`${home.path}/bin`);
  symlinkSync(binary, `${home.path}/bin/kt`);
  writeFileSync(`${home.path}/bin/kt-probe`, "#!/bin/sh\n");
  chmodSync(`${home.path}/bin/kt-probe`, 0o755);
});
afterAll(async () => {
  await own?.remove();
  await home.close();
});

for (const [shell, { start, load }] of Object.entries(shells)) {
  describe.skipIf(noTerminal !== undefined || which(shell) === null)(shell, () => {
    let terminal: Terminal;

    beforeAll(async () => {
      const env = { ...home.env, PATH: `${home.path}/bin:${home.env["PATH"]}` };
      terminal = Terminal.open(home.path, start, { cwd: `${home.path}/project`, env });
      await terminal.sees("kt>");
      terminal.type(`${load}; echo load''ed`);
      terminal.press("Enter");
      await terminal.sees("loaded");
    });
    afterAll(() => terminal[Symbol.dispose]());

    /** Types at an empty prompt and presses Tab. */
    async function tab(typed: string, times = 1): Promise<void> {
      terminal.press("C-u", "C-l");
      terminal.type(typed);
      await terminal.sees(`kt> ${typed}`);
      for (let count = 0; count < times; count++) terminal.press("Tab");
    }

    test.each(cases)("%s", async (_, typed, completed) => {
      await tab(typed);
      await terminal.sees(`kt> ${completed}`);
    });

    test("several are shown", async () => {
      await tab("kt url ", 2);
      const screen = await terminal.sees("prometheus.localhost");
      expect(screen).toContain("grafana.localhost");
    });

    test("nothing, and no word, where there is nothing", async () => {
      await tab("kt url -f broken.toml x", 1);
      terminal.type("yz");
      const screen = await terminal.sees("kt> kt url -f broken.toml xyz");
      expect(screen.trim()).toBe("kt> kt url -f broken.toml xyz");
    });

    test("what is whole is followed by a space, what goes on is not", async () => {
      await tab("kt sta");
      await terminal.sees("kt> kt status");
      terminal.type("--js");
      terminal.press("Tab");
      await terminal.sees("kt> kt status --json");
      await tab(`kt add x.localhost ${namespace}/sv`);
      await terminal.sees(`/svc/`);
      terminal.type("ap");
      terminal.press("Tab");
      await terminal.sees(`${namespace}/svc/api:`);
      terminal.type("ht");
      terminal.press("Tab");
      await terminal.sees(`${namespace}/svc/api:http`);
    });
  });
}
