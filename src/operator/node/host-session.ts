/** Signs in at an EdgeNode's host by its Secret: the key is decrypted once, and the connection kept for as long as both stay as they are. */

import { KtError } from "#base/errors.ts";
import { edgeNodeDefaults, type EdgeNodeSpec } from "#expose/resources/edge-node.ts";
import { formatName, type ObjectName } from "#expose/resources/read-objects.ts";
import { bare } from "#expose/values/hosts.ts";
import { parseGoDuration } from "#expose/values/go-duration.ts";
import type { SeenSecret } from "#operator/cluster/followed-secrets.ts";
import { algorithmsFor, hostKeyTypes } from "#remote/host-key.ts";
import { type HostTrust, trustOf } from "#remote/host-trust.ts";
import { type Login, readLogin } from "#remote/login.ts";
import type { SshAddress } from "#remote/ssh-address.ts";
import type { EdgeHost, OpenHost } from "./edge-host.ts";
import { hostFailure, NodeFailure } from "./node-failure.ts";

interface Open {
  readonly key: string;
  readonly host: EdgeHost;
}

export class HostSession {
  readonly #openHost: OpenHost;
  #open: Open | undefined;
  #login: { readonly key: string; readonly login: Login } | undefined;

  constructor(openHost: OpenHost) {
    this.#openHost = openHost;
  }

  /** Rejects with NodeFailure. A connection that was lost since it was last used is opened once more. */
  async use<Value>(
    { ssh, address }: EdgeNodeSpec,
    name: ObjectName,
    secret: SeenSecret | undefined,
    run: (host: EdgeHost) => Promise<Value>,
  ): Promise<Value> {
    const data = secretData(name, secret);
    const key = JSON.stringify([address, ssh, data.version]);
    if (this.#open !== undefined && this.#open.key !== key) this.close();
    const isReused = this.#open !== undefined;
    try {
      const host = await this.#opened(key, { ssh, address }, data);
      return await run(host);
    } catch (error) {
      const isLost = error instanceof KtError && error.code === "ssh-failed";
      if (isLost) this.close();
      if (isLost && isReused) return await this.use({ ssh, address } as EdgeNodeSpec, name, secret, run);
      throw hostFailure(error);
    }
  }

  close(): void {
    this.#open?.host.close();
    this.#open = undefined;
  }

  async #opened(key: string, spec: Pick<EdgeNodeSpec, "ssh" | "address">, data: LoginData): Promise<EdgeHost> {
    if (this.#open?.key === key) return this.#open.host;
    if (this.#login?.key !== data.version) this.#login = { key: data.version, login: await readLogin(data) };
    const { ssh } = spec;
    const address: SshAddress = {
      host: bare(spec.address),
      port: ssh.port || edgeNodeDefaults.sshPort,
      user: ssh.user || edgeNodeDefaults.sshUser,
    };
    const connectMs = parseGoDuration(ssh.connectTimeout || edgeNodeDefaults.sshConnectTimeout) ?? 0;
    const trust = trustFor(data.knownHosts, ssh.insecureSkipHostKeyVerification, address);
    const host = await this.#openHost({ address, login: this.#login.login, trust, ...(connectMs > 0 && { connectMs }) });
    this.#open = { key, host };
    return host;
  }
}

interface LoginData {
  readonly version: string;
  readonly privateKey: string | undefined;
  readonly passphrase: string | undefined;
  readonly password: string | undefined;
  readonly knownHosts: string | undefined;
}

function secretData(name: ObjectName, secret: SeenSecret | undefined): LoginData {
  const shown = `Secret "${formatName(name)}"`;
  const failed = (message: string): NodeFailure => new NodeFailure("SecretError", new KtError("ssh-credentials", message));
  if (secret === undefined || secret.state === "absent") throw failed(`there is no ${shown}`);
  if (secret.state === "unreadable") throw failed(`${shown} cannot be read: ${secret.why}`);
  const text = (key: string): string | undefined => {
    const bytes = secret.data.get(key);
    return bytes && new TextDecoder().decode(bytes);
  };
  return {
    version: secret.version,
    privateKey: text("privateKey"),
    passphrase: text("passphrase"),
    password: text("password"),
    knownHosts: text("knownHosts"),
  };
}

/** Without known hosts only a flag of the EdgeNode has any host accepted. */
function trustFor(knownHosts: string | undefined, isSkipped: boolean, address: SshAddress): HostTrust {
  if (knownHosts !== undefined || !isSkipped) return trustOf(knownHosts ?? "", address);
  return { algorithms: algorithmsFor(hostKeyTypes), objection: () => undefined };
}
