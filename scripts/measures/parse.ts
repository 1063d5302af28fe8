/** Reads the sources with the TypeScript parser: how long functions are, what classes hold, what the comments say. */

import {
  getLeadingCommentRanges,
  isArrowFunction,
  isClassDeclaration,
  isConstructorDeclaration,
  isFunctionDeclaration,
  isFunctionExpression,
  isGetAccessorDeclaration,
  isIdentifier,
  isMethodDeclaration,
  isPropertyAssignment,
  isPropertyDeclaration,
  isSetAccessorDeclaration,
  isVariableDeclaration,
  type Node,
  type SourceFile,
  SyntaxKind,
} from "typescript/unstable/ast";
import { API } from "typescript/unstable/async";
import { root } from "../steps.ts";
import type { SourceText } from "./house.ts";

export interface ParsedFunction {
  readonly name: string;
  readonly lines: number;
  readonly text: string;
}

export interface ParsedClass {
  readonly name: string;
  readonly comment: string;
  /** Its own, not those of the class itself. */
  readonly fields: number;
  readonly booleans: number;
}

export interface ParsedFile extends SourceText {
  readonly lines: number;
  readonly functions: readonly ParsedFunction[];
  readonly classes: readonly ParsedClass[];
  readonly comments: string;
}

/** What runs in Bun, and what runs in browsers. */
const projects = ["tsconfig.json", "src/dashboard/tsconfig.json"];

/** The files of the projects below these folders, in the order of their paths. */
export async function parseSources(folders: readonly string[]): Promise<ParsedFile[]> {
  const api = new API({ cwd: root });
  try {
    const snapshot = await api.updateSnapshot({ openProjects: projects.map((path) => `${root}${path}`) });
    const found = snapshot.getProjects().flatMap(({ rootFiles, program }) => rootFiles.map((path) => ({ path, program })));
    const wanted = found.filter(({ path }) => folders.some((folder) => path.startsWith(`${root}${folder}/`)));
    const files = await Promise.all(wanted.sort(byPath).map(async ({ path, program }) => await program.getSourceFile(path)));
    return files.flatMap((file) => (file === undefined ? [] : [parsedFile(file)]));
  } finally {
    await api.close();
  }
}

function byPath(one: { readonly path: string }, other: { readonly path: string }): number {
  return one.path < other.path ? -1 : 1;
}

function parsedFile(file: SourceFile): ParsedFile {
  const nodes = [...nodesBelow(file)];
  return {
    path: file.fileName.slice(root.length),
    text: file.text,
    lines: file.text.split("\n").length - 1,
    functions: nodes.flatMap((node) => parsedFunction(node, file)),
    classes: nodes.flatMap((node) => parsedClass(node, file)),
    comments: commentsOf(nodes, file),
  };
}

function* nodesBelow(node: Node): Generator<Node> {
  yield node;
  const children: Node[] = [];
  node.forEachChild((child) => {
    children.push(child);
  });
  for (const child of children) yield* nodesBelow(child);
}

/** A function, method or accessor with a body, or an arrow function that has a name. */
function parsedFunction(node: Node, file: SourceFile): ParsedFunction[] {
  const name = nameOfFunction(node, file);
  if (name === undefined) return [];
  return [{ name, lines: lineOf(file, node.getEnd()) - lineOf(file, node.getStart(file)) + 1, text: node.getText(file) }];
}

function nameOfFunction(node: Node, file: SourceFile): string | undefined {
  if (isConstructorDeclaration(node)) return "constructor";
  if (isFunctionDeclaration(node) || isMethodDeclaration(node) || isGetAccessorDeclaration(node) || isSetAccessorDeclaration(node))
    return node.body === undefined ? undefined : node.name?.getText(file);
  if (!isArrowFunction(node) && !isFunctionExpression(node)) return undefined;
  const { parent } = node;
  const isNamed = isVariableDeclaration(parent) || isPropertyDeclaration(parent) || isPropertyAssignment(parent);
  return isNamed ? parent.name.getText(file) : undefined;
}

function parsedClass(node: Node, file: SourceFile): ParsedClass[] {
  if (!isClassDeclaration(node)) return [];
  const fields = node.members
    .filter(isPropertyDeclaration)
    .filter(({ modifiers }) => !modifiers?.some(({ kind }) => kind === SyntaxKind.StaticKeyword));
  const booleans = fields.filter(
    ({ type, initializer }) =>
      type?.kind === SyntaxKind.BooleanKeyword ||
      initializer?.kind === SyntaxKind.TrueKeyword ||
      initializer?.kind === SyntaxKind.FalseKeyword,
  );
  const name = node.name !== undefined && isIdentifier(node.name) ? node.name.text : "";
  const comment = (node.jsDoc ?? []).map((each) => each.getText(file)).join("\n");
  return [{ name, comment, fields: fields.length, booleans: booleans.length }];
}

/** Comments stand before the nodes that they are about; each is found once by where it begins. */
function commentsOf(nodes: readonly Node[], file: SourceFile): string {
  const found = new Map<number, number>();
  for (const node of nodes) {
    for (const { pos, end } of getLeadingCommentRanges(file.text, node.getFullStart()) ?? []) found.set(pos, end);
  }
  return [...found].map(([pos, end]) => file.text.slice(pos, end)).join("\n");
}

function lineOf(file: SourceFile, position: number): number {
  return file.getLineAndCharacterOfPosition(position).line;
}
