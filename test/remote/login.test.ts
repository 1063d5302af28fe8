/** Private keys and passwords as a Secret has them: which one wins, and one sentence for each that cannot be used. */

import { describe, expect, test } from "bun:test";
import { generateKeyPairSync, verify } from "node:crypto";
import fc from "fast-check";
import { authOf, type Login, type LoginSource, readLogin } from "#remote/login.ts";

/** Made by ssh-keygen for this test alone, with one round; the passphrase is "open sesame". */
const encrypted = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABClh7w6fB
Oz5ZPghVMBP+JgAAAAAQAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIH5c5BiVNC3sK0oL
gZnIDjNvqpE3y5BqjBIUE8ubl6R5AAAAkIjPx0Konx58+/yFaWEZL33Wc3tABuoVYOY0a/
8IngGrjdCjItWtOIz3HFU3hgXiJSAywdOnmETUwbW+AO9QoPJDRqbWapxpA0bWgwgZCpQw
F6/RIE+ctvVg3SjZT7FoqG2thWlelmpCy1IUpVkvh6KuUwfSOP+liu+XguMeRZjvbGrZd/
qE/59c8fwId7Xkpw==
-----END OPENSSH PRIVATE KEY-----
`;
const passphrase = "open sesame";

const refusal = async (source: LoginSource): Promise<string> =>
  await readLogin(source).then(
    () => "accepted",
    (error: Error) => error.message,
  );

/** Made by openssl for this test alone, with the same passphrase: 10,000,001 rounds, and by scrypt. */
const manyRounds = `
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGdMFkGCSqGSIb3DQEFDTBMMCsGCSqGSIb3DQEFDDAeBAjBH5lsV5/bCQIEAJiW
gTAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQPxg/xopZ9hoTT+laI7HqJQRA
RNJVzbFgxae1++G9C+Jft4sf+9Yr8NrhV/YUxmoR15nTDuw0l/MvoYJlgdXm8XJB
8snGuJb7uG+OEc+vL96wog==
-----END ENCRYPTED PRIVATE KEY-----
`;
const scrypt = `
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGTME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAjr8TrjiYD0JgICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBA2tS2VSEsIqLYuO3IveVguBECHW9ktzUtTjVSx
j5KFGOiQbmXh2/sbufjLhnXwwpo2i4O0V7zhPd+kpepDk6luQIxqkf8dp8frWACw
EfMwo1u7
-----END ENCRYPTED PRIVATE KEY-----
`;

const made = {
  rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  "P-256": generateKeyPairSync("ec", { namedCurve: "P-256" }),
  "P-384": generateKeyPairSync("ec", { namedCurve: "P-384" }),
  "P-521": generateKeyPairSync("ec", { namedCurve: "P-521" }),
  ed25519: generateKeyPairSync("ed25519"),
};
const pkcs8 = { type: "pkcs8", format: "pem" } as const;
const inCipher = { ...pkcs8, cipher: "aes-256-cbc", passphrase } as const;

/** What the library signs with a login's key. */
const signature = (login: Login, data: Uint8Array, hash: string | null): Buffer => {
  if (login.kind !== "key") throw new Error("a password");
  return (login.key as unknown as { sign(data: Uint8Array, algorithm?: string): Buffer }).sign(data, hash ?? undefined);
};

describe("a private key in PKCS#8", () => {
  test.each(Object.entries(made))("of type %s signs as itself, plain and encrypted", async (type, { privateKey, publicKey }) => {
    const data = Buffer.from("who is there");
    const hash = type === "ed25519" ? null : "sha256";
    for (const form of [pkcs8, inCipher]) {
      const login = await readLogin({ privateKey: privateKey.export(form).toString(), passphrase });
      expect(verify(hash, data, publicKey, signature(login, data, hash))).toBe(true);
    }
  });

  test("that cannot be used is refused with its reason", async () => {
    const text = made.ed25519.privateKey.export(inCipher).toString();
    expect(await refusal({ privateKey: text })).toBe("the private key is encrypted, and there is no passphrase");
    expect(await refusal({ privateKey: text, passphrase: "wrong" })).toBe("the private key cannot be decrypted with this passphrase");
    expect(await refusal({ privateKey: scrypt, passphrase })).toBe("the private key is encrypted in a way that kt does not read");
    expect(await refusal({ privateKey: manyRounds, passphrase })).toStartWith("the private key takes 10000001 rounds");
    const other = generateKeyPairSync("x25519").privateKey.export(pkcs8).toString();
    expect(await refusal({ privateKey: other })).toBe("the private key is of a kind that SSH does not sign in with");
  });

  test("that is damaged anywhere is refused at once, or works", () =>
    fc.assert(
      fc.asyncProperty(fc.constantFrom(pkcs8, inCipher), fc.nat(), fc.integer({ min: 0, max: 255 }), async (form, at, byte) => {
        const whole = made.ed25519.privateKey.export(form).toString();
        const bytes = Buffer.from(whole.split("\n").slice(1, -2).join(""), "base64");
        bytes[at % bytes.length] = byte;
        const lines = whole.split("\n");
        const privateKey = [lines[0], bytes.toString("base64"), lines.at(-2), ""].join("\n");
        expect(await refusal({ privateKey, passphrase })).toMatch(/^(?:accepted|the private key (?!is not in a format).*)$/);
      }),
      { numRuns: 300 },
    ));
});

describe("credentials of a host", () => {
  test("a private key wins over a password, and is decrypted once", async () => {
    const login = await readLogin({ privateKey: encrypted, passphrase, password: "unused" });
    expect(login.kind).toBe("key");
    const [auth, ...more] = authOf(login, "root");
    expect(auth).toMatchObject({ type: "publickey", username: "root" });
    expect(more).toEqual([]);
  });

  test("line ends of Windows and blanks around a key change nothing", async () => {
    expect((await readLogin({ privateKey: `\n${encrypted.replaceAll("\n", "\r\n")}\n`, passphrase })).kind).toBe("key");
  });

  test("a password answers the one question of PAM that is not shown, and no other", async () => {
    const auth = authOf(await readLogin({ password: "s3cret" }), "root");
    expect(auth.map(({ type }) => type)).toEqual(["password", "keyboard-interactive"]);
    const answers: (readonly string[])[] = [];
    for (const each of auth)
      if (each.type === "keyboard-interactive")
        each.prompt(
          "",
          "",
          "",
          [
            { prompt: "Password:", echo: false },
            { prompt: "Name:", echo: true },
          ],
          (given) => answers.push(given),
        );
    expect(answers).toEqual([["s3cret", ""]]);
  });

  test("what cannot be used is refused with its reason, which holds nothing of the key", async () => {
    expect(await refusal({})).toBe("there is neither a private key nor a password to sign in with");
    expect(await refusal({ privateKey: " ", password: "" })).toBe("there is neither a private key nor a password to sign in with");
    expect(await refusal({ privateKey: encrypted })).toBe("the private key is encrypted, and there is no passphrase");
    expect(await refusal({ privateKey: encrypted, passphrase: "wrong" })).toBe("the private key cannot be decrypted with this passphrase");
    expect(await refusal({ privateKey: "garbage" })).toBe("the private key is not in a format that kt reads");
    const without = (line: RegExp): string => encrypted.replace(line, "\n");
    expect(await refusal({ privateKey: without(/\nqE.*\n/), passphrase })).toBe("the private key cannot be decrypted with this passphrase");
    expect(await refusal({ privateKey: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----" })).toBe(
      "the private key is damaged",
    );
    expect(await refusal({ privateKey: "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----" })).toBe(
      "the private key is damaged",
    );
    const head = "openssh-key-v1\0\0\0\0\x0aaes256-ctr\0\0\0\x06bcrypt\0\0\0\x09\0\0\0\x01s\xff\xff\xff\xff";
    const endless = `-----BEGIN OPENSSH PRIVATE KEY-----\n${Buffer.from(head, "latin1").toString("base64")}\n-----END OPENSSH PRIVATE KEY-----`;
    expect(await refusal({ privateKey: endless, passphrase })).toStartWith("the private key takes 4294967295 rounds");
    expect(await refusal({ privateKey: "x".repeat(2_000_000) })).toBe("the private key is too long");
  });
});
