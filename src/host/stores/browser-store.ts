/** The stores of Firefox and of Chromium on Linux, which are NSS databases of the user: one in each profile. */

import { existsSync, readdirSync } from "node:fs";
import { which } from "bun";
import type { SetupStep } from "#host/steps/setup-step.ts";
import { toolOutput } from "#native/tool-output.ts";
import { nicknameOf, nicknamePrefix, type TrustPart, type TrustRequest } from "./trust-part.ts";

/** Chromium's, also as a snap; and where Firefox has its profiles: as a package, a snap, a flatpak, and on macOS. */
const chromiumFolders = [".pki/nssdb", "snap/chromium/current/.pki/nssdb"];
const firefoxFolders = [
  ".mozilla/firefox",
  "snap/firefox/common/.mozilla/firefox",
  ".var/app/org.mozilla.firefox/.mozilla/firefox",
  "Library/Application Support/Firefox/Profiles",
];
const chromiumPrograms = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "brave-browser", "microsoft-edge"];

export function browserStore({ platform, direction, home, environment, root }: TrustRequest): TrustPart {
  const databases = databasesIn(home);
  const path = environment["PATH"] ?? "";
  const usual = `${home}/${chromiumFolders[0]}`;
  const hasChromium = platform === "linux" && chromiumPrograms.some((name) => which(name, { PATH: path }) !== null);
  const fresh = hasChromium && direction === "do" && !databases.includes(usual) ? [usual] : [];
  if (databases.length === 0 && fresh.length === 0) return { kind: "needless", why: "no Firefox or Chromium has a store here" };
  if (which("certutil", { PATH: path }) === null) {
    return {
      kind: "impossible",
      why: "it takes certutil, which is not in PATH",
      hints: ["apt-get install libnss3-tools, dnf install nss-tools, pacman -S nss, apk add nss-tools or brew install nss"],
    };
  }
  const nickname = nicknameOf(root.pem);
  const steps = [...fresh.flatMap(makeSteps), ...[...databases, ...fresh].flatMap((each) => stepsIn(each, nickname, root.file))];
  return { kind: "steps", steps, asRoot: false, readers: "Firefox and Chromium, after they are started anew" };
}

function databasesIn(home: string): string[] {
  const profiles = firefoxFolders.flatMap((folder) => subfolders(`${home}/${folder}`));
  return [...chromiumFolders.map((folder) => `${home}/${folder}`), ...profiles].filter((folder) => existsSync(`${folder}/cert9.db`));
}

function subfolders(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
}

/** As Chromium itself would make it. It stays: other programs may have put something into it by then. */
function makeSteps(folder: string): SetupStep[] {
  const isNeeded = (): boolean => !existsSync(`${folder}/cert9.db`);
  return [
    { kind: "command", on: "do", argv: ["mkdir", "-p", folder], isNeeded },
    { kind: "command", on: "do", argv: ["certutil", "-d", `sql:${folder}`, "-N", "--empty-password"], isNeeded },
  ];
}

function stepsIn(folder: string, nickname: string, file: string): SetupStep[] {
  const database = ["certutil", "-d", `sql:${folder}`];
  const known = nicknamesIn(folder);
  const others = known.filter((name) => name !== nickname);
  const remove = (on: "do" | "undo", name: string): SetupStep => ({
    kind: "command",
    on,
    argv: [...database, "-D", "-n", name],
    isNeeded: () => nicknamesIn(folder).includes(name),
  });
  return [
    ...known.map((name) => remove("undo", name)),
    ...others.map((name) => remove("do", name)),
    {
      kind: "command",
      on: "do",
      argv: [...database, "-A", "-t", "C,,", "-n", nickname, "-i", file],
      isNeeded: () => !nicknamesIn(folder).includes(nickname),
    },
  ];
}

/** Those that kt has put there: each line has a name, many spaces, and what it is trusted for. */
function nicknamesIn(folder: string): string[] {
  const lines = toolOutput(["certutil", "-d", `sql:${folder}`, "-L"]).split("\n");
  return lines.filter((line) => line.startsWith(`${nicknamePrefix} `)).map((line) => line.replace(/\s+\S*,\S*,\S*\s*$/, ""));
}
