/** Private keys and passwords as a Secret has them: which one wins, and one sentence for each that cannot be used. */

import { describe, expect, test } from "bun:test";
import { authOf, type LoginSource, readLogin } from "#remote/login.ts";

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
      "the private key is in PKCS#8, which kt does not read",
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
