/** Packs kt into an image, dist/kt-image.tar, as an OCI layout: no daemon, nothing pulled, the same bytes for the same binary. */

import { CryptoHasher, file, version, write, zstdCompressSync } from "bun";
import { build, targets } from "./build.ts";
import { imageRequest } from "./image/image-options.ts";
import { linkedFiles, readElf } from "./image/linked-files.ts";
import { sbomOf } from "./image/sbom.ts";
import { root } from "./steps.ts";
import { type TarEntry, tar } from "./tar.ts";

/** Of the user that the image runs as, the one that distroless images call nonroot. */
const user = "65532:65532";

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const sha256 = (bytes: Uint8Array): string => new CryptoHasher("sha256").update(bytes).digest("hex");

interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const certificates = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/** In the image; tools that look for bills of materials know it by the end of its name. */
const sbomPath = "usr/share/sbom/kt.cdx.json";

async function layerEntries(binary: Uint8Array, sysroot: string | undefined): Promise<TarEntry[]> {
  const text = (path: string, value: string): TarEntry => ({ path, mode: 0o644, bytes: new TextEncoder().encode(value) });
  const parts = [{ path: "kt", mode: 0o755, bytes: binary }];
  for (const { path, from } of await linkedFiles(binary, sysroot)) parts.push({ path, mode: 0o755, bytes: await file(from).bytes() });
  for (const path of certificates) {
    if (await file(path).exists()) {
      parts.push({ path: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, bytes: await file(path).bytes() });
      break;
    }
  }
  const files: TarEntry[] = [
    ...parts,
    text("etc/passwd", "root:x:0:0::/:/kt\nnonroot:x:65532:65532::/tmp:/kt\n"),
    text("etc/group", "root:x:0:\nnonroot:x:65532:\n"),
    text("etc/nsswitch.conf", "hosts: files dns\n"),
    { path: sbomPath, mode: 0o644, bytes: await sbomOf(root, version, parts) },
  ];
  return [...folders(files), { path: "tmp/", mode: 0o1777 }, ...files];
}

function folders(files: readonly TarEntry[]): TarEntry[] {
  const all = files.flatMap(({ path }) => {
    const parts = path.split("/").slice(0, -1);
    return parts.map((_, at) => `${parts.slice(0, at + 1).join("/")}/`);
  });
  return [...new Set(all)].sort().map((path) => ({ path, mode: 0o755 }));
}

export interface ImageOptions {
  /** What containerd calls it once it is imported. */
  readonly name: string;
  /** Slow, for what travels: zstd, since gzip leaves the binary too large. */
  readonly compress: boolean;
  /** Where the C library of the binary's architecture lies. Default: this machine. */
  readonly sysroot?: string | undefined;
}

const mostCompressedBytes = 50e6;

/** The archive of an image with one layer (OCI image layout 1.0). */
export async function imageOf(binary: string, { name, compress, sysroot }: ImageOptions): Promise<Uint8Array> {
  const program = await file(binary).bytes();
  const { architecture } = readElf(program);
  const blobs = new Map<string, Uint8Array>();
  const add = (mediaType: string, bytes: Uint8Array): Blob => {
    const hex = sha256(bytes);
    blobs.set(`blobs/sha256/${hex}`, bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const plain = tar(await layerEntries(program, sysroot));
  const layerType = "application/vnd.oci.image.layer.v1.tar";
  const layer = compress ? add(`${layerType}+zstd`, zstdCompressSync(Buffer.from(plain), { level: 19 })) : add(layerType, plain);
  if (compress && layer.size > mostCompressedBytes) {
    throw new Error(`the image has ${layer.size / 1e6} MB compressed, and ${mostCompressedBytes / 1e6} at most are promised`);
  }
  const config = add(
    "application/vnd.oci.image.config.v1+json",
    json({
      architecture,
      os: "linux",
      config: { User: user, Entrypoint: ["/kt"], Env: ["PATH=/", "HOME=/tmp"], WorkingDir: "/tmp" },
      rootfs: { type: "layers", diff_ids: [`sha256:${sha256(plain)}`] },
    }),
  );
  const manifestType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = add(manifestType, json({ schemaVersion: 2, mediaType: manifestType, config, layers: [layer] }));
  const named = { ...manifest, platform: { architecture, os: "linux" }, annotations: { "io.containerd.image.name": name } };
  const index = json({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [named] });
  return tar([
    { path: "oci-layout", mode: 0o644, bytes: json({ imageLayoutVersion: "1.0.0" }) },
    { path: "index.json", mode: 0o644, bytes: index },
    ...[...blobs].map(([path, bytes]) => ({ path, mode: 0o644, bytes })),
  ]);
}

async function main(): Promise<void> {
  const { name, architecture, sysroot, isPlain } = imageRequest(process.argv.slice(2));
  const target = architecture && (`bun-linux-${architecture === "amd64" ? "x64" : "arm64"}` as const);
  const binary = target === undefined ? "dist/kt" : `dist/${targets[target]}`;
  if (target !== undefined) await build(binary, target);
  const image = await imageOf(`${root}/${binary}`, { name, compress: !isPlain, sysroot });
  const archive = architecture === undefined ? "dist/kt-image.tar" : `dist/kt-image-${architecture}.tar`;
  await write(`${root}/${archive}`, image);
  console.log(`${archive}: ${name}, ${(image.length / 1e6).toFixed(1)} MB`);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(`image: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}
