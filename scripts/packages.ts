/** Installs the programs that end-to-end tests run beside the cluster's own, where this Debian lacks them. */

import { which } from "bun";
import { step } from "./steps.ts";

/** Programs, and the packages that bring them. */
const packages: Readonly<Record<string, string>> = {
  // The clean roots of install.sh.
  busybox: "busybox-static",
  curl: "curl",
  dash: "dash",
  openssl: "openssl",
  wget: "wget",
  // A client of DNS besides the resolvers of programs.
  dig: "bind9-dnsutils",
  // The clients that read why a database cannot be reached.
  mariadb: "mariadb-client",
  psql: "postgresql-client",
  "redis-cli": "redis-tools",
  // The browser that shows kt's own pages.
  chromium: "chromium",
  // Access control lists, which a hosts file may have.
  setfacl: "acl",
  // What puts kt's CA into the store of browsers.
  certutil: "libnss3-tools",
  // What talks to the ports of a public edge.
  socat: "socat",
  // What reads install.sh and the Homebrew formula.
  ruby: "ruby",
  shellcheck: "shellcheck",
  // The terminal in which the questions of kt add are answered.
  tmux: "tmux",
  // Another C library, which resolves names in its own way.
  "musl-gcc": "musl-tools",
  // The shells that completions are tried in, besides bash.
  fish: "fish",
  zsh: "zsh",
};

export async function installPackages(): Promise<boolean> {
  const missing = Object.keys(packages).filter((program) => which(program) === null);
  if (missing.length === 0) return true;
  const install = 'apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends "$@" >/dev/null';
  const names = missing.map((program) => packages[program] ?? program);
  return await step(`install ${names.join(" ")}`, ["sh", "-c", install, "sh", ...names], { DEBIAN_FRONTEND: "noninteractive" });
}
