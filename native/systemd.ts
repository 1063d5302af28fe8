/** kt as a systemd user unit (systemd.service(5), systemd.syntax(7)). */

import { KtError } from "#base/errors.ts";
import { type Ran, runTool, type ServiceChange, type ServiceDefinition, type ServiceManager, toolFailure } from "./service-manager.ts";

const unit = "kt.service";

/** How long an orderly end may take: open connections get 5 s. */
const stopSeconds = 15;
const restartSeconds = 10;

export interface SystemdOptions {
  /** The user's, absolute: where the folder `systemd` is. */
  readonly configDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function systemd({ configDirectory, environment }: SystemdOptions): ServiceManager {
  const systemctl = (...args: readonly string[]): Promise<Ran> => runTool(["systemctl", "--user", ...args], environment);
  const must = async (...args: readonly string[]): Promise<void> => {
    const ran = await systemctl(...args);
    if (ran.exitCode !== 0) throw toolFailure(["systemctl", "--user", ...args], ran, [`journalctl --user -u ${unit} -n 20`]);
  };
  return {
    name: "systemd",
    file: `${configDirectory}/systemd/user/${unit}`,
    format: formatUnit,
    commandIn: commandInUnit,
    async check() {
      const ran = await systemctl("show", "--property=Version");
      if (ran.exitCode !== 0) throw unavailable(ran, environment);
    },
    async start(change: ServiceChange) {
      if (change !== "same") await must("daemon-reload");
      await must("enable", "--now", unit);
      if (change === "changed") await must("restart", unit);
    },
    async stop() {
      await must("disable", "--now", unit);
    },
    async forget() {
      await must("daemon-reload");
    },
    async state() {
      const { stdout, stderr } = await systemctl("is-active", unit);
      return stdout.trim() || stderr || "unknown";
    },
    async advice() {
      const user = environment["USER"];
      const { stdout } = await runTool(["loginctl", "show-user", "--property=Linger", ...(user ? [user] : [])], environment);
      return stdout.trim() === "Linger=yes" ? [] : ["to have it run also while you are not logged in: loginctl enable-linger"];
    },
  };
}

function unavailable({ exitCode, stderr }: Ran, environment: SystemdOptions["environment"]): KtError {
  const instead = "run it in the foreground, under whatever manages services here: kt serve -f FILE";
  if (exitCode === 127)
    return new KtError("service-unavailable", "there is no systemd here: systemctl is not in PATH", { hints: [instead] });
  const isWsl = environment["WSL_DISTRO_NAME"] !== undefined;
  const hint = isWsl
    ? "turn systemd on: add systemd=true below [boot] in /etc/wsl.conf, then run in Windows: wsl --shutdown"
    : "log in as the user themselves, not by su or sudo; over ssh: loginctl enable-linger, then log in again";
  return new KtError("service-unavailable", `systemd runs no instance for this user: ${stderr}`, { hints: [hint, instead] });
}

/**
 * No sandbox: all that systemd offers a user's unit also stops programs from gaining privileges, which some credential plugins
 * do (a password manager's is setgid), and plugins write their caches all over the home.
 */
function formatUnit({ command, environment, version }: ServiceDefinition): string {
  const [program = "", ...args] = command;
  const variables = Object.entries(environment).map(([name, value]) => `Environment=${quote(`${name}=${value}`)}`);
  return `# Written by "kt service install" of kt ${version}, which also updates it; "kt service uninstall" removes it.
[Unit]
Description=kt: Kubernetes services on this machine
# It is tried again however often it fails: a profile may be mended, another hub may end.
StartLimitIntervalSec=0

[Service]
ExecStart=${[quote(program), ...args.map((arg) => quote(arg).replaceAll("$", "$$$$"))].join(" ")}
${variables.join("\n")}
# Also after an orderly end: a newer kt asks the hub of an older one to make way.
Restart=always
RestartSec=${restartSeconds}
TimeoutStopSec=${stopSeconds}
# Credentials are in its memory, and what it and its plugins write is for its user alone.
LimitCORE=0
UMask=0077

[Install]
WantedBy=default.target
`;
}

/** In quotes, where a backslash escapes. "%" begins a specifier everywhere, "$" a variable in arguments, but not in the program's path. */
function quote(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&").replaceAll("%", "%%")}"`;
}

function commandInUnit(text: string): readonly string[] {
  // Lines end where systemd ends them, not at every character that Unicode calls a line separator.
  const line = text.split("\n").find((each) => each.startsWith("ExecStart=")) ?? "";
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"/gs)].map(([, quoted = ""], index) => {
    const unquoted = quoted.replace(/\\(.)/gs, "$1").replaceAll("%%", "%");
    return index === 0 ? unquoted : unquoted.replaceAll("$$", "$");
  });
}
