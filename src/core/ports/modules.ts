/** Code that is not part of this program. */
export interface Modules {
  /** Runs a TypeScript or JavaScript file, with what it imports, and returns what it exports. Rejects with what that threw. */
  load(path: string): Promise<Readonly<Record<string, unknown>>>;
  /** Why a runtime can't load a file of such a path, to go on after "as"; undefined where it can. */
  unloadable(path: string): string | undefined;
  /** Answers imports of a package by its name, where the runtime can do that; `exports` is called for the first one. */
  provide(name: string, exports: () => Promise<Readonly<Record<string, unknown>>>): void;
}
