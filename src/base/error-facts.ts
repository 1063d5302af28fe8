/** What each error code means to the rest of kt: one row per code, the only place that decides it. */

/** What a code is about, and so who can fix it. */
export type About =
  /** What was typed. */
  | "command"
  | "profile"
  | "kubeconfig"
  /** Who the user is to the cluster: until that changes, every request fails. */
  | "login"
  /** What the user may do there. */
  | "permission"
  /** Between here and the API server. */
  | "way"
  /** The API server itself. */
  | "cluster"
  /** A name or port that the cluster does not have. */
  | "absence"
  /** A pod behind a route, or the connection to it. */
  | "pod"
  /** What a jump host is to reach. It has answered, and would answer any other pod the same. */
  | "target"
  /** What a client sent to the front door. */
  | "client"
  /** A machine of the user's outside of the cluster: the VPS at the public edge. */
  | "host"
  /** This machine, and what else uses it. */
  | "machine"
  /** The hub, and kt itself. */
  | "kt";

export interface ErrorFacts {
  readonly about: About;
  /** `yes`: there is something, which may come yet. `no`: only a change helps, so the answer comes at once. */
  readonly waitHelps: "yes" | "perhaps" | "no";
  /** Whether another ready pod might do what this one did not. */
  readonly otherPodHelps: boolean;
  /** Status of the page that says so; 502 for all that is a failure of the backend or of the way to it. */
  readonly http: 400 | 401 | 403 | 404 | 408 | 421 | 429 | 431 | 500 | 502 | 503 | 504;
  /** Of a gRPC call; UNAVAILABLE is what clients may retry. */
  readonly grpc: GrpcStatus;
  /** How a command ends. */
  readonly exit: "usage" | "cluster" | "failed";
  /** Of a SOCKS5 reply (RFC 1928 §6), where what it is about does not say it. */
  readonly socks?: number;
}

/** By its number (grpc/grpc doc/statuscodes.md). */
export const grpcStatuses = {
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

type GrpcStatus = keyof typeof grpcStatuses;

/** Every code that a user, a page or a JSON reader can meet. Documented in docs/troubleshooting.md; a test compares the two lists. */
const table = {
  // The command line and the profile.
  usage: { about: "command", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "usage" },
  "profile-not-found": { about: "profile", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "usage" },
  "profile-unreadable": { about: "profile", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "usage" },
  "profile-unwritable": { about: "profile", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "usage" },
  "profile-syntax": { about: "profile", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "usage" },
  "profile-invalid": { about: "profile", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "usage" },
  "profile-variable": { about: "profile", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "usage" },
  "profile-cycle": { about: "profile", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "usage" },
  "profile-exists": { about: "profile", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "usage" },
  "profile-not-allowed": { about: "profile", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "usage" },
  "route-unknown": { about: "command", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "usage" },
  "route-stopped": { about: "machine", waitHelps: "no", otherPodHelps: false, http: 503, grpc: "UNAVAILABLE", exit: "failed" },
  "route-conflict": { about: "machine", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "usage" },
  // The cluster and the credentials for it.
  "kubeconfig-unreadable": { about: "kubeconfig", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "cluster" },
  "context-unknown": { about: "kubeconfig", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "cluster" },
  "credentials-failed": { about: "login", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAUTHENTICATED", exit: "cluster" },
  unauthorized: { about: "login", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAUTHENTICATED", exit: "cluster" },
  forbidden: {
    about: "permission",
    waitHelps: "no",
    otherPodHelps: false,
    http: 502,
    grpc: "PERMISSION_DENIED",
    exit: "cluster",
    socks: 2,
  },
  "cluster-unreachable": { about: "way", waitHelps: "perhaps", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "cluster" },
  "cluster-error": { about: "cluster", waitHelps: "perhaps", otherPodHelps: true, http: 502, grpc: "UNAVAILABLE", exit: "cluster" },
  "proxy-failed": { about: "way", waitHelps: "perhaps", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "cluster" },
  // What is behind a route.
  "service-not-found": { about: "absence", waitHelps: "no", otherPodHelps: true, http: 502, grpc: "NOT_FOUND", exit: "failed" },
  "service-external": { about: "absence", waitHelps: "no", otherPodHelps: true, http: 502, grpc: "UNIMPLEMENTED", exit: "failed" },
  "workload-not-found": { about: "absence", waitHelps: "no", otherPodHelps: true, http: 502, grpc: "NOT_FOUND", exit: "failed" },
  "pod-not-found": { about: "absence", waitHelps: "perhaps", otherPodHelps: true, http: 502, grpc: "NOT_FOUND", exit: "failed" },
  "container-not-found": { about: "pod", waitHelps: "no", otherPodHelps: true, http: 502, grpc: "NOT_FOUND", exit: "failed" },
  "port-not-found": { about: "absence", waitHelps: "no", otherPodHelps: true, http: 502, grpc: "NOT_FOUND", exit: "failed", socks: 5 },
  "no-ready-pod": { about: "pod", waitHelps: "yes", otherPodHelps: true, http: 503, grpc: "UNAVAILABLE", exit: "failed" },
  "jump-pod-failed": { about: "pod", waitHelps: "perhaps", otherPodHelps: true, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "relay-missing": { about: "pod", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNIMPLEMENTED", exit: "failed" },
  "relay-failed": { about: "pod", waitHelps: "perhaps", otherPodHelps: true, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "reverse-failed": { about: "pod", waitHelps: "perhaps", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "port-refused": { about: "pod", waitHelps: "perhaps", otherPodHelps: true, http: 502, grpc: "UNAVAILABLE", exit: "failed", socks: 5 },
  "jump-no-tool": { about: "pod", waitHelps: "no", otherPodHelps: true, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "target-not-found": {
    about: "target",
    waitHelps: "perhaps",
    otherPodHelps: false,
    http: 502,
    grpc: "NOT_FOUND",
    exit: "failed",
    socks: 4,
  },
  "target-refused": {
    about: "target",
    waitHelps: "perhaps",
    otherPodHelps: false,
    http: 502,
    grpc: "UNAVAILABLE",
    exit: "failed",
    socks: 5,
  },
  "target-unreachable": {
    about: "target",
    waitHelps: "perhaps",
    otherPodHelps: false,
    http: 504,
    grpc: "UNAVAILABLE",
    exit: "failed",
    socks: 6,
  },
  "backend-invalid": { about: "pod", waitHelps: "perhaps", otherPodHelps: true, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "backend-tls": { about: "pod", waitHelps: "perhaps", otherPodHelps: true, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "backend-certificate": { about: "pod", waitHelps: "no", otherPodHelps: true, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  unhealthy: { about: "pod", waitHelps: "perhaps", otherPodHelps: true, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "connection-lost": { about: "pod", waitHelps: "perhaps", otherPodHelps: true, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "start-timeout": { about: "pod", waitHelps: "yes", otherPodHelps: true, http: 504, grpc: "DEADLINE_EXCEEDED", exit: "failed", socks: 6 },
  "answer-timeout": {
    about: "pod",
    waitHelps: "perhaps",
    otherPodHelps: false,
    http: 504,
    grpc: "DEADLINE_EXCEEDED",
    exit: "failed",
    socks: 6,
  },
  overloaded: { about: "pod", waitHelps: "perhaps", otherPodHelps: true, http: 503, grpc: "UNAVAILABLE", exit: "failed" },
  // What a client sent to the front door.
  "host-missing": { about: "client", waitHelps: "no", otherPodHelps: false, http: 400, grpc: "INVALID_ARGUMENT", exit: "failed" },
  "host-unknown": { about: "client", waitHelps: "no", otherPodHelps: false, http: 404, grpc: "NOT_FOUND", exit: "failed" },
  "host-ambiguous": { about: "client", waitHelps: "no", otherPodHelps: false, http: 404, grpc: "INVALID_ARGUMENT", exit: "failed" },
  "name-refused": { about: "client", waitHelps: "no", otherPodHelps: false, http: 403, grpc: "PERMISSION_DENIED", exit: "failed" },
  "too-many-names": {
    about: "client",
    waitHelps: "perhaps",
    otherPodHelps: false,
    http: 429,
    grpc: "RESOURCE_EXHAUSTED",
    exit: "failed",
    socks: 1,
  },
  "origin-refused": { about: "client", waitHelps: "no", otherPodHelps: false, http: 403, grpc: "PERMISSION_DENIED", exit: "failed" },
  "client-certificate": { about: "client", waitHelps: "no", otherPodHelps: false, http: 403, grpc: "PERMISSION_DENIED", exit: "failed" },
  "request-invalid": { about: "client", waitHelps: "no", otherPodHelps: false, http: 400, grpc: "INVALID_ARGUMENT", exit: "failed" },
  "request-timeout": { about: "client", waitHelps: "no", otherPodHelps: false, http: 408, grpc: "DEADLINE_EXCEEDED", exit: "failed" },
  "plain-http": { about: "client", waitHelps: "no", otherPodHelps: false, http: 400, grpc: "FAILED_PRECONDITION", exit: "failed" },
  "request-too-large": { about: "client", waitHelps: "no", otherPodHelps: false, http: 431, grpc: "UNAVAILABLE", exit: "failed" },
  "token-required": { about: "client", waitHelps: "no", otherPodHelps: false, http: 401, grpc: "UNAUTHENTICATED", exit: "failed" },
  "page-unknown": { about: "client", waitHelps: "no", otherPodHelps: false, http: 404, grpc: "NOT_FOUND", exit: "failed" },
  misdirected: { about: "client", waitHelps: "no", otherPodHelps: false, http: 421, grpc: "UNAVAILABLE", exit: "failed" },
  // A host outside of the cluster, which kt enters over SSH.
  "ssh-unreachable": { about: "host", waitHelps: "perhaps", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "ssh-host-key": { about: "host", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "ssh-credentials": { about: "host", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "usage" },
  "ssh-login": { about: "host", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "ssh-no-root": { about: "host", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "ssh-failed": { about: "host", waitHelps: "perhaps", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "host-unfit": { about: "host", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  // The hub and the machine.
  "hub-unreachable": { about: "kt", waitHelps: "perhaps", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "hub-failed": { about: "kt", waitHelps: "perhaps", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "port-taken": { about: "machine", waitHelps: "perhaps", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "listen-failed": { about: "machine", waitHelps: "perhaps", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "browser-missing": { about: "machine", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "file-unwritable": { about: "machine", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "authority-unusable": { about: "machine", waitHelps: "no", otherPodHelps: false, http: 500, grpc: "UNAVAILABLE", exit: "failed" },
  "service-unavailable": { about: "machine", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "service-failed": { about: "machine", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "state-failed": { about: "machine", waitHelps: "perhaps", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "wireguard-missing": { about: "kt", waitHelps: "no", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "wireguard-failed": { about: "machine", waitHelps: "perhaps", otherPodHelps: false, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  protocol: { about: "pod", waitHelps: "perhaps", otherPodHelps: true, http: 502, grpc: "UNAVAILABLE", exit: "failed" },
  "shutting-down": { about: "kt", waitHelps: "perhaps", otherPodHelps: true, http: 503, grpc: "UNAVAILABLE", exit: "failed" },
  internal: { about: "kt", waitHelps: "perhaps", otherPodHelps: true, http: 500, grpc: "INTERNAL", exit: "failed" },
} as const satisfies Record<string, ErrorFacts>;

export type ErrorCode = keyof typeof table;

export const errorFacts: Readonly<Record<ErrorCode, ErrorFacts>> = table;

export const errorCodes: readonly ErrorCode[] = Object.keys(table) as ErrorCode[];

/** Whether there is something already, which only is not ready yet. */
export function mayCome(code: ErrorCode): boolean {
  return errorFacts[code].waitHelps === "yes";
}

export function isAbout(code: ErrorCode, ...subjects: readonly About[]): boolean {
  return subjects.includes(errorFacts[code].about);
}

/** Of a SOCKS5 reply: by default not allowed, network unreachable, host unreachable, or general failure. */
const socksByAbout: Readonly<Partial<Record<About, number>>> = {
  client: 2,
  login: 3,
  kubeconfig: 3,
  way: 3,
  cluster: 3,
  absence: 4,
  pod: 4,
};

/** The reply that a client of SOCKS5 reads. */
export function socksReplyOf(code: ErrorCode): number {
  const { socks, about } = errorFacts[code];
  return socks ?? socksByAbout[about] ?? 1;
}
