/** kt as a launchd agent (launchd.plist(5)). */

import { KtError } from "#base/errors.ts";
import { type Ran, runTool, type ServiceChange, type ServiceDefinition, type ServiceManager, toolFailure } from "./service-manager.ts";

const label = "dev.kt.kt";

/** How long an orderly end may take: open connections get 5 s. */
const stopSeconds = 15;
const restartSeconds = 10;
/** launchd removes an agent a while after the command to do so, and accepts no other of its name before. */
const lookMs = 100;
const looks = (stopSeconds * 1000) / lookMs;

export interface LaunchdOptions {
  readonly home: string;
  readonly uid: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function launchd({ home, uid, environment }: LaunchdOptions): ServiceManager {
  const domain = `gui/${uid}`;
  const file = `${home}/Library/LaunchAgents/${label}.plist`;
  const launchctl = (...args: readonly string[]): Promise<Ran> => runTool(["launchctl", ...args], environment);
  const must = async (...args: readonly string[]): Promise<void> => {
    const ran = await launchctl(...args);
    if (ran.exitCode !== 0) throw toolFailure(["launchctl", ...args], ran, [`launchctl print ${domain}/${label}`]);
  };
  const isLoaded = async (): Promise<boolean> => (await launchctl("print", `${domain}/${label}`)).exitCode === 0;
  const unload = async (): Promise<void> => {
    if (!(await isLoaded())) return;
    await must("bootout", `${domain}/${label}`);
    for (let left = looks; left > 0 && (await isLoaded()); left--) await new Promise((resolve) => setTimeout(resolve, lookMs));
  };
  return {
    name: "launchd",
    file,
    format: formatPlist,
    commandIn: commandInPlist,
    async check() {
      const ran = await launchctl("print", domain);
      if (ran.exitCode !== 0) throw unavailable(ran);
    },
    async start(change: ServiceChange) {
      if (change !== "same") await unload();
      if (await isLoaded()) return await must("kickstart", `${domain}/${label}`);
      // One that was turned off in the settings would not start.
      await must("enable", `${domain}/${label}`);
      await must("bootstrap", domain, file);
    },
    stop: unload,
    async forget() {},
    async state() {
      const { exitCode, stdout } = await launchctl("print", `${domain}/${label}`);
      return exitCode === 0 ? (/^\s*state = (.+)$/m.exec(stdout)?.[1] ?? "loaded") : "not loaded";
    },
    advice: async () => [],
  };
}

function unavailable({ exitCode, stderr }: Ran): KtError {
  const words = exitCode === 127 ? "there is no launchd here: launchctl is not in PATH" : `launchd has no session for this user: ${stderr}`;
  return new KtError("service-unavailable", words, { hints: ["log in at the screen of this Mac once", "kt serve -f FILE"] });
}

const header = (version: string): string => `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- Written by "kt service install" of kt ${version}, which also updates it; "kt service uninstall" removes it. -->
`;

function formatPlist({ command, environment, version, logFile }: ServiceDefinition): string {
  const strings = command.map((word) => `    ${string(word)}`).join("\n");
  const variables = Object.entries(environment).map(([name, value]) => `    ${key(name)}\n    ${string(value)}`);
  return `${header(version)}<plist version="1.0">
<dict>
  ${key("Label")}
  ${string(label)}
  ${key("ProgramArguments")}
  <array>
${strings}
  </array>
  ${key("EnvironmentVariables")}
  <dict>
${variables.join("\n")}
  </dict>
  ${key("RunAtLoad")}
  <true/>
  ${key("KeepAlive")}
  <true/>
  ${key("ThrottleInterval")}
  <integer>${restartSeconds}</integer>
  ${key("ExitTimeOut")}
  <integer>${stopSeconds}</integer>
  ${key("Umask")}
  <integer>${0o077}</integer>
  ${key("StandardOutPath")}
  ${string(logFile)}
  ${key("StandardErrorPath")}
  ${string(logFile)}
</dict>
</plist>
`;
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

const escaped = (text: string): string => text.replace(/[&<>]/g, (character) => entities[character] ?? character);
const key = (text: string): string => `<key>${escaped(text)}</key>`;
const string = (text: string): string => `<string>${escaped(text)}</string>`;

function commandInPlist(text: string): readonly string[] {
  const array = /<key>ProgramArguments<\/key>\s*<array>([\s\S]*?)<\/array>/.exec(text)?.[1] ?? "";
  const characters = Object.fromEntries(Object.entries(entities).map(([character, entity]) => [entity, character]));
  return [...array.matchAll(/<string>([\s\S]*?)<\/string>/g)].map(([, word = ""]) =>
    word.replace(/&(?:amp|lt|gt);/g, (entity) => characters[entity] ?? entity),
  );
}
