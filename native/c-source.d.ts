/** C that is compiled when it is first needed, imported as text. */

declare module "*.c" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: what an import of text gives
  export default text;
}
