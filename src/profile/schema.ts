/** The shape of tunnels.toml: types, key names, and what each key is for. The text given to a schema says what it wants. */

import * as v from "valibot";

const targetExamples = ["monitoring/svc/grafana:http", "svc/web:80", "pod/web-0:8080"];
const targetText = "[NAMESPACE/]KIND/NAME:PORT: KIND is svc or pod, PORT is a number or a name";

const target = v.pipe(
  v.string('a target such as "svc/web:80"'),
  v.description(`What is reached, as ${targetText}.`),
  v.examples(targetExamples),
);

const context = v.pipe(v.string("the name of a context"), v.description("A kubeconfig context, or a short name from [contexts]."));

const scheme = v.pipe(
  v.picklist(["http", "https"], '"http" or "https"'),
  v.description(
    "How the backend speaks when the client came in plain HTTP. Default: https for the ports 443 and 8443 and for port names that begin with https, else http.",
  ),
);

const expose = v.pipe(
  v.boolean("true or false"),
  v.description("Allows the addresses beside it to be other than loopback: whoever reaches this machine then reaches the cluster."),
);

const httpRoute = v.pipe(
  v.strictObject(
    {
      target,
      context: v.optional(context),
      scheme: v.optional(scheme),
      tls: v.optional(
        v.pipe(
          v.picklist(["passthrough", "terminate"], '"passthrough"'),
          v.description("TLS from the client is passed through to the backend; this version knows nothing else."),
        ),
      ),
    },
    "a table with a target",
  ),
  v.description("A route in its long form."),
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
        v.description(`What is reached, with {captures} of the host in it, as ${targetText}.`),
        v.examples(["{namespace}/svc/{service}:80", "svc/{service}:{port}"]),
      ),
      context: v.optional(v.pipe(v.string("the name of a context"), v.description("A context, which may hold {captures} of the host."))),
      scheme: v.optional(scheme),
    },
    "a table with host and target",
  ),
  v.description("Dynamic hostnames of one's own."),
);

const tcpRoute = v.pipe(
  v.strictObject({ target, context: v.optional(context), expose: v.optional(expose) }, "a table with a target"),
  v.description("A TCP route in its long form."),
);

const port = "a port from 1 to 65535";

const listenAddress = v.union(
  [
    v.pipe(v.string("an address"), v.examples(["127.0.0.1:8989", "[::1]:8989"])),
    v.pipe(v.number("a port"), v.integer(port), v.minValue(1, port), v.maxValue(65535, port)),
  ],
  'an address such as "127.0.0.1:8989", or a port',
);

/** The whole file. */
export const profileSchema = v.pipe(
  v.strictObject(
    {
      name: v.optional(v.pipe(v.string("text"), v.description("The profile's name for people. Default: the folder's name."))),
      extends: v.optional(
        v.pipe(
          v.array(v.string('a file such as "./team.toml", or "kt:NAME"'), "a list of files"),
          v.description(
            "Profiles this one builds on: files relative to this one, and shipped ones as kt:NAME. What is said here wins over them.",
          ),
          v.examples([["kt:argocd", "./team.toml"]]),
        ),
      ),
      context: v.optional(v.pipe(context, v.description("The default context. Default: the kubeconfig's current-context."))),
      namespace: v.optional(
        v.pipe(v.string("the name of a namespace"), v.description('The default namespace. Default: the context\'s own, else "default".')),
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
          v.description("Variables for kt run and kt env. ${tcp.PORT.address} and ${routes.HOST.url} stand for a route's local side."),
          v.examples([{ DATABASE_URL: "postgres://app@${tcp.5432.address}/app" }]),
        ),
      ),
    },
    "a table",
  ),
  v.title("tunnels.toml"),
  v.description("What a project wants to reach in Kubernetes, for kt. ${VAR} and ${VAR:-default} are filled from the environment."),
);

export type ProfileTable = v.InferOutput<typeof profileSchema>;
