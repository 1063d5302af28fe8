/** What a command line says instead of the kubeconfig, by kubectl's rules: who signs in, where, and whom to trust. Pure. */

import { KtError } from "#base/errors.ts";
import type { ClusterConfig, ContextConfig, Impersonation, UserConfig } from "./context-config.ts";
import { serverUrl } from "./server-url.ts";

/** Paths are absolute. */
export interface ContextOverrides {
  /** Names of entries of the kubeconfig, in place of the context's. */
  readonly cluster?: string | undefined;
  readonly user?: string | undefined;
  readonly server?: string | undefined;
  readonly tlsServerName?: string | undefined;
  readonly insecure?: boolean | undefined;
  readonly certificateAuthority?: string | undefined;
  readonly token?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly clientCertificate?: string | undefined;
  readonly clientKey?: string | undefined;
  readonly as?: string | undefined;
  readonly asUid?: string | undefined;
  readonly asGroups?: readonly string[] | undefined;
}

/** A cluster of which the kubeconfig says nothing. */
export function bareCluster(name: string): ClusterConfig {
  return { name, file: "", server: "", ca: {}, tlsServerName: undefined, insecure: false, proxyUrl: undefined, execExtension: undefined };
}

const bareUser: UserConfig = {
  name: "of the command line",
  file: "",
  cert: {},
  key: {},
  token: undefined,
  tokenFile: undefined,
  username: undefined,
  password: undefined,
  exec: undefined,
  authProvider: undefined,
  impersonate: undefined,
};

/** Throws KtError `usage`. */
export function withOverrides(config: ContextConfig, overrides: ContextOverrides): ContextConfig {
  return { ...config, cluster: overrideCluster(config.cluster, overrides), user: overrideUser(config.user, overrides) };
}

function overrideCluster(
  cluster: ClusterConfig,
  { server, tlsServerName, insecure, certificateAuthority }: ContextOverrides,
): ClusterConfig {
  return {
    ...cluster,
    ...(server === undefined ? {} : { server: serverUrl(server) }),
    // The name of another server is of no use for this one.
    ...(server === undefined && tlsServerName === undefined ? {} : { tlsServerName }),
    // What one of the two says takes the other's place, unless both are given.
    ...(insecure === true ? { insecure, ca: {} } : {}),
    ...(certificateAuthority === undefined ? {} : { insecure: insecure === true, ca: { file: certificateAuthority } }),
  };
}

function overrideUser(user: UserConfig | undefined, overrides: ContextOverrides): UserConfig | undefined {
  const { token, username, password, clientCertificate, clientKey } = overrides;
  if (token !== undefined && username !== undefined)
    throw new KtError("usage", "a token and a name with a password are two ways to sign in", { hints: ["give one of them"] });
  const impersonate = overrideImpersonation(user?.impersonate, overrides);
  if (!impersonate && [token, username, password, clientCertificate, clientKey].every((given) => given === undefined)) return user;
  return {
    ...(user ?? bareUser),
    ...(clientCertificate === undefined ? {} : { cert: { file: clientCertificate } }),
    ...(clientKey === undefined ? {} : { key: { file: clientKey } }),
    ...(token === undefined ? {} : { ...withoutLogin, token }),
    ...(username === undefined ? {} : { ...withoutLogin, token: undefined, username }),
    ...(password === undefined ? {} : { password }),
    impersonate,
  };
}

const withoutLogin = { tokenFile: undefined, username: undefined, password: undefined, exec: undefined, authProvider: undefined };

function overrideImpersonation(from: Impersonation | undefined, { as, asUid, asGroups = [] }: ContextOverrides): Impersonation | undefined {
  const user = as ?? from?.user;
  if (user === undefined && (asUid !== undefined || asGroups.length > 0))
    throw new KtError("usage", "--as-uid and --as-group need a user", { hints: ["--as NAME"] });
  if (user === undefined) return undefined;
  return { user, uid: asUid ?? from?.uid, groups: asGroups.length > 0 ? asGroups : (from?.groups ?? []), extra: from?.extra ?? {} };
}
