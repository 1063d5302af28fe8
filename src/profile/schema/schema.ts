/** The shape of tunnels.toml: types, key names, and what each key is for. The text given to a schema says what it wants. */

import * as v from "valibot";

const targetExamples = ["monitoring/svc/grafana:http", "svc/web:80", "pod/web-0:8080", "deploy/web:8080"];
const targetText = "[NAMESPACE/]KIND/NAME:PORT: KIND is svc, pod, deploy, sts, rs, ds, job or rc, PORT is a number or a name";

const target = v.pipe(
  v.string('a target such as "svc/web:80"'),
  v.description(`What is reached, as ${targetText}.`),
  v.examples(targetExamples),
);

const duration = (what: string, example: string) =>
  v.pipe(v.string(`a duration such as "${example}"`), v.description(what), v.examples([example]));

/** The pod that is made where a jump host does not exist yet. */
const jumpPod = v.pipe(
  v.strictObject(
    {
      image: v.optional(
        v.pipe(
          v.string("the name of an image"),
          v.description("Must have socat or nc. Default: alpine/socat, pinned by version and digest."),
          v.examples(["alpine/socat:1.8.0.3", "registry.example.com/team/socat:1.8"]),
        ),
      ),
      command: v.optional(
        v.pipe(
          v.array(v.string("text"), "a list of texts"),
          v.description("What the pod runs, without a shell. It is ended when the pod is no longer used. Default: kt's own waiting."),
          v.examples([["sleep", "infinity"]]),
        ),
      ),
      timeout: v.optional(duration('How long the pod may take to become ready. Default: "60s".', "60s")),
      ttl: v.optional(duration('The pod ends when it has not been used for this long. Default: "1h".', "1h")),
    },
    "a table",
  ),
  v.description(
    "Makes the pod when it is needed and not there. It is deleted with the last route that uses it; a route that only names the pod uses it as made here.",
  ),
  v.examples([{}, { image: "alpine/socat:1.8.0.3", ttl: "30m" }]),
);

const viaTable = v.pipe(
  v.strictObject(
    {
      service: v.optional(
        v.pipe(
          v.string("the name of a service"),
          v.description("Any ready pod behind this service makes the connection: NAME, NAMESPACE/NAME or NAMESPACE/svc/NAME."),
          v.examples(["backend-api", "shop/backend-api"]),
        ),
      ),
      pod: v.optional(
        v.pipe(
          v.string("the name of a pod"),
          v.description("This pod makes the connection: NAME, NAMESPACE/NAME or NAMESPACE/pod/NAME."),
          v.examples(["kt-jump", "shop/kt-jump", "shop/pod/kt-jump"]),
        ),
      ),
      namespace: v.optional(v.pipe(v.string("the name of a namespace"), v.description("Default: the profile's."))),
      create: v.optional(jumpPod),
    },
    "a table with a service or a pod",
  ),
  v.description("A jump host in its long form: a service or a pod."),
);

/** What a route has that reaches an address by a pod. */
const jump = {
  via: v.optional(
    v.pipe(
      v.union(
        [v.pipe(v.string("a jump host"), v.examples(["default/svc/backend-api", "pod/kt-jump", "deploy/worker"])), viaTable],
        'a jump host such as "default/svc/backend-api", or a table with a service or a pod',
      ),
      v.description(
        "The pod that makes the connection, as [NAMESPACE/]KIND/NAME or a table; the target is then an address, HOST:PORT, as that pod sees it.",
      ),
    ),
  ),
  container: v.optional(
    v.pipe(
      v.string("the name of a container"),
      v.description("The container of the jump host in which socat or nc is run. Default: the pod's default container."),
      v.examples(["main"]),
    ),
  ),
  method: v.optional(
    v.pipe(
      v.picklist(["auto", "socat", "nc"], '"auto", "socat" or "nc"'),
      v.description('What makes the connection in the pod. auto: socat, else nc. Default: "auto".'),
    ),
  ),
};

/** The target of a route that may have a jump host. */
const routeTarget = v.pipe(
  v.string('a target such as "svc/web:80"'),
  v.description(`What is reached, as ${targetText}; with via an address: HOST:PORT or [IPV6]:PORT.`),
  v.examples([...targetExamples, "mydb.internal:3306", "[fd00::1]:5432"]),
);

const context = v.pipe(
  v.string("the name of a context"),
  v.description("A kubeconfig context, or a short name from [contexts]. Default: the profile's."),
);

const scheme = v.pipe(
  v.picklist(["http", "https"], '"http" or "https"'),
  v.description(
    "How the backend speaks when the client came in plain HTTP. Default: what the appProtocol of the service's port says, else https for the ports 443 and 8443 and for port names that begin with https, else http.",
  ),
);

const forwarded = v.pipe(
  v.boolean("true or false"),
  v.description(
    "Whether kt passes the client's address to the backend in X-Forwarded-For, -Host and -Proto. With false kt adds nothing and changes nothing: for backends that refuse what comes from a proxy they do not know. Default: true.",
  ),
);

const expose = v.pipe(
  v.boolean("true or false"),
  v.description(
    "Allows the addresses beside it to be other than loopback: every machine that reaches this one then reaches the cluster. Needs `kt allow` once. Default: false.",
  ),
);

const httpRoute = v.pipe(
  v.strictObject(
    {
      target: routeTarget,
      context: v.optional(context),
      ...jump,
      scheme: v.optional(scheme),
      forwarded: v.optional(forwarded),
      tls: v.optional(
        v.pipe(
          v.picklist(["passthrough", "terminate"], '"passthrough"'),
          v.description('TLS from the client is passed through to the backend; this version knows nothing else. Default: "passthrough".'),
        ),
      ),
    },
    "a table with a target",
  ),
  v.description("A route in its long form."),
  v.examples([
    { target: "monitoring/svc/grafana:http", context: "prod" },
    { target: "monitoring/svc/grafana:3000", scheme: "https" },
    { target: "grafana.internal:80", via: "default/svc/backend-api" },
    { target: "home/svc/home-assistant:8123", forwarded: false },
  ]),
);

const pattern = v.pipe(
  v.strictObject(
    {
      host: v.pipe(
        v.string('a pattern such as "{service}.shop.localhost"'),
        v.description("A hostname with {captures}; each stands for text without dots."),
        v.examples(["{service}.{namespace}.shop.localhost", "{service}-dev.localhost"]),
      ),
      target: v.pipe(
        v.string('a target such as "{namespace}/svc/{service}:80"'),
        v.description(
          `What is reached, with {captures} of the host in it, as ${targetText}. A {port} that the host does not capture is that of the Host header.`,
        ),
        v.examples(["{namespace}/svc/{service}:80", "svc/{service}:{port}"]),
      ),
      context: v.optional(
        v.pipe(
          v.string("the name of a context"),
          v.description("A context, which may hold {captures} of the host. Default: the profile's."),
        ),
      ),
      scheme: v.optional(scheme),
      forwarded: v.optional(forwarded),
    },
    "a table with host and target",
  ),
  v.description("Dynamic hostnames of one's own."),
);

const tcpRoute = v.pipe(
  v.strictObject({ target: routeTarget, context: v.optional(context), ...jump, expose: v.optional(expose) }, "a table with a target"),
  v.description("A TCP route in its long form."),
  v.examples([
    { target: "databases/svc/postgresql:5432", context: "prod" },
    { target: "mydb.internal:5432", via: "default/svc/backend-api", container: "main" },
    { target: "mydb.internal:5432", via: { pod: "kt-jump", create: { ttl: "30m" } } },
  ]),
);

const port = "a port from 1 to 65535";

const listenAddress = v.union(
  [
    v.pipe(v.string("an address"), v.examples(["127.0.0.1:8989", "[::1]:8989"])),
    v.pipe(v.number("a port"), v.integer(port), v.minValue(1, port), v.maxValue(65535, port)),
  ],
  'an address such as "127.0.0.1:8989", or a port',
);

const origin = v.string('an origin such as "https://app.example.com"');

/** The whole file. */
export const profileSchema = v.pipe(
  v.strictObject(
    {
      name: v.optional(
        v.pipe(v.string("text"), v.description("The profile's name for people. Default: the folder's name."), v.examples(["shop"])),
      ),
      extends: v.optional(
        v.pipe(
          v.array(v.string('a file such as "./team.toml", or "kt:NAME"'), "a list of files"),
          v.description(
            "Profiles this one builds on: files relative to this one, and shipped ones as kt:NAME. What is said here wins over them.",
          ),
          v.examples([["kt:argocd", "./team.toml"]]),
        ),
      ),
      context: v.optional(
        v.pipe(context, v.description("The default context. Default: the kubeconfig's current-context."), v.examples(["dev"])),
      ),
      namespace: v.optional(
        v.pipe(
          v.string("the name of a namespace"),
          v.description('The default namespace. Default: the context\'s own, else "default".'),
          v.examples(["shop"]),
        ),
      ),
      kubeconfig: v.optional(
        v.pipe(
          v.union([v.string("a path"), v.array(v.string("a path"))], "a path or a list of paths"),
          v.description("Kubeconfig files: one path, several joined by colons, or a list. Default: $KUBECONFIG, else ~/.kube/config."),
          v.examples(["~/.kube/config", ["~/.kube/config", "./team.kubeconfig"]]),
        ),
      ),
      idle_timeout: v.optional(
        v.pipe(
          v.string('a duration such as "60m"'),
          v.description('A tunnel closes after this long without a connection. "0" never. Default: "60m".'),
          v.examples(["60m", "1h30m", "0"]),
        ),
      ),
      start_timeout: v.optional(
        v.pipe(
          v.string('a duration such as "30s"'),
          v.description('How long a new connection waits for a pod that is on its way. Default: "30s".'),
          v.examples(["30s"]),
        ),
      ),
      expose: v.optional(expose),
      contexts: v.optional(
        v.pipe(
          v.record(v.string(), v.string("the name of a context"), "a table of short names"),
          v.description("Short names of contexts, for wherever a context is named: one that cannot stand in a hostname needs it."),
          v.examples([{ prod: "arn:aws:eks:eu-west-1:123456789012:cluster/prod" }]),
        ),
      ),
      http: v.optional(
        v.pipe(
          v.strictObject(
            {
              listen: v.optional(
                v.pipe(
                  v.union([listenAddress, v.array(listenAddress)], "an address or a list of addresses"),
                  v.description("Where all HTTP and TLS hosts are served. A bare port is 127.0.0.1 and ::1. Default: 8989."),
                  v.examples([["127.0.0.1:8989", "[::1]:8989"]]),
                ),
              ),
              suffix: v.optional(
                v.pipe(
                  v.string('a hostname such as "k8s.localhost"'),
                  v.description(
                    'What the built-in names end with, {service}-{port}.svc.{ns}.ns.{context}.cx.SUFFIX. Default: "k8s.localhost".',
                  ),
                  v.examples(["k8s.localhost"]),
                ),
              ),
              dynamic: v.optional(
                v.pipe(
                  v.union(
                    [v.boolean("true or false"), v.array(v.string("the name of a context"), "a list of contexts")],
                    "true, false or a list of contexts",
                  ),
                  v.description(
                    "Which contexts the built-in names reach: those of the list, all with true, none with false. Contexts that the profile does not name elsewhere need `kt allow` once. Default: those that the profile itself names, by context, [contexts] or a route; where it names no context, the kubeconfig's current-context.",
                  ),
                  v.examples([["dev", "staging"], true, false]),
                ),
              ),
              allow_origins: v.optional(
                v.pipe(
                  v.union([origin, v.array(origin)], "an origin or a list of origins"),
                  v.description(
                    "Pages of other sites that may ask for this profile's routes, by their origins: * may stand for the first label, and alone for every page. Needs `kt allow` once. Default: only pages of this machine (localhost, *.localhost, loopback addresses) and of kt's own names.",
                  ),
                  v.examples([["https://app.example.com", "https://*.example.com"]]),
                ),
              ),
              expose: v.optional(expose),
            },
            "a table",
          ),
          v.description("The front door."),
        ),
      ),
      routes: v.optional(
        v.pipe(
          v.record(v.string(), v.union([target, httpRoute], 'a target such as "svc/web:80", or a table with one'), "a table of hostnames"),
          v.description('Hostnames and their targets. Names are written in quotes: "grafana.localhost".'),
          v.examples([{ "grafana.localhost": "monitoring/svc/grafana:http" }]),
        ),
      ),
      patterns: v.optional(v.pipe(v.array(pattern, "a list of tables: [[patterns]]"), v.description("Dynamic hostnames of one's own."))),
      tcp: v.optional(
        v.pipe(
          v.record(
            v.string(),
            v.union([target, tcpRoute], 'a target such as "svc/postgresql:5432", or a table with one'),
            "a table of ports",
          ),
          v.description('Local TCP ports and their targets: a bare port is 127.0.0.1 and ::1, or "127.0.0.1:5432".'),
          v.examples([{ "5432": "databases/svc/postgresql:5432" }]),
        ),
      ),
      env: v.optional(
        v.pipe(
          v.record(v.string(), v.string("text"), "a table of variables"),
          v.description(
            "Variables for kt run and kt env; those that steer programs, such as PATH, need `kt allow` once. ${tcp.PORT.address}, .host and .port stand for a route's local side, and so does ${routes.HOST.url}. ${routes.HOST.address}, .host and .port give that route a loopback address of its own, for programs that do not resolve its name.",
          ),
          v.examples([{ DATABASE_URL: "postgres://app@${tcp.5432.address}/app" }]),
        ),
      ),
    },
    "a table",
  ),
  v.title("tunnels.toml"),
  v.description(
    "What a project wants to reach in Kubernetes, for kt. ${VAR} and ${VAR:-default} are filled from the environment, and $$ is a dollar.",
  ),
);

export type ProfileTable = v.InferOutput<typeof profileSchema>;
export type ViaTable = v.InferOutput<typeof viaTable>;
export type JumpPodTable = v.InferOutput<typeof jumpPod>;
/** What routes in their long form share. */
export type LongRoute = v.InferOutput<typeof tcpRoute> | v.InferOutput<typeof httpRoute>;
