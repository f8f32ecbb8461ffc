/** Effect of a reload on a changed key: applied at once, restarts the unit it belongs to, or reports that the daemon must restart. */
export type ReloadClass = "live" | "unit" | "daemon";

/** Meaning of a text of the configuration, where its type alone does not say. */
export type KeyKind = "duration" | "milliseconds" | "size" | "path";

/** Stands in messages for a value that is never shown. */
export const HIDDEN = "a value that is not shown";

/** Facts about one key of the configuration beside its values; features declare them, the loader and the documentation read them. */
export type KeyFacts = {
  /** Purpose of the key, in one sentence; absent for the items of a list. */
  about?: string;
  /** Wording for a right value, to go on after "expected". */
  expects: string;
  /** Effect of a reload. */
  reload: ReloadClass;
  /** Value without any source; absent where there is none. */
  default?: unknown;
  /** A value to copy, for the documentation, where the default is none or says little. */
  example?: unknown;
  /** Meaning of the text. */
  kind?: KeyKind;
  /** Words that others use for a value, in small letters, and the value. */
  meant?: Readonly<Record<string, string>>;
  /** Advises on a text that it does not take; undefined where that text calls for nothing in particular. */
  advise?: (text: string) => string | undefined;
  /** Its value is never shown. @default {false} */
  secret?: boolean;
  /** `${VAR}` stays as it is, for values that a shell reads. @default {false} */
  verbatim?: boolean;
  /** Its feature has not landed: only the default is accepted. @default {false} */
  notYet?: boolean;
  /** Texts that it will take once their features have landed. */
  notYetChoices?: readonly string[];
  /** It is another spelling, with a unit, of this sibling, which ends in `_ms`. */
  unitFormOf?: string;
};

/** Facts about a table of the configuration. */
export type TableFacts = {
  /** Wording for the content of the table, to go on after "expected". */
  expects: string;
  /** Keys whose features have not landed. */
  notYetKeys?: readonly string[];
  /** Words that others use for a key, and the key. */
  aliases?: Readonly<Record<string, string>>;
  /** Key that a text in place of the table stands for: `restart = "always"` is `restart.policy`. */
  shorthand?: string;
  /** Its keys are names of things rather than options: in code an unknown one is a wrong value. @default {false} */
  isOfNames?: boolean;
  /** Whether a value of code is what the table would make, and so stands in its place. */
  isMade?: (value: unknown) => boolean;
  /** Its entries are units: one that comes starts, and one that goes stops. @default {false} */
  isOfUnits?: boolean;
  /** It is a pattern for others: no defaults are filled in and its keys have no name in the environment. @default {false} */
  isTemplate?: boolean;
  /** Says what is wrong with the name of an entry, for tables whose keys are names. */
  nameProblem?: (name: string) => string | undefined;
};
