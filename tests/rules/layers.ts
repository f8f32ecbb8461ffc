/// <reference lib="deno.unstable" />

/**
 * The lint rule that holds ARCHITECTURE.md's layers: who may import whom, which folder may use which npm package, and that runtime globals,
 * clocks, chance and the console stay where they belong. Its table of cases is `layers_test.ts`.
 */

const FEATURES = ["config", "control", "http", "ipc", "jobs", "log", "metrics", "profile", "resource", "service", "store"];

/** The rooms of core, which is the only layer that has some; what lies beside them is above them. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  "core/values": [],
  "core/ports": ["core/values"],
  "core/messages": ["core/values", "core/ports"],
  "core/wire": ["core/values", "core/ports"],
  "core/supervise": ["core/values", "core/ports", "core/messages", "core/wire"],
};

/** Folders that each folder of src may import besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  ...ROOMS,
  core: Object.keys(ROOMS),
  platform: ["core"],
  testing: ["core"],
  schema: ["core"],
  ...Object.fromEntries(FEATURES.map((name) => [name, ["core", "schema"]])),
  record: ["core", "schema", ...FEATURES],
  instance: ["core", "schema", "platform", ...FEATURES],
  settings: ["core", "schema", "platform", ...FEATURES, "instance"],
  leftover: ["core", "schema", ...FEATURES, "instance", "settings"],
  standalone: ["core", "schema", "platform", ...FEATURES],
  daemon: ["core", "schema", "platform", ...FEATURES, "record", "instance", "settings", "leftover"],
  cli: ["core", "schema", "platform", ...FEATURES, "record", "instance", "settings", "leftover", "daemon"],
};

/** The npm packages that each folder, or each file of that path, may import; sub-paths of a package are included. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  config: ["smol-toml", "toml-eslint-parser"],
  control: ["hono"],
  profile: ["pprof-format"],
  cli: ["commander"],
};

/** Files that may use clocks, chance and the console of the runtime; `src/platform` may as well. */
const CLOCK_FILE = "core/ports/clock.ts";

const RUNTIME_MODULE = /^(node:|bun:|bun$)/;
/** Names that exist only in some runtime, or that lead to all others. */
const RUNTIME_GLOBALS = new Set([
  "Deno",
  "Bun",
  "process",
  "Buffer",
  "NodeJS",
  "require",
  "globalThis",
  "global",
  "window",
  "self",
  "eval",
  "Function",
]);
/** Names through which time or printing enters without having been passed in. */
const UNPASSED = new Set(["setTimeout", "setInterval", "setImmediate", "performance", "console"]);
/** Members through which time or chance enters. */
const UNPASSED_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  Date: ["now"],
  Math: ["random"],
  Temporal: ["Now"],
  AbortSignal: ["timeout"],
  crypto: ["randomUUID", "getRandomValues"],
};

type Node = Deno.lint.Node;
/** The fields of a node's parent that say which role the node plays in it; the tree's many node types differ only there. */
type Roles = { type: string; computed?: boolean; [role: string]: unknown };

/** Whether an identifier stands for a value or a type that lives elsewhere, and is not a key, a parameter or a name being declared. */
function isReference(node: Deno.lint.Identifier): boolean {
  const parent = node.parent as unknown as Roles;
  switch (parent.type) {
    case "MemberExpression":
    case "TSQualifiedName":
      return parent.type === "TSQualifiedName" ? parent.left === node : parent.object === node || parent.computed === true;
    case "Property":
      if ((parent.parent as Roles).type === "ObjectPattern") return parent.key === node && parent.computed === true;
      return parent.value === node || parent.computed === true;
    case "VariableDeclarator":
      return parent.init === node;
    case "AssignmentPattern":
      return parent.right === node;
    case "ArrowFunctionExpression":
      return parent.body === node;
    case "PropertyDefinition":
    case "AccessorProperty":
      return parent.value === node || parent.computed === true;
    case "ClassDeclaration":
    case "ClassExpression":
      return parent.superClass === node;
    case "TSTypeAliasDeclaration":
      return parent.typeAnnotation === node;
    case "ExportSpecifier":
      return parent.local === node;
    case "CatchClause":
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ImportDefaultSpecifier":
    case "ImportNamespaceSpecifier":
    case "ImportSpecifier":
    case "LabeledStatement":
    case "BreakStatement":
    case "ContinueStatement":
    case "MethodDefinition":
    case "RestElement":
    case "ArrayPattern":
    case "TSParameterProperty":
    case "TSFunctionType":
    case "TSConstructorType":
    case "TSMethodSignature":
    case "TSPropertySignature":
    case "TSAbstractMethodDefinition":
    case "TSAbstractPropertyDefinition":
    case "TSIndexSignature":
    case "TSInterfaceDeclaration":
    case "TSTypeParameter":
    case "TSNamedTupleMember":
    case "TSEnumDeclaration":
    case "TSEnumMember":
    case "TSDeclareFunction":
    case "TSEmptyBodyFunctionExpression":
    case "TSCallSignatureDeclaration":
    case "TSConstructSignatureDeclaration":
    case "TSTypePredicate":
      return false;
    default:
      return true;
  }
}

/** Whether a name that a file uses was declared in a scope around its use: a parameter, a variable, an import. */
function isLocal(node: Deno.lint.Identifier): boolean {
  for (let scope = node.parent as unknown as Roles | undefined; scope !== undefined && scope !== null; scope = scope.parent as Roles) {
    const statements = [scope.body, scope.consequent].find(Array.isArray) ?? [];
    const patterns = [...(scope.params as Roles[] ?? []), scope.param, ...[...statements, scope.init, scope.left].flatMap(declaredBy)];
    if (patterns.some((pattern) => binds(pattern as Roles | null, node.name))) return true;
  }
  return false;
}

/** The patterns that a statement declares. */
function declaredBy(statement: Roles | null | undefined): unknown[] {
  switch (statement?.type) {
    case "VariableDeclaration":
      return (statement.declarations as Roles[]).map((declarator) => declarator.id);
    case "FunctionDeclaration":
    case "ClassDeclaration":
      return [statement.id];
    case "ImportDeclaration":
      return (statement.specifiers as Roles[]).map((specifier) => specifier.local);
    case "ExportNamedDeclaration":
      return declaredBy(statement.declaration as Roles | null);
    default:
      return [];
  }
}

/** Whether a pattern binds a name. */
function binds(pattern: Roles | null | undefined, name: string): boolean {
  switch (pattern?.type) {
    case "Identifier":
      return pattern.name === name;
    case "ObjectPattern":
      return (pattern.properties as Roles[]).some((property) => binds((property.value ?? property) as Roles, name));
    case "ArrayPattern":
      return (pattern.elements as Roles[]).some((element) => binds(element, name));
    case "AssignmentPattern":
      return binds(pattern.left as Roles, name);
    case "RestElement":
      return binds(pattern.argument as Roles, name);
    case "TSParameterProperty":
      return binds(pattern.parameter as Roles, name);
    default:
      return false;
  }
}

/** The name of the member that an expression takes of `node`: `a.b` and `a["b"]` take b; undefined when it takes none or one that is computed. */
function memberOf(node: Deno.lint.Identifier): string | undefined {
  const parent = node.parent as unknown as Roles;
  if (parent.type !== "MemberExpression" || parent.object !== node) return undefined;
  const property = parent.property as Roles;
  if (parent.computed !== true) return property.name as string;
  return property.type === "Literal" ? String(property.value) : undefined;
}

/** Whether this use of Date, Math and their like brings no time or chance in. */
function isHarmless(node: Deno.lint.Identifier): boolean {
  const parent = node.parent as unknown as Roles;
  if (parent.type === "NewExpression" && parent.callee === node) return node.name !== "Date" || (parent.arguments as unknown[]).length > 0;
  if (parent.type === "BinaryExpression") return parent.operator === "instanceof";
  if (parent.type.startsWith("TS")) return true;
  const member = memberOf(node);
  return member !== undefined && !UNPASSED_MEMBERS[node.name].includes(member);
}

/** Whether a member is taken but not called: the composition root picks the sources of chance and hands them on, and uses none itself. */
function isHandedOn(node: Deno.lint.Identifier): boolean {
  if (memberOf(node) === undefined) return false;
  const member = node.parent as unknown as Roles;
  const user = member.parent as Roles;
  return user.type !== "CallExpression" || user.callee !== member;
}

/** The layer of a file below src, or its room where the layer has rooms; empty for a file in src itself. */
function folderOf(file: string): string {
  const [layer, ...rest] = file.split("/");
  if (rest.length === 0) return "";
  return layer === "core" && rest.length > 1 ? `${layer}/${rest[0]}` : layer;
}

/** The layer rule for a checkout at `root` (an absolute path without a slash at its end). */
export function layers(root: string): Deno.lint.Plugin {
  const base = root.replaceAll("\\", "/");
  const source = `${base}/src/`;
  const library = `${base}/mod.ts`;

  function create(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
    const filename = context.filename.replaceAll("\\", "/");
    if (filename === library) return { Program: (node) => node.body.forEach((statement) => checkLibrary(context, statement)) };
    if (!filename.startsWith(source)) return {};
    const file = filename.slice(source.length);
    const here = folderOf(file);
    const allowed = MAY_IMPORT[here];

    function report(node: Node, message: string): void {
      context.report({ node, message: `src/${here} ${message}`, hint: "see ARCHITECTURE.md" });
    }
    if (allowed === undefined) return { Program: (node) => report(node, "is not a layer, and no file lies in src itself") };

    function checkImport(node: Node, specifier: string): void {
      if (specifier.startsWith(".")) return checkRelative(node, specifier);
      if (RUNTIME_MODULE.test(specifier)) {
        if (here !== "platform") report(node, `imports "${specifier}"; only src/platform talks to a runtime`);
        return;
      }
      const packages = [...(PACKAGES[here] ?? []), ...(PACKAGES[file] ?? [])];
      if (packages.some((name) => specifier === name || specifier.startsWith(`${name}/`))) return;
      report(node, `must not import "${specifier}": it may use ${packages.length === 0 ? "no package" : packages.join(", ")}`);
    }
    function checkRelative(node: Node, specifier: string): void {
      const target = new URL(specifier, `file://${filename}`).pathname;
      const inside = new URL(`file://${source}`).pathname;
      if (!target.startsWith(inside)) return report(node, `must not import "${specifier}", which lies outside of src`);
      const there = folderOf(target.slice(inside.length));
      if (there !== here && !allowed.includes(there) && !allowed.includes(there.split("/")[0])) {
        report(node, `must not import src/${there}`);
      }
    }
    function checkUnknown(node: Node, value: Node): void {
      if (value.type === "Literal" && typeof value.value === "string") return checkImport(node, value.value);
      if (here !== "platform") report(node, "imports a module whose name is computed; only src/platform loads modules by name");
    }

    const imports: Deno.lint.LintVisitor = {
      ImportDeclaration: (node) => checkImport(node, node.source.value),
      ExportAllDeclaration: (node) => checkImport(node, node.source.value),
      ExportNamedDeclaration: (node) => void (node.source && checkImport(node, node.source.value)),
      ImportExpression: (node) => checkUnknown(node, node.source),
      TSExternalModuleReference: (node) => checkUnknown(node, node.expression),
      TSImportType: (node) => {
        const argument = node.argument as Node;
        checkUnknown(node, argument.type === "TSLiteralType" ? argument.literal : argument);
      },
      Program: (node) => {
        if (/^\/\/\/\s*<reference/m.test(context.sourceCode.text)) report(node, "refers to ambient types, which change what a name means");
      },
    };
    if (here === "platform") return imports;

    return {
      ...imports,
      Identifier: (node) => {
        const { name } = node;
        if (!RUNTIME_GLOBALS.has(name) && !UNPASSED.has(name) && !Object.hasOwn(UNPASSED_MEMBERS, name)) return;
        if (!isReference(node) || isLocal(node)) return;
        if (RUNTIME_GLOBALS.has(name)) {
          if (name === "Function" && node.parent.type.startsWith("TS") || isInstanceOf(node)) return;
          return report(node, `uses the runtime's "${name}"`);
        }
        if (file === CLOCK_FILE || name === "console" && here === "cli") return;
        if (UNPASSED.has(name)) return report(node, `uses "${name}"; time, chance and printing are passed in`);
        if (here === "daemon" && isHandedOn(node)) return;
        if (!isHarmless(node)) report(node, `uses time or chance of "${name}"; they are passed in`);
      },
    };
  }
  return { name: "layers", rules: { direction: { create } } };
}

/** The library is what src exports, except for the layers that are an entry point themselves or talk to a runtime. */
function checkLibrary(context: Deno.lint.RuleContext, statement: Deno.lint.Statement): void {
  const isExport = statement.type === "ExportNamedDeclaration" || statement.type === "ExportAllDeclaration";
  const folder = isExport ? /^\.\/src\/([^/]+)\//.exec(statement.source?.value ?? "")?.[1] : undefined;
  if (folder !== undefined && !["cli", "platform", "testing"].includes(folder)) return;
  context.report({ node: statement, message: "mod.ts must only re-export from src, and not from its entry points or its platform" });
}

function isInstanceOf(node: Deno.lint.Identifier): boolean {
  return node.name === "Function" && node.parent.type === "BinaryExpression";
}

/** The rule for this checkout. */
const plugin: Deno.lint.Plugin = layers(new URL("../..", import.meta.url).pathname.replace(/\/$/, ""));
export default plugin;
