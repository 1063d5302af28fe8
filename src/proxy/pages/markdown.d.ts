/** Pages of the docs, imported as text. */

declare module "*.md" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: what an import of text gives
  export default text;
}
