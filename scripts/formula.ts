/** The Homebrew formula of a release: its binaries with their sums, completions, and a service. */

/** Homebrew's blocks for systems and CPUs, and our binaries for them. Its Linux has a glibc. */
const platforms = {
  on_macos: { on_arm: "kt-darwin-arm64", on_intel: "kt-darwin-x64" },
  on_linux: { on_arm: "kt-linux-arm64", on_intel: "kt-linux-x64" },
};

export interface FormulaInput {
  readonly version: string;
  /** Address of the repository, as https://github.com/OWNER/NAME. */
  readonly repository: string;
  readonly description: string;
  readonly license: string;
  /** Binary to SHA-256 sum. */
  readonly sums: ReadonlyMap<string, string>;
}

function indented(spaces: number, lines: readonly string[]): string[] {
  return lines.map((line) => (line === "" ? "" : " ".repeat(spaces) + line));
}

function block(head: string, lines: readonly string[]): string[] {
  return [`${head} do`, ...indented(2, lines), "end"];
}

function download({ version, repository, sums }: FormulaInput, binary: string): string[] {
  const sum = sums.get(binary);
  if (sum === undefined) throw new Error(`SHA256SUMS has no line for "${binary}"`);
  return [`url "${repository}/releases/download/v${version}/${binary}"`, `sha256 "${sum}"`];
}

/** The file `kt.rb` for a tap. */
export function formula(input: FormulaInput): string {
  const downloads = Object.entries(platforms).map(([system, cpus]) =>
    block(
      system,
      Object.entries(cpus).flatMap(([cpu, binary]) => block(cpu, download(input, binary))),
    ),
  );
  const body = [
    `desc "${input.description}"`,
    `homepage "${input.repository}"`,
    `version "${input.version}"`,
    `license "${input.license}"`,
    ...downloads.flatMap((lines) => ["", ...lines]),
    "",
    "def install",
    '  bin.install Dir["kt-*"].first => "kt"',
    "  # What is downloaded is not executable, and the next line runs it.",
    '  chmod 0755, bin/"kt"',
    '  generate_completions_from_executable(bin/"kt", "completion", shells: [:bash, :zsh, :fish])',
    "end",
    "",
    "def caveats",
    "  <<~EOS",
    "    The service serves ~/.config/kt/tunnels.toml. Write one before it is started:",
    "      mkdir -p ~/.config/kt && kt init -f ~/.config/kt/tunnels.toml",
    "  EOS",
    "end",
    "",
    ...block("service", [
      'run [opt_bin/"kt", "serve", "-f", "#{Dir.home}/.config/kt/tunnels.toml"]',
      "keep_alive true",
      'log_path var/"log/kt.log"',
      'error_log_path var/"log/kt.log"',
      "# Credential plugins such as gke-gcloud-auth-plugin come from Homebrew as well.",
      "environment_variables PATH: std_service_path_env",
    ]),
    "",
    ...block("test", ['assert_match "kt #{version} ", shell_output("#{bin}/kt version")']),
  ];
  return `${["class Kt < Formula", ...indented(2, body), "end"].join("\n")}\n`;
}
