/** Images of kt: for which platform, with which files, and what their bill of materials says. Small programs stand for the binary. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Archive, CryptoHasher, file, spawnSync, version, zstdDecompressSync } from "bun";
import { imageOf } from "#scripts/image.ts";
import { imageRequest } from "#scripts/image/image-options.ts";
import { linkedFiles, readElf } from "#scripts/image/linked-files.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(`${tmpdir()}/kt-image-`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A program of the machine that asks for these libraries: a header, three segments, the names. */
function elf(machine: number, interpreter: string | undefined, needed: readonly string[]): Buffer {
  const names = ["", ...needed].map((name) => `${name}\0`).join("");
  const [interpreterAt, dynamicAt, namesAt, baseAddress] = [0x100, 0x200, 0x400, 0x10_000];
  const bytes = Buffer.alloc(0x800);
  bytes.write("\u007fELF\u0002\u0001\u0001", 0, "latin1");
  bytes.writeUInt16LE(machine, 18);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  const entries = needed.map((name): [number, number] => [1, names.indexOf(`\0${name}\0`) + 1]);
  entries.push([5, baseAddress + namesAt], [0, 0]);
  const segments = [
    [1, 0, baseAddress, bytes.length],
    [2, dynamicAt, baseAddress + dynamicAt, entries.length * 16],
    ...(interpreter === undefined ? [] : [[3, interpreterAt, baseAddress + interpreterAt, interpreter.length + 1]]),
  ];
  bytes.writeUInt16LE(segments.length, 56);
  for (const [index, [type = 0, offset = 0, address = 0, size = 0]] of segments.entries()) {
    const at = 64 + index * 56;
    bytes.writeUInt32LE(type, at);
    for (const [field, value] of [
      [8, offset],
      [16, address],
      [32, size],
      [40, size],
    ] as const)
      bytes.writeBigUInt64LE(BigInt(value), at + field);
  }
  for (const [index, pair] of entries.entries())
    for (const side of [0, 1] as const) bytes.writeBigUInt64LE(BigInt(pair[side]), dynamicAt + index * 16 + side * 8);
  bytes.write(`${interpreter ?? ""}\0`, interpreterAt, "latin1");
  bytes.write(names, namesAt, "latin1");
  return bytes;
}

const arm = 183;
const loader = "/lib/ld-linux-aarch64.so.1";

/** Where packages of C libraries for other architectures put them. */
function crossSysroot(): string {
  const sysroot = `${folder}/sysroot`;
  const lib = `${sysroot}/usr/aarch64-linux-gnu/lib`;
  mkdirSync(lib, { recursive: true });
  mkdirSync(`${sysroot}/lib64`, { recursive: true });
  writeFileSync(`${lib}/ld-linux-aarch64.so.1`, elf(arm, undefined, []));
  writeFileSync(
    `${lib}/libc.so.6`,
    Buffer.concat([elf(arm, undefined, ["ld-linux-aarch64.so.1"]), Buffer.from("GNU C Library (X) stable release version 2.99.\n")]),
  );
  writeFileSync(`${lib}/libm.so.6`, elf(arm, undefined, ["libc.so.6"]));
  // Of the machine that builds, not of the one that is built for.
  writeFileSync(`${sysroot}/lib64/libc.so.6`, elf(62, undefined, []));
  return sysroot;
}

interface Unpacked {
  readonly index: { manifests: { digest: string; platform: object }[] };
  readonly config: { architecture: string; config: { User: string; Entrypoint: string[] } };
  readonly layerType: string;
  /** Of the layer, by their paths. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

async function filesOf(archive: Uint8Array): Promise<Map<string, Uint8Array>> {
  const files = await new Archive(archive).files();
  return new Map(await Promise.all([...files].map(async ([path, entry]) => [path, await entry.bytes()] as const)));
}

async function unpack(image: Uint8Array): Promise<Unpacked> {
  const files = await filesOf(image);
  const blob = (digest: string): Uint8Array => {
    const bytes = files.get(`blobs/${digest.replace(":", "/")}`) ?? new Uint8Array(0);
    expect(`sha256:${new CryptoHasher("sha256").update(bytes).digest("hex")}`).toBe(digest);
    return bytes;
  };
  const parse = (bytes: Uint8Array | undefined) => JSON.parse(new TextDecoder().decode(bytes));
  const index = parse(files.get("index.json"));
  const manifest = parse(blob(index.manifests[0].digest));
  const [{ mediaType, digest }] = manifest.layers;
  const packed = blob(digest);
  const layer = mediaType.endsWith("+zstd") ? zstdDecompressSync(packed) : packed;
  return { index, config: parse(blob(manifest.config.digest)), layerType: mediaType, files: await filesOf(layer) };
}

async function imageForArm(compress = false): Promise<Uint8Array> {
  const program = `${folder}/kt`;
  writeFileSync(program, elf(arm, loader, ["libc.so.6", "libm.so.6"]));
  return await imageOf(program, { name: "kt:test", compress, sysroot: crossSysroot() });
}

test("an image for another architecture has that one's loader and libraries, where they are looked for", async () => {
  const { index, config, files, layerType } = await unpack(await imageForArm());
  expect(index.manifests[0]?.platform).toEqual({ architecture: "arm64", os: "linux" });
  expect(config).toMatchObject({ architecture: "arm64", config: { User: "65532:65532", Entrypoint: ["/kt"] } });
  expect(layerType).toBe("application/vnd.oci.image.layer.v1.tar");
  for (const path of ["lib/ld-linux-aarch64.so.1", "lib/libc.so.6", "lib/libm.so.6"])
    expect(readElf(files.get(path) as Uint8Array).architecture).toBe("arm64");
  expect([...files.keys()].filter((path) => path.includes("bin/") || path.includes("lib64"))).toEqual([]);
});

test("its bill of materials names kt, the runtime, the packages in the binary and every file that came from elsewhere", async () => {
  const { files } = await unpack(await imageForArm());
  const bill = JSON.parse(new TextDecoder().decode(files.get("usr/share/sbom/kt.cdx.json")));
  expect(bill).toMatchObject({
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    metadata: { component: { name: "kt", version: expect.any(String) } },
  });
  const components: { type: string; name: string; version?: string; hashes?: { content: string }[]; description?: string }[] =
    bill.components;
  const dependencies = Object.keys((await file(new URL("../../package.json", import.meta.url)).json()).dependencies);
  expect(components.filter(({ type }) => type === "library").map(({ name }) => name)).toEqual(expect.arrayContaining(dependencies));
  expect(components.find(({ name }) => name === "bun")?.version).toBe(version);
  for (const { name, hashes } of components.filter(({ type }) => type === "file")) {
    expect(new CryptoHasher("sha256").update(files.get(name.slice(1)) as Uint8Array).digest("hex")).toBe(hashes?.[0]?.content ?? "");
  }
  expect(components.find(({ name }) => name === "/lib/libc.so.6")?.description).toBe("GNU C Library (X) stable release version 2.99");
  const refs: string[] = bill.components.map((each: { "bom-ref": string }) => each["bom-ref"]);
  expect(new Set(refs).size).toBe(refs.length);
});

test("the same files make the same bytes, and what travels is compressed", async () => {
  expect(await imageForArm()).toEqual(await imageForArm());
  const [plain, packed] = [await imageForArm(), await imageForArm(true)];
  expect(packed.length).toBeLessThan(plain.length);
  const unpacked = await unpack(packed);
  expect(unpacked.layerType).toBe("application/vnd.oci.image.layer.v1.tar+zstd");
  expect(unpacked.files).toEqual((await unpack(plain)).files);
});

describe("the files that a program asks for", () => {
  test.skipIf(process.platform !== "linux" || spawnSync(["which", "ldd"]).exitCode !== 0)("are those that ldd says", async () => {
    const program = process.execPath;
    const said = spawnSync(["ldd", program]).stdout.toString();
    const paths = new Set([...said.matchAll(/(\/[^ ]*lib[^ ]*) \(0x/g)].map(([, path = ""]) => path.slice(1)));
    expect(new Set((await linkedFiles(await file(program).bytes())).map(({ path }) => path))).toEqual(paths);
  });

  test("are none for one that is linked statically", async () => {
    expect(await linkedFiles(elf(arm, undefined, []))).toEqual([]);
  });

  test("are missed by name, with the way to have them", async () => {
    const missing = linkedFiles(elf(arm, loader, ["libc.so.6"]), `${folder}/nowhere`);
    await expect(missing).rejects.toThrow(/no ld-linux-aarch64.so.1 for linux\/arm64 in .*nowhere: install libc6-arm64-cross/);
  });

  test("are not looked for in other files than programs", () => {
    expect(() => readElf(new Uint8Array(100))).toThrow("not a program of Linux");
  });
});

test.each([
  [["--platform=linux/riscv64"], 'there is no kt for the platform "linux/riscv64": images are made for linux/amd64 and linux/arm64'],
  [["--platform=arm64"], 'there is no kt for the platform "arm64"'],
  [["--gzip"], '"--gzip" is not an option'],
  [["--plain=yes"], '"--plain=yes" is not an option'],
  [["--platform="], '"--platform=" is not an option'],
])("%p is refused with a sentence", (words, why) => {
  expect(() => imageRequest(words)).toThrow(why);
});

test("without words it is the binary of this machine, compressed", () => {
  expect(imageRequest([])).toEqual({ name: "kt:dev", architecture: undefined, sysroot: undefined, isPlain: false });
  expect(imageRequest(["--platform=linux/arm64", "--name=a/b:1", "--sysroot=/x", "--plain"])).toEqual({
    name: "a/b:1",
    architecture: "arm64",
    sysroot: "/x",
    isPlain: true,
  });
});
