/** Kubeconfigs as tools, editors and people write them, with what kubectl makes of each and what kt does. */

const server = "https://h.example:6443";

export interface OddKubeconfig {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** What kubectl 1.32 made of it: the token of the user, or that it refused. `e2e` asks the kubectl of the day again. */
  readonly kubectl: string | "refused";
  /** The server, namespace and token that kt finds; or what its refusal says. */
  readonly kt: string;
}

interface Parts {
  readonly context?: string;
  readonly user?: string;
  readonly cluster?: string;
  readonly more?: string;
  readonly server?: string;
}

function kubeconfig({
  context = "c",
  user = "{token: abc}",
  server: at = server,
  cluster = `\n    server: ${at}`,
  more = "",
}: Parts = {}): string {
  return `apiVersion: v1
kind: Config
current-context: ${context}
contexts:
- name: ${context}
  context: {cluster: c, user: u, namespace: ns}
clusters:
- name: c
  cluster: ${cluster}
users:
- name: u
  user: ${user}
${more}`;
}

const plain = kubeconfig();
const found = (token = "abc", at = server): string => `${at} ns ${token}`;
/** Both read it, and alike. */
const same = (name: string, content: string | Uint8Array, token = "abc"): OddKubeconfig => ({
  name,
  content,
  kubectl: token,
  kt: found(token),
});
/** Both refuse. */
const refused = (name: string, content: string | Uint8Array, kt: string): OddKubeconfig => ({ name, content, kubectl: "refused", kt });
/** kubectl refuses what can only mean one thing. */
const lenient = (name: string, content: string, kt = found()): OddKubeconfig => ({ name, content, kubectl: "refused", kt });
/** kubectl reads it, and has no server to ask or no context to use. */
const useless = (name: string, content: string, kt: string): OddKubeconfig => ({ name, content, kubectl: "", kt });

const json = JSON.stringify({
  apiVersion: "v1",
  kind: "Config",
  "current-context": "c",
  contexts: [{ name: "c", context: { cluster: "c", user: "u", namespace: "ns" } }],
  clusters: [{ name: "c", cluster: { server } }],
  users: [{ name: "u", user: { token: "abc" } }],
});
const prettyJson = JSON.stringify(JSON.parse(json), undefined, "\t");

function utf16(text: string, littleEndian: boolean): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(text.length * 2));
  for (let at = 0; at < text.length; at++) bytes.setUint16(at * 2, text.charCodeAt(at), littleEndian);
  return new Uint8Array(bytes.buffer);
}

/** Each copies the one before nine times: eight of them stand for 43 million. */
const bomb = Array.from({ length: 8 }, (_, at) => `b${at + 1}: &b${at + 1} [${Array(9).fill(`*b${at}`).join(", ")}]`).join("\n");

const documents: readonly OddKubeconfig[] = [
  same("plain", plain),
  same("a document mark first", `---\n${plain}`),
  same("a document mark last", `${plain}---\n`),
  same("dots last", `${plain}...\n`),
  same("a comment and a directive", `# by a tool\n%YAML 1.1\n---\n${plain}`),
  same("a second document", `${plain}---\napiVersion: v1\nkind: Config\n`),
  same("a second document that is broken", `${plain}---\n{{{ : [\n`),
  same("JSON in one line", json),
  same("JSON with tabs", prettyJson),
  same("JSON with a comma too many", json.replace("}]}", "},]}")),
  same("a byte order mark", `\uFEFF${plain}`),
  same("CRLF", plain.replaceAll("\n", "\r\n")),
  same("CR alone", plain.replaceAll("\n", "\r")),
  same("UTF-16, little endian", utf16(`\uFEFF${plain}`, true)),
  same("UTF-16, big endian", utf16(`\uFEFF${plain}`, false)),
  same("no kind and version", plain.replace("apiVersion: v1\nkind: Config\n", "")),
  refused("UTF-16 without a mark", utf16(plain, true), "null byte"),
  refused("Latin-1", Buffer.from(plain.replace("abc", "caf\u00e9"), "latin1"), "it is neither UTF-8 nor UTF-16 text"),
  refused("another kind", plain.replace("kind: Config", "kind: Pod"), 'it says that it is a "Pod" of "v1"'),
  refused("another version", plain.replace("apiVersion: v1", "apiVersion: v2"), 'it says that it is a "Config" of "v2"'),
  refused("a list", "- a\n", "it is not a YAML mapping"),
  refused("a text", "hello\n", "it is not a YAML mapping"),
  refused("an unknown alias", plain.replace("user: u,", "user: *nope,"), "unidentified alias"),
  refused("a tab as indentation", plain.replace("  context:", "\tcontext:"), "tab"),
  refused("a quote that is not closed", kubeconfig({ user: '{token: "abc}' }), "(14:1)"),
  refused("a control character", plain.replace("abc", "a\u0007bc"), "non-printable"),
  refused("a list as key", `${plain}? [a, b]\n: 1\n`, "complex keys"),
  refused(
    "anchors that stand for millions",
    `${kubeconfig({ cluster: `\n    server: ${server}\n    extensions: [{name: client.authentication.k8s.io/exec, extension: *b8}]` }).replace("contexts:", `b0: &b0 [x, x, x]\n${bomb}\ncontexts:`)}`,
    "its anchors stand for too many values",
  ),
  useless("nothing", "", "sets no current-context"),
  useless("a comment alone", "# nothing\n", "sets no current-context"),
  useless("null", "null\n", "sets no current-context"),
  useless("an empty document first", `---\n---\n${plain}`, "sets no current-context"),
  useless("no current-context", plain.replace("current-context: c\n", ""), "sets no current-context"),
  useless("an empty current-context", plain.replace("current-context: c\n", 'current-context: ""\n'), "sets no current-context"),
  useless("keys in another case", plain.replace("current-context", "Current-Context"), "sets no current-context"),
  useless("a key that stands twice: the last counts", `${plain}current-context: d\n`, 'context "d" is not in kubeconfig'),
  useless("users without an entry", plain.replace(/users:[\s\S]*/, "users: []\n"), 'names user "u", which is not there'),
  refused("users as a mapping", plain.replace(/users:[\s\S]*/, "users: {u: {token: abc}}\n"), 'names user "u", which is not there'),
  refused("a name that stands twice", kubeconfig({ more: "- name: u\n  user: {token: def}\n" }), 'it has two users "u"'),
];

const scalars: readonly OddKubeconfig[] = [
  same(
    "a merge key",
    plain
      .replace("{cluster: c, user: u, namespace: ns}", "{<<: *b, user: u, namespace: ns}")
      .replace("contexts:", "x: &b {cluster: c, namespace: w}\ncontexts:"),
  ),
  same(
    "several merge keys",
    plain
      .replace("{cluster: c, user: u, namespace: ns}", "{<<: [*b, *d], user: u}")
      .replace("contexts:", "x: &b {cluster: c}\ny: &d {namespace: ns, cluster: w}\ncontexts:"),
  ),
  same("!!binary", kubeconfig({ user: "{token: !!binary YWJj}" })),
  same("!!binary in lines", kubeconfig({ user: "\n    token: !!binary |\n      YW\n      Jj" })),
  same("!!str", kubeconfig({ user: "{token: !!str 123}" }), "123"),
  same("a tag of another tool", kubeconfig({ user: "{token: !secret abc}" })),
  same("a folded text", kubeconfig({ user: "\n    token: >-\n      abc" })),
  same("a text over two lines", kubeconfig({ user: "\n    token: abc\n      def" }), "abc def"),
  same("escapes", kubeconfig({ user: '{"token": "a\\x62c\\u0020d"}' }), "abc d"),
  same("single quotes", kubeconfig({ user: "{'token': 'it''s'}" }), "it's"),
  same("a key that stands twice", kubeconfig({ user: "{token: abc, token: def}" }), "def"),
  same("tabs between words", kubeconfig({ user: "{\ttoken:\tabc\t}" })),
  same("a tab before a comment", plain.replace("current-context: c", "current-context:\tc\t# x")),
  same("no space after a quoted key", kubeconfig({ user: '{"token":"abc"}' })),
  same("a hash inside", kubeconfig({ user: "{token: a#b}" }), "a#b"),
  same("null for the token", kubeconfig({ user: "{token: null, username: a, password: b}" }), "-"),
  same("null for the user", kubeconfig({ user: "null" }), "-"),
  same("null for the authority", kubeconfig({ cluster: `\n    server: ${server}\n    certificate-authority-data: null` })),
  same("unknown fields", kubeconfig({ cluster: `\n    server: ${server}\n    foo: {a: [1, 2]}`, more: "zzz: 1\n" })),
  same("a null among the users", plain.replace("users:\n", "users:\n-\n")),
  same("__proto__", `${plain}__proto__: {a: 1}\n`),
  same("a context called __proto__", kubeconfig({ context: "__proto__" })),
  same("numbers and booleans as keys", `${plain}1: x\ntrue: y\n`),
  same("a quoted number as name", kubeconfig({ context: '"123"' })),
  same("a date as name", kubeconfig({ context: "2024-01-02" })),
  same("a time as name", kubeconfig({ context: "12:30:45" })),
  same("an ARN as name", kubeconfig({ context: "arn:aws:eks:eu-west-1:1:cluster/prod" })),
  same("an emoji as name", kubeconfig({ context: "\u{1F600}" })),
  ...["123", "1e3", "0123", "0x1F", "1_000", ".inf", "true", "yes", "y", "on", "No"].map((name) =>
    name === "1e3" ? lenient(`${name} as name`, kubeconfig({ context: name })) : lenient(`${name} as name`, kubeconfig({ context: name })),
  ),
  lenient("n as namespace", plain.replace("namespace: ns", "namespace: n"), `${server} n abc`),
  lenient("a number as token, as it is written", kubeconfig({ user: "{token: 0123}" }), found("0123")),
  lenient(
    "a number as token that is too long for one",
    kubeconfig({ user: "{token: 123456789012345678901234567890}" }),
    found("123456789012345678901234567890"),
  ),
  lenient("escapes of JSON", json.replace("https://", "https:\\/\\/").replace('"abc"', '"\\ud83d\\ude00"'), found("\u{1F600}")),
  useless("null as name", kubeconfig({ context: "null" }), "sets no current-context"),
];

const switches: readonly OddKubeconfig[] = [
  ...["yes", "True", "on"].map((word) =>
    same(`insecure: ${word}`, kubeconfig({ cluster: `\n    server: ${server}\n    insecure-skip-tls-verify: ${word}` })),
  ),
  same("insecure: null", kubeconfig({ cluster: `\n    server: ${server}\n    insecure-skip-tls-verify: null` })),
  ...['"true"', "1"].map((word) =>
    refused(
      `insecure: ${word}`,
      kubeconfig({ cluster: `\n    server: ${server}\n    insecure-skip-tls-verify: ${word}` }),
      'insecure-skip-tls-verify of cluster "c" is not a boolean',
    ),
  ),
  same("an empty authority", kubeconfig({ cluster: `\n    server: ${server}\n    certificate-authority-data: ""` })),
  same("line ends in base64", kubeconfig({ cluster: `\n    server: ${server}\n    certificate-authority-data: "YW\\nJj\\n"` })),
  lenient("spaces in base64", kubeconfig({ cluster: `\n    server: ${server}\n    certificate-authority-data: "YW Jj"` })),
  refused(
    "no base64",
    kubeconfig({ cluster: `\n    server: ${server}\n    certificate-authority-data: "Y*Jj"` }),
    'certificate-authority-data of cluster "c" is not base64',
  ),
  refused(
    "PEM where base64 is due",
    kubeconfig({ cluster: `\n    server: ${server}\n    certificate-authority-data: "-----BEGIN CERTIFICATE-----"` }),
    "is PEM text",
  ),
  same("a relative authority", kubeconfig({ cluster: `\n    server: ${server}\n    certificate-authority: ./x.crt` })),
  same("a tilde, which is not expanded", kubeconfig({ cluster: `\n    server: ${server}\n    certificate-authority: ~/x.crt` })),
  // kubectl refuses them once it asks.
  {
    ...useless(
      "insecure beside an authority",
      kubeconfig({ cluster: `\n    server: ${server}\n    certificate-authority-data: YWJj\n    insecure-skip-tls-verify: true` }),
      'cluster "c" has both insecure-skip-tls-verify and a certificate authority',
    ),
    kubectl: "abc",
  },
  {
    ...useless(
      "a certificate without a key",
      kubeconfig({ user: "{client-certificate-data: YWJj}" }),
      'user "u" has a client certificate without a client key',
    ),
    kubectl: "-",
  },
];

/** A server as it is written and as kubectl asks it; or what is wrong with it. */
const servers = (
  [
    ["127.0.0.1:8001", "http://127.0.0.1:8001"],
    ["localhost:8001", "http://localhost:8001"],
    ["localhost", "http://localhost"],
    ["h.example", "http://h.example"],
    ["'[::1]:6443'", "http://[::1]:6443"],
    ["HTTPS://h.example", "https://h.example"],
    ["https://h.example:6443/", "https://h.example:6443"],
    ["https://h.example:6443/k8s/clusters/c-1", "https://h.example:6443/k8s/clusters/c-1"],
    ["https://h.example/p?x=1#f", "https://h.example/p"],
    ["https://[::1]:6443", "https://[::1]:6443"],
    ["' https://h.example '", "https://h.example"],
    ["h.example/path", "is not a valid URL"],
    ["//h.example:1", "is not a valid URL"],
    ["https:/h.example", "is not a valid URL"],
    ["https://", "is not a valid URL"],
    ["'::1'", "is not a valid URL"],
    ["https://h.example:99999", "is not a valid URL"],
    ["ftp://h.example", "is neither https nor http"],
    ["unix:///x", "is not a valid URL"],
    ['""', "has no server"],
  ] as const
).map(
  ([written, kt]): OddKubeconfig => ({
    name: `server ${written}`,
    content: kubeconfig({ server: written }),
    kubectl: "abc",
    kt: kt.startsWith("http") ? found("abc", kt) : kt,
  }),
);

export const oddKubeconfigs: readonly OddKubeconfig[] = [...documents, ...scalars, ...switches, ...servers];
