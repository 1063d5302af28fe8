/** What a service knows of the shell that installed it: where programs and settings are, and never a secret; pure. */

/**
 * Where credential plugins live that a login session's own PATH leaves out, most of them in the home. They are named whether or
 * not they exist: a plugin may be installed later.
 */
const homeFolders = [
  ".local/bin",
  "bin",
  ".krew/bin",
  "google-cloud-sdk/bin",
  ".asdf/shims",
  ".local/share/mise/shims",
  ".nix-profile/bin",
];
const systemFolders = [
  "/opt/homebrew/bin",
  "/home/linuxbrew/.linuxbrew/bin",
  "/usr/local/bin",
  "/usr/bin",
  "/bin",
  "/usr/sbin",
  "/sbin",
  "/snap/bin",
];

/** Names of variables that credential plugins and kubeconfigs need and that hold no secret. */
const passedOn = [
  "AWS_CONFIG_FILE",
  "AWS_DEFAULT_REGION",
  "AWS_PROFILE",
  "AWS_REGION",
  "AWS_SHARED_CREDENTIALS_FILE",
  "AZURE_CONFIG_DIR",
  "CLOUDSDK_ACTIVE_CONFIG_NAME",
  "CLOUDSDK_CONFIG",
  "LANG",
  "SSL_CERT_DIR",
  "SSL_CERT_FILE",
  "USE_GKE_GCLOUD_AUTH_PLUGIN",
  "XDG_CACHE_HOME",
  "XDG_CONFIG_HOME",
  "XDG_DATA_HOME",
  "XDG_STATE_HOME",
];

/** URLs, which may hold a login: such a one is left out. */
const proxies = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];

export interface Shell {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** Where the shell stands: relative paths start there. */
  readonly directory: string;
  /** Those of PATH that exist. */
  readonly folders: ReadonlySet<string>;
}

export interface ServiceEnvironment {
  readonly variables: Readonly<Record<string, string>>;
  /** Variables that were left out because they hold a login. */
  readonly leftOut: readonly string[];
}

export function serviceEnvironment(shell: Shell): ServiceEnvironment {
  const { environment } = shell;
  const variables: Record<string, string> = { PATH: servicePath(shell) };
  const leftOut: string[] = [];
  const kubeconfig = absoluteList(environment["KUBECONFIG"] ?? "", shell);
  if (kubeconfig !== "") variables["KUBECONFIG"] = kubeconfig;
  for (const name of [...passedOn, ...proxies]) {
    const value = environment[name];
    if (value === undefined || value === "") continue;
    if (proxies.includes(name) && value.includes("@")) leftOut.push(name);
    else variables[name] = value;
  }
  return { variables, leftOut };
}

/** Of one project, or of one moment. */
const passing = /\/node_modules\/|^(\/private)?(\/var)?\/tmp\/|^\/var\/folders\//;

/** The shell's own folders that exist wherever one stands, then the usual ones. */
function servicePath({ environment, home, folders }: Shell): string {
  const all = (environment["PATH"] ?? "").split(":");
  const own = all.filter((path) => path.startsWith("/") && folders.has(path) && !passing.test(path));
  return [...new Set([...own, ...homeFolders.map((path) => `${home}/${path}`), ...systemFolders])].join(":");
}

function absoluteList(list: string, { home, directory }: Shell): string {
  const paths = list.split(":").filter((path) => path !== "");
  return paths
    .map((path) => (path.startsWith("~/") ? `${home}${path.slice(1)}` : path.startsWith("/") ? path : `${directory}/${path}`))
    .join(":");
}
