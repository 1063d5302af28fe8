/** The bill of materials of an image (CycloneDX 1.6): kt, the packages in its binary, the runtime, and the files beside it. */

import { existsSync } from "node:fs";
import { CryptoHasher, file } from "bun";

/** A file of the image. */
interface ImageFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

interface PackageManifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

interface Component {
  readonly type: "application" | "library" | "file" | "platform";
  readonly name: string;
  readonly "bom-ref": string;
}

const npm = ({ name, version }: PackageManifest): string => `pkg:npm/${name.replace("@", "%40")}@${version}`;

const licenseOf = ({ license }: PackageManifest): object => (license === undefined ? {} : { licenses: [{ expression: license }] });

/** Nothing in it is of a time or a place: the same files make the same text. `root` is the folder of package.json. */
export async function sbomOf(root: string, runtime: string, files: readonly ImageFile[]): Promise<Uint8Array> {
  const own: PackageManifest = await file(`${root}/package.json`).json();
  const packages = await bundled(root, own);
  const ref = `kt@${own.version}`;
  const libraries: Component[] = packages.map((each) => ({
    type: "library",
    name: each.name,
    version: each.version,
    ...licenseOf(each),
    purl: npm(each),
    "bom-ref": npm(each),
  }));
  const platform: Component = { type: "platform", name: "bun", "bom-ref": `bun@${runtime}` };
  const beside: Component[] = files.map(({ path, bytes }) => ({
    type: "file",
    name: `/${path}`,
    hashes: [{ alg: "SHA-256", content: new CryptoHasher("sha256").update(bytes).digest("hex") }],
    ...propertiesOf(bytes),
    "bom-ref": `/${path}`,
  }));
  const components = [{ ...platform, version: runtime, licenses: [{ expression: "MIT" }] }, ...libraries, ...beside];
  const document = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: { type: "application", name: "kt", version: own.version, ...licenseOf(own), "bom-ref": ref } },
    components,
    dependencies: [{ ref, dependsOn: components.map((each) => each["bom-ref"]) }],
  };
  return new TextEncoder().encode(`${JSON.stringify(document, undefined, 2)}\n`);
}

/** The GNU C library says its version in itself. */
function propertiesOf(bytes: Uint8Array): object {
  const [text] = /GNU C Library [^\n\0]{1,80}version \d+(\.\d+)*/.exec(Buffer.from(bytes).toString("latin1")) ?? [];
  return text === undefined ? {} : { description: text };
}

/** What kt depends on at run time, and what that does, in order. */
async function bundled(root: string, own: PackageManifest): Promise<PackageManifest[]> {
  const found = new Map<string, PackageManifest>();
  const visit = async (manifest: PackageManifest, folder: string): Promise<void> => {
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      const at = placeOf(name, folder, root);
      const dependency: PackageManifest = await file(`${at}/package.json`).json();
      if (found.has(npm(dependency))) continue;
      found.set(npm(dependency), dependency);
      await visit(dependency, at);
    }
  };
  await visit(own, root);
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, manifest]) => manifest);
}

/** As modules are looked for: beside the one that asks, then further up. */
function placeOf(name: string, folder: string, root: string): string {
  const own = `${folder}/node_modules/${name}`;
  return existsSync(own) ? own : `${root}/node_modules/${name}`;
}
