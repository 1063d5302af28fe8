/** What kt uses of the package ssh2, which brings no types of its own. */

declare module "ssh2" {
  import type { EventEmitter } from "node:events";

  /** A key of one's own, decrypted. */
  export interface ParsedKey {
    readonly type: string;
    isPrivateKey(): boolean;
  }

  export type Auth =
    | { readonly type: "none"; readonly username: string }
    | { readonly type: "publickey"; readonly username: string; readonly key: ParsedKey }
    | { readonly type: "password"; readonly username: string; readonly password: string }
    | {
        readonly type: "keyboard-interactive";
        readonly username: string;
        readonly prompt: (
          name: string,
          instructions: string,
          language: string,
          prompts: readonly { readonly prompt: string; readonly echo: boolean }[],
          finish: (answers: readonly string[]) => void,
        ) => void;
      };

  export interface ConnectConfig {
    readonly host: string;
    readonly port: number;
    readonly username: string;
    readonly readyTimeout: number;
    readonly keepaliveInterval: number;
    readonly keepaliveCountMax: number;
    readonly authHandler: readonly Auth[];
    readonly hostVerifier: (key: Uint8Array) => boolean;
    readonly algorithms: { readonly serverHostKey: readonly string[] };
  }

  export interface Channel extends EventEmitter {
    readonly stderr: EventEmitter;
    /** False: wait for its event "drain". */
    write(input: Uint8Array): boolean;
    end(input?: Uint8Array): void;
  }

  export class Client extends EventEmitter {
    connect(config: ConnectConfig): void;
    exec(command: string, done: (error: Error | undefined, channel: Channel) => void): void;
    end(): void;
    destroy(): void;
  }

  export const utils: {
    parseKey(text: string, passphrase?: string): ParsedKey | ParsedKey[] | Error;
  };
}
