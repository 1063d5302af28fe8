/** The store of Java, where it does not follow the system's: on Debian and Fedora it does. */

import { accessSync, constants, existsSync, realpathSync } from "node:fs";
import { which } from "bun";
import type { Direction, SetupStep } from "#host/steps/setup-step.ts";
import { toolOutput } from "#native/tool-output.ts";
import { nicknameOf, nicknamePrefix, type TrustPart, type TrustRequest } from "./trust-part.ts";

/** Made by the tools of the system's own store. */
const followsSystem = /^\/etc\/(?:ssl\/certs\/java|pki\/(?:ca-trust\/extracted\/)?java|ca-certificates\/extracted)\//;
/** What every Java comes with; the store holds nothing secret. */
const password = ["-storepass", "changeit"];

export function javaStore({ environment, root }: TrustRequest): TrustPart {
  const tool = keytool(environment);
  if (tool === undefined) return { kind: "needless", why: "there is no keytool of a Java in PATH or JAVA_HOME" };
  const store = storeOf(tool);
  if (store === undefined) return { kind: "needless", why: `the Java of ${tool} has no store of its own` };
  if (followsSystem.test(store)) return { kind: "needless", why: "Java here follows the system's store" };
  const alias = nicknameOf(root.pem).replaceAll(" ", "-").toLowerCase();
  const keystore = ["-keystore", store, ...password];
  const known = aliasesIn(tool, keystore);
  const removal = (on: Direction, name: string): SetupStep => ({
    kind: "command",
    on,
    argv: [tool, "-delete", "-noprompt", "-alias", name, ...keystore],
    isNeeded: () => aliasesIn(tool, keystore).includes(name),
  });
  const importing = [tool, "-importcert", "-noprompt", "-alias", alias, "-file", root.file, ...keystore];
  return {
    kind: "steps",
    asRoot: !isWritable(store),
    readers: `the Java of ${tool}`,
    steps: [
      ...known.map((name) => removal("undo", name)),
      ...known.filter((name) => name !== alias).map((name) => removal("do", name)),
      { kind: "command", on: "do", argv: importing, isNeeded: () => !aliasesIn(tool, keystore).includes(alias) },
    ],
  };
}

function keytool({ JAVA_HOME: home, PATH: path = "" }: TrustRequest["environment"]): string | undefined {
  const own = home === undefined ? undefined : `${home}/bin/keytool`;
  if (own !== undefined && existsSync(own)) return own;
  return which("keytool", { PATH: path }) ?? undefined;
}

function storeOf(tool: string): string | undefined {
  try {
    return realpathSync(`${realpathSync(tool).replace(/\/bin\/keytool$/, "")}/lib/security/cacerts`);
  } catch {
    return undefined;
  }
}

function aliasesIn(tool: string, keystore: readonly string[]): string[] {
  const prefix = nicknamePrefix.replaceAll(" ", "-").toLowerCase();
  const lines = toolOutput([tool, "-list", ...keystore]).split("\n");
  return lines.filter((line) => line.startsWith(`${prefix}-`)).map((line) => line.slice(0, line.indexOf(",")));
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
