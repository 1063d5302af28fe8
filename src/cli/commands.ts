/** The commands of kt: words, options and examples; each one's code is loaded when it runs. */

import type { CommandSpec } from "./command.ts";

const fileOption = ["-f, --file <file>", "The profile; default: the nearest tunnels.toml here or above"] as const;
const jsonOption = ["--json", "Print JSON"] as const;

export const commands: readonly CommandSpec[] = [
  {
    name: "up",
    args: "",
    summary: "Attach the profile and show what is live; Ctrl-C detaches",
    options: [fileOption, ["-d, --detach", "Leave the profile attached and return"]],
    example: ["kt up", "kt up -d -f shop/tunnels.toml"],
    load: async () => (await import("./commands/up.ts")).up,
  },
  {
    name: "down",
    args: "",
    summary: "Detach the profile",
    options: [fileOption, ["--all", "Detach every profile"]],
    example: ["kt down", "kt down --all"],
    load: async () => (await import("./commands/down.ts")).down,
  },
  {
    name: "status",
    alias: "ps",
    args: "",
    summary: "Show every route: state, pod, connections, bytes, last error",
    options: [jsonOption],
    example: ["kt status", "kt status --json"],
    load: async () => (await import("./commands/status.ts")).status,
  },
  {
    name: "logs",
    args: "[ROUTE]",
    summary: "Show the latest events",
    options: [["-f, --follow", "Go on with new events"], jsonOption],
    example: ["kt logs -f", "kt logs grafana.localhost"],
    load: async () => (await import("./commands/logs.ts")).logs,
  },
  {
    name: "serve",
    args: "[...FILES]",
    summary: "Run the hub in the foreground with these profiles",
    options: [["-f, --file <file>", "A profile; may be given several times"]],
    example: ["kt serve -f shop/tunnels.toml -f billing/tunnels.toml", "kt serve --log-format json -f tunnels.toml"],
    async load() {
      // Before anything is read that would be read again.
      (await import("#daemon/own-process.ts")).restartForLongLife();
      return (await import("./commands/serve.ts")).serve;
    },
  },
  {
    name: "demo",
    args: "",
    summary: "Show all of it against an embedded Kubernetes API",
    options: [["--once", "Make one request of each kind, print what came back, and end"]],
    example: ["kt demo", "kt demo --once"],
    load: async () => (await import("./commands/demo.ts")).demo,
  },
  {
    name: "check",
    args: "",
    summary: "Validate a profile",
    options: [fileOption, jsonOption],
    example: ["kt check", "kt check -f shop/tunnels.toml --json"],
    load: async () => (await import("./commands/check.ts")).check,
  },
  {
    name: "explain",
    args: "<HOST|PORT>",
    summary: "Say step by step why a name goes where it goes, down to the pod",
    options: [fileOption, jsonOption],
    example: ["kt explain grafana.localhost", "kt explain 5432"],
    load: async () => (await import("./commands/explain.ts")).explainCommand,
  },
  {
    name: "url",
    args: "<ROUTE>",
    summary: "Print the URL of a route, or host:port of a TCP route",
    options: [fileOption, jsonOption],
    example: ["kt url grafana.localhost", 'psql -h localhost -p "$(kt url 5432 | cut -d: -f2)"'],
    load: async () => (await import("./commands/url.ts")).url,
  },
  {
    name: "init",
    args: "",
    summary: "Write a commented tunnels.toml for the current context",
    options: [["-f, --file <file>", "Where to; default: tunnels.toml"]],
    example: ["kt init"],
    load: async () => (await import("./commands/init.ts")).init,
  },
  {
    name: "schema",
    args: "",
    summary: "Print the JSON Schema of tunnels.toml",
    options: [],
    example: ["kt schema > tunnels.schema.json"],
    load: async () => (await import("./commands/schema.ts")).schema,
  },
  {
    name: "version",
    args: "",
    summary: "Print the version",
    options: [jsonOption],
    example: ["kt version"],
    load: async () => (await import("./commands/version.ts")).version,
  },
  {
    name: "hub",
    args: "",
    summary: "Be the hub",
    options: [],
    example: ["kt hub"],
    hidden: true,
    load: async () => (await import("./commands/hub.ts")).hub,
  },
];

export const globalOptions: CommandSpec["options"] = [
  ["-v, --verbose", "Say more"],
  ["-q, --quiet", "Say only what went wrong"],
  ["--log-format <format>", "How log lines look: text or json"],
  ["-h, --help", "Show this help"],
];
