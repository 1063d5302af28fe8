/** The store of the whole system: a file of this user's CA among those from which the system makes its list, and on macOS the user's keychain. */

import { existsSync, readFileSync } from "node:fs";
import type { SetupStep } from "#host/steps/setup-step.ts";
import { toolOutput } from "#native/tool-output.ts";
import { nicknamePrefix, type TrustPart, type TrustRequest } from "./trust-part.ts";

interface Distribution {
  /** Where certificates of this machine's own belong. */
  readonly folder: string;
  readonly suffix: string;
  readonly tool: string;
  readonly argv: readonly string[];
  /** Where taking a certificate away needs more. */
  readonly undo?: readonly string[];
  /** The list that the tool makes. */
  readonly list: string;
}

/** SUSE before Debian, whose tool has the same name. */
const distributions: readonly Distribution[] = [
  // Fedora and what is made from it.
  {
    folder: "/etc/pki/ca-trust/source/anchors",
    suffix: "pem",
    tool: "update-ca-trust",
    argv: ["update-ca-trust", "extract"],
    list: "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  },
  // Arch.
  {
    folder: "/etc/ca-certificates/trust-source/anchors",
    suffix: "crt",
    tool: "update-ca-trust",
    argv: ["update-ca-trust", "extract"],
    list: "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
  },
  // SUSE.
  {
    folder: "/etc/pki/trust/anchors",
    suffix: "pem",
    tool: "update-ca-certificates",
    argv: ["update-ca-certificates"],
    // Without it, links to what has gone would stay.
    undo: ["update-ca-certificates", "--fresh"],
    list: "/var/lib/ca-certificates/ca-bundle.pem",
  },
  // Debian, Ubuntu and Alpine.
  {
    folder: "/usr/local/share/ca-certificates",
    suffix: "crt",
    tool: "update-ca-certificates",
    argv: ["update-ca-certificates"],
    // Without it, links to what has gone would stay.
    undo: ["update-ca-certificates", "--fresh"],
    list: "/etc/ssl/certs/ca-certificates.crt",
  },
];

/** Users seldom have those of root in their PATH. */
const toolFolders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
const isThere = ({ folder, tool }: Distribution): boolean =>
  existsSync(folder) && toolFolders.some((path) => existsSync(`${path}/${tool}`));

export function systemStore(request: TrustRequest): TrustPart {
  if (request.platform === "darwin") return keychain(request);
  const distribution = distributions.find(isThere);
  if (distribution === undefined) {
    return {
      kind: "impossible",
      why: "this system has no store that kt knows, or lacks the package ca-certificates",
      hints: ["apt-get install ca-certificates, or apk add ca-certificates"],
    };
  }
  return { kind: "steps", steps: stepsOf(distribution, request), asRoot: true, readers: "curl, Python, Go, .NET, Ruby and most others" };
}

function stepsOf({ folder, suffix, argv, undo = argv, list }: Distribution, { uid, root }: TrustRequest): SetupStep[] {
  const path = `${folder}/kt-${uid}.${suffix}`;
  const listed = listedIn(list, root.pem);
  // What goes may be another one than the user's present one.
  const isLeft = (): boolean => listed() || existsSync(path);
  return [
    { kind: "command", on: "undo", argv: undo, isNeeded: isLeft },
    { kind: "file", path, text: root.pem, folder: "system's" },
    { kind: "command", on: "do", argv, isNeeded: () => !listed() },
  ];
}

/** Whether the list holds the certificate; lines may be broken otherwise there. */
function listedIn(list: string, pem: string): () => boolean {
  const body = bodyOf(pem);
  return () => {
    try {
      return body !== "" && readFileSync(list, "latin1").replace(/\s/g, "").includes(body);
    } catch {
      return false;
    }
  };
}

function bodyOf(pem: string): string {
  return pem.replace(/-----[A-Z ]+-----/g, "").replace(/\s/g, "");
}

/** The user's own: Safari, Chrome and curl of macOS follow it, and it takes no root. */
function keychain({ home, root }: TrustRequest): TrustPart {
  const path = `${home}/Library/Keychains/login.keychain-db`;
  const isKnown = (): boolean =>
    toolOutput(["security", "find-certificate", "-a", "-c", nicknamePrefix, "-p", path]).replace(/\s/g, "").includes(bodyOf(root.pem));
  return {
    kind: "steps",
    asRoot: false,
    readers: "Safari, Chrome and what uses the keychain",
    steps: [
      { kind: "command", on: "undo", argv: ["security", "remove-trusted-cert", root.file], isNeeded: isKnown },
      { kind: "command", on: "undo", argv: ["security", "delete-certificate", "-c", nicknamePrefix, path], isNeeded: isKnown },
      {
        kind: "command",
        on: "do",
        argv: ["security", "add-trusted-cert", "-r", "trustRoot", "-k", path, root.file],
        isNeeded: () => !isKnown(),
      },
    ],
  };
}
