/** Packs dist/kt into an image, dist/kt-image.tar, as an OCI layout: no daemon, nothing pulled, the same bytes for the same binary. */

import { realpathSync } from "node:fs";
import { CryptoHasher, file, gzipSync, spawnSync, write } from "bun";
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

/** What the binary needs of its machine: the C library's own files, for it asks for nothing else. */
function libraries(binary: string): readonly { readonly path: string; readonly from: string }[] {
  const { stdout, success } = spawnSync(["ldd", binary]);
  if (!success) throw new Error(`ldd ${binary} failed: an image is built on Linux, with the binary of this machine's C library`);
  const paths = [...stdout.toString().matchAll(/(\/[^ ]*lib[^ ]*) \(0x/g)].map(([, path = ""]) => path);
  return [...new Set(paths)].map((path) => ({ path: path.slice(1), from: realpathSync(path) }));
}

const certificates = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

async function layerEntries(binary: string): Promise<TarEntry[]> {
  const text = (path: string, value: string): TarEntry => ({ path, mode: 0o644, bytes: new TextEncoder().encode(value) });
  const files: TarEntry[] = [
    { path: "kt", mode: 0o755, bytes: await file(binary).bytes() },
    text("etc/passwd", "root:x:0:0::/:/kt\nnonroot:x:65532:65532::/tmp:/kt\n"),
    text("etc/group", "root:x:0:\nnonroot:x:65532:\n"),
    text("etc/nsswitch.conf", "hosts: files dns\n"),
  ];
  for (const { path, from } of libraries(binary)) files.push({ path, mode: 0o755, bytes: await file(from).bytes() });
  for (const path of certificates) {
    if (await file(path).exists()) {
      files.push({ path: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, bytes: await file(path).bytes() });
      break;
    }
  }
  return [...folders(files), { path: "tmp/", mode: 0o1777 }, ...files];
}

function folders(files: readonly TarEntry[]): TarEntry[] {
  const all = files.flatMap(({ path }) => {
    const parts = path.split("/").slice(0, -1);
    return parts.map((_, at) => `${parts.slice(0, at + 1).join("/")}/`);
  });
  return [...new Set(all)].sort().map((path) => ({ path, mode: 0o755 }));
}

/** The archive of an image with one layer (OCI image layout 1.0). `name` is what containerd calls it once it is imported. */
export async function imageOf(binary: string, options: { readonly name: string; readonly gzip: boolean }): Promise<Uint8Array> {
  const blobs = new Map<string, Uint8Array>();
  const add = (mediaType: string, bytes: Uint8Array): Blob => {
    const hex = sha256(bytes);
    blobs.set(`blobs/sha256/${hex}`, bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const plain = tar(await layerEntries(binary));
  const layerType = "application/vnd.oci.image.layer.v1.tar";
  const layer = options.gzip ? add(`${layerType}+gzip`, gzipSync(Buffer.from(plain), { level: 9 })) : add(layerType, plain);
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
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
  const named = { ...manifest, platform: { architecture, os: "linux" }, annotations: { "io.containerd.image.name": options.name } };
  const index = json({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [named] });
  return tar([
    { path: "oci-layout", mode: 0o644, bytes: json({ imageLayoutVersion: "1.0.0" }) },
    { path: "index.json", mode: 0o644, bytes: index },
    ...[...blobs].map(([path, bytes]) => ({ path, mode: 0o644, bytes })),
  ]);
}

if (import.meta.main) {
  const name = process.argv.find((word) => word.startsWith("--name="))?.slice("--name=".length) ?? "kt:dev";
  const image = await imageOf(`${root}/dist/kt`, { name, gzip: process.argv.includes("--gzip") });
  await write(`${root}/dist/kt-image.tar`, image);
  console.log(`dist/kt-image.tar: ${name}, ${Math.round(image.length / 1e6)} MB`);
}
